package bench_test

import (
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
)

// official calls the cloud as the vendor's generated SDK does, line by line:
// the generic client, then the conversion of its maps into a struct. The
// generated module itself adds nothing but such code.
type official struct {
	client *openapi.Client
}

// officialAnswer is the generated type's shape.
type officialAnswer struct {
	Headers    map[string]*string `json:"headers,omitempty"`
	StatusCode *int32             `json:"statusCode,omitempty"`
	Body       *officialBody      `json:"body,omitempty"`
}

type officialBody struct {
	AccessDeniedDetail *string           `json:"AccessDeniedDetail,omitempty"`
	Code               *string           `json:"Code,omitempty"`
	Message            *string           `json:"Message,omitempty"`
	PhoneNumbers       []*officialNumber `json:"PhoneNumbers,omitempty" type:"Repeated"`
	RequestId          *string           `json:"RequestId,omitempty"`
	Success            *bool             `json:"Success,omitempty"`
}

type officialNumber struct {
	CodeVerificationStatus *string `json:"CodeVerificationStatus,omitempty"`
	IsOfficial             *string `json:"IsOfficial,omitempty"`
	MessagingLimitTier     *string `json:"MessagingLimitTier,omitempty"`
	NameStatus             *string `json:"NameStatus,omitempty"`
	NewNameStatus          *string `json:"NewNameStatus,omitempty"`
	PhoneNumber            *string `json:"PhoneNumber,omitempty"`
	QualityRating          *string `json:"QualityRating,omitempty"`
	Status                 *string `json:"Status,omitempty"`
	StatusCallbackUrl      *string `json:"StatusCallbackUrl,omitempty"`
	StatusQueue            *string `json:"StatusQueue,omitempty"`
	UpCallbackUrl          *string `json:"UpCallbackUrl,omitempty"`
	UpQueue                *string `json:"UpQueue,omitempty"`
	VerifiedName           *string `json:"VerifiedName,omitempty"`
}

func newOfficial(endpoint, id, secret string) (*official, error) {
	client, err := openapi.NewClient(&utils.Config{
		AccessKeyId: &id, AccessKeySecret: &secret, Protocol: dara.String("HTTP"),
		Endpoint: dara.String(strings.TrimPrefix(endpoint, "http://")),
	})
	return &official{client}, err
}

// call asks for a space's numbers and returns how many came.
func (o *official) call(space string) (int, error) {
	params := &utils.Params{
		Action: dara.String("ChatappSyncPhoneNumber"), Version: dara.String("2020-06-06"), Protocol: dara.String("HTTPS"),
		Pathname: dara.String("/"), Method: dara.String("POST"), AuthType: dara.String("AK"), Style: dara.String("RPC"),
		ReqBodyType: dara.String("formData"), BodyType: dara.String("json"),
	}
	request := &utils.OpenApiRequest{Query: utils.Query(map[string]any{"CustSpaceId": space})}
	body, err := o.client.CallApi(params, request, &dara.RuntimeOptions{
		ReadTimeout: dara.Int(10_000), ConnectTimeout: dara.Int(10_000), MaxIdleConns: dara.Int(64),
	})
	if err != nil {
		return 0, err
	}
	answer := &officialAnswer{}
	if err := dara.Convert(body, answer); err != nil {
		return 0, err
	}
	return len(answer.Body.PhoneNumbers), nil
}
