package cams

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/stretchr/testify/require"
)

// What is sent is signed as the vendor's own function signs it.
func TestSignature(t *testing.T) {
	keys := map[string]key{
		"a key":                     {id: "LTAI1", secret: "a secret"},
		"a temporary key":           {id: "STS.1", secret: "another", token: "CAIS/+token=="},
		"a token with a line's end": {id: "STS.1", secret: "another", token: "CAIS \n"},
		"a secret of many more than a block of the hash": {id: "LTAI2", secret: strings.Repeat("long", 40)},
	}
	queries := map[string]map[string]string{
		"nothing":      {},
		"one":          {"CustSpaceId": "293483938849493"},
		"many":         {"PageSize": "100", "ChannelType": "whatsapp", "PageIndex": "1"},
		"odd and many": {"b": "a b+c*d~e/f?g=h&i%", "a": "", "B": "é世界", "a.b": "-_.!'()"},
	}
	for name, k := range keys {
		for query, params := range queries {
			t.Run(name+", "+query, func(t *testing.T) {
				req := &http.Request{
					Method: http.MethodPost, Header: http.Header{"Accept": {"application/json"}},
					URL: &url.URL{Scheme: "https", Host: "cams.example:8443", Path: "/", RawQuery: encode(params)},
				}
				sign(req, "ChatappSyncPhoneNumber", k, time.Unix(1767225600, 0))
				require.Equal(t, vendorSigns(req, params, k), req.Header.Get("Authorization"))
			})
		}
	}
}

// vendorSigns has the vendor sign what a request holds.
func vendorSigns(req *http.Request, params map[string]string, k key) string {
	signed := dara.Request{
		Method:  &req.Method,
		Headers: map[string]*string{"host": &req.URL.Host},
		Query:   map[string]*string{},
	}
	for name := range req.Header {
		if name != "Authorization" {
			signed.Headers[strings.ToLower(name)] = dara.String(req.Header.Get(name))
		}
	}
	for name, value := range params {
		signed.Query[name] = &value
	}
	return *utils.GetAuthorization(&signed, dara.String(algorithm), dara.String(nothingHashed), &k.id, &k.secret)
}
