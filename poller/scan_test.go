package poller

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const usualAnswer = `{"AccessDeniedDetail": "None", "Code": "OK", "Message": "None", "RequestId": "90E6", "Success": true,
 "PhoneNumbers": [{"PhoneNumber": "8613800001111", "VerifiedName": "Café 😀", "Status": "CONNECTED", "UpCallbackUrl": null,
  "CallingConfigure": {"on": true, "hours": [1, 2]}, "IsOfficial": "N"}, null, {"PhoneNumber": 861380000}]}
`

func TestScanReadsWhatIsUsual(t *testing.T) {
	for _, body := range []string{usualAnswer, `{}`, `{"PhoneNumbers":[]}`, ` {"Code":200,"Success":"true"} `, `{"AccessDeniedDetail":{"a":[]}}`} {
		a := new(syncAnswer)
		require.True(t, a.scan([]byte(body)), body)
		sameAsJSON(t, a, []byte(body))
	}
}

func TestScanLeavesTheRestToJSON(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, body := range []string{
		``, `[]`, `{`, `{"Code":"OK"`, `{"Code":"OK"}x`, `{"Code":"O\\u004b"}`, `{"code":"OK"}`, `{"Code":{}}`, `{"PhoneNumbers":null}`,
		`{"PhoneNumbers":[],"PhoneNumbers":[{}]}`, `{"PhoneNumbers":[1]}`, `{"PhoneNumbers":[{"status":"x"}]}`, `{"Code":1.5}`, `{"Code":01}`,
		`{"Code":nul}`, `{"Code":"OK",}`, `{"PhoneNumbers":[{},]}`, "{\"Code\":\"a\nb\"}", "{\"Code\":\"\xff\"}", `{"x":` + deep + `}`, `{"Meſſage":"x"}`,
	} {
		require.False(t, new(syncAnswer).scan([]byte(body)), body)
	}
}

// sameAsJSON wants what encoding/json makes of the body.
func sameAsJSON(t *testing.T, a *syncAnswer, body []byte) {
	t.Helper()
	want := new(syncAnswer)
	require.NoError(t, json.Unmarshal(body, want))
	require.Equal(t, want.detail(), a.detail())
	want.AccessDeniedDetail, a.AccessDeniedDetail = nil, nil
	require.Equal(t, want, a)
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(usualAnswer))
	f.Add([]byte(`{"Code":"OK","code":"no","PhoneNumbers":[{"Status":"a","Status":null,"K":[{"x":0}]}]}`))
	f.Add([]byte(`{"AccessDeniedDetail":{"AuthAction":"x"},"Message":12,"x":[true,false,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if a := new(syncAnswer); a.scan(body) {
			sameAsJSON(t, a, body)
		}
	})
}
