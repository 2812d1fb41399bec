package poller

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/stretchr/testify/require"
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

// bareCall is the least that a signed call takes: the vendor's signature,
// net/http, a typed decode.
func bareCall(client *http.Client, base *url.URL, id string) (int, error) {
	values := map[string]string{
		"host": base.Host, "x-acs-action": "ChatappSyncPhoneNumber", "x-acs-version": apiVersion,
		"x-acs-date": time.Now().UTC().Format("2006-01-02T15:04:05Z"), "x-acs-signature-nonce": nonce(),
		"x-acs-content-sha256": nothingHashed,
	}
	signed := &dara.Request{Method: dara.String("POST"), Headers: map[string]*string{}, Query: map[string]*string{"CustSpaceId": &id}}
	req, err := http.NewRequest(http.MethodPost, base.String()+"?"+url.Values{"CustSpaceId": {id}}.Encode(), nil)
	if err != nil {
		return 0, err
	}
	for k, v := range values {
		signed.Headers[k] = &v
		req.Header.Set(k, v)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", *utils.GetAuthorization(signed, dara.String(algorithm), dara.String(nothingHashed), &testKey.AccessKeyId, &testKey.AccessKeySecret))
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer bareAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	return len(answer.PhoneNumbers), nil
}

// canned answers the same body always, so that the server costs little.
func canned(b testing.TB, numbers int) string {
	doc := map[string]any{"Code": "OK", "Success": true, "Message": "None", "AccessDeniedDetail": "None", "RequestId": "90E63D28-E31D-1EB2-8939-A94866411B2O"}
	var list []map[string]string
	for i := range numbers {
		n := map[string]string{}
		for k, v := range number(fmt.Sprint(8613800000000 + i)) {
			n[k] = v
		}
		list = append(list, n)
	}
	doc["PhoneNumbers"] = list
	body, err := json.Marshal(doc)
	require.NoError(b, err)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}))
	b.Cleanup(web.Close)
	return web.URL
}

func BenchmarkFetch(b *testing.B) {
	for _, numbers := range []int{5, 200} {
		at := canned(b, numbers)
		base, err := url.Parse(at + "/")
		require.NoError(b, err)
		b.Run(fmt.Sprintf("numbers=%d/bare", numbers), func(b *testing.B) {
			b.ReportAllocs()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for b.Loop() {
				n, err := bareCall(client, base, "293483938849493")
				if err != nil || n != numbers {
					b.Fatal(n, err)
				}
			}
		})
		b.Run(fmt.Sprintf("numbers=%d/fetch", numbers), func(b *testing.B) {
			b.ReportAllocs()
			client, err := NewClient(ClientOptions{Account: "main", Endpoint: at, Credentials: keyed(testKey)})
			require.NoError(b, err)
			defer client.Close()
			for b.Loop() {
				s, err := client.Fetch(b.Context(), space("293483938849493"))
				if err != nil || len(s.Numbers) != numbers {
					b.Fatal(err)
				}
			}
		})
	}
}
