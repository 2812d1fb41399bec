package bench_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
)

const (
	keyID         = "LTAI0000000000000000"
	keySecret     = "bench-secret"
	algorithm     = "ACS3-HMAC-SHA256"
	nothingHashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// bareAnswer is what anybody would decode into.
type bareAnswer struct {
	Code, Message, RequestId string
	Success                  bool
	PhoneNumbers             []struct {
		PhoneNumber, VerifiedName, Status, QualityRating, CodeVerificationStatus, NewNameStatus, NameStatus string
		MessagingLimitTier, StatusQueue, UpQueue, StatusCallbackUrl, UpCallbackUrl, IsOfficial              string
	}
}

var nonces atomic.Int64

// bareCall is the least that a signed call takes: the vendor's signature,
// net/http, a typed decode. It returns how many numbers came.
func bareCall(client *http.Client, base *url.URL, space string) (int, error) {
	values := map[string]string{
		"host": base.Host, "x-acs-action": "ChatappSyncPhoneNumber", "x-acs-version": "2020-06-06",
		"x-acs-date":            time.Now().UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": strconv.FormatInt(nonces.Add(1), 10), "x-acs-content-sha256": nothingHashed,
	}
	signed := &dara.Request{Method: dara.String("POST"), Headers: map[string]*string{}, Query: map[string]*string{"CustSpaceId": &space}}
	request, err := http.NewRequest(http.MethodPost, base.String()+"?"+url.Values{"CustSpaceId": {space}}.Encode(), nil)
	if err != nil {
		return 0, err
	}
	for k, v := range values {
		signed.Headers[k] = &v
		request.Header.Set(k, v)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", *utils.GetAuthorization(signed, dara.String(algorithm), dara.String(nothingHashed), dara.String(keyID), dara.String(keySecret)))
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var decoded bareAnswer
	if err := json.NewDecoder(answer.Body).Decode(&decoded); err != nil {
		return 0, err
	}
	return len(decoded.PhoneNumbers), nil
}
