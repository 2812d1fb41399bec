package cams

import (
	"encoding/json"
	"fmt"
	"reflect"
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

// Every key that is wanted is read quickly, and given over to encoding/json in
// another case.
func TestScanKnowsEveryKey(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		body string
	}{{reflect.TypeFor[envelope](), `{%q: "x"}`}, {reflect.TypeFor[record](), `{"PhoneNumbers": [{%q: "x"}]}`}} {
		for field := range c.of.Fields() {
			body := []byte(fmt.Sprintf(c.body, field.Name))
			a := new(syncAnswer)
			require.True(t, a.scan(body), field.Name)
			sameAsJSON(t, a, body)
			require.False(t, a.scan([]byte(fmt.Sprintf(c.body, strings.ToLower(field.Name)))), field.Name)
		}
	}
}

// What an attempt before has left behind is no part of the answer.
func TestUnmarshalBeginsAnew(t *testing.T) {
	a, list := new(syncAnswer), new(instanceAnswer)
	require.NoError(t, unmarshal([]byte(`{"Message":"x","PhoneNumbers":[{"PhoneNumber":"1"}]}`), a))
	require.NoError(t, unmarshal([]byte(`{"Code":"OK"}`), a))
	require.Nil(t, a.PhoneNumbers)
	require.False(t, a.Message.present)
	require.NoError(t, unmarshal([]byte(`{"TotalCount":1,"Data":[{"InstanceId":"1"}]}`), list))
	require.NoError(t, unmarshal([]byte(`{"Code":"OK"}`), list))
	require.Empty(t, list.Data)
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
	f.Add([]byte(`{"AccessDeniedDetail": null ,"Code":"a","Code":null,"AccessDeniedDetail":"b","Success":123456789012345678901234567890}`))
	f.Add([]byte(`{"":0,"PhoneNumbers" : [ null , {} ] , "Code" : "\u007f"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if a := new(syncAnswer); a.scan(body) {
			sameAsJSON(t, a, body)
		}
	})
}
