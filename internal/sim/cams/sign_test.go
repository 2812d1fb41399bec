package cams

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The signature was computed by hand from the documents, outside of this program.
func TestKnownSignature(t *testing.T) {
	const signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	const signature = "bb46d592f6691105c6417d27e6ad351941dec4c7e9605179ab8cf81d96b3813c"
	for _, query := range []string{"CustSpaceId=29%20a%2Bb~%2A", "CustSpaceId=29+a%2bb%7E*"} {
		r := httptest.NewRequest(http.MethodPost, "https://cams.ap-southeast-1.aliyuncs.com/?"+query, nil)
		for name, value := range map[string]string{
			"x-acs-action": SyncPhoneNumber, "x-acs-version": apiVersion,
			"x-acs-date":            "2026-11-23T08:00:00Z",
			"x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
			"x-acs-content-sha256":  hexSHA256(nil),
			"Authorization":         algorithm + " Credential=AK,SignedHeaders=" + signed + ",Signature=" + signature,
		} {
			r.Header.Set(name, value)
		}
		req, err := readRequest(r)
		require.NoError(t, err)
		require.Equal(t, "29 a+b~*", req.space)
		require.True(t, req.coversAll())
		require.True(t, req.verify("YourAccessKeySecret"), query)
		require.False(t, req.verify("YourAccessKeySecreT"))
	}
}

func TestSignedHeadersMustCover(t *testing.T) {
	header := http.Header{"X-Acs-Date": nil, "Content-Type": nil, "Accept": nil}
	for signed, want := range map[string]bool{
		"content-type;host;x-acs-date":        true,
		"accept;content-type;host;x-acs-date": true,
		"host;x-acs-date":                     false,
		"content-type;host":                   false,
		"content-type;x-acs-date":             false,
		"host;content-type;x-acs-date":        false,
		"content-type;host;host;x-acs-date":   false,
	} {
		a, ok := parseAuthorization(algorithm + " Credential=AK,SignedHeaders=" + signed + ",Signature=00")
		require.True(t, ok)
		r := request{header: header, auth: a}
		require.Equal(t, want, r.coversAll(), signed)
	}
}

func TestNoncesAreForgotten(t *testing.T) {
	n, now := newNonces(), time.Unix(0, 0)
	for range 100 {
		for range 10 {
			require.True(t, n.use(now.String(), now))
			now = now.Add(time.Minute)
		}
	}
	require.LessOrEqual(t, len(n.used), 32)
	require.Equal(t, len(n.used), len(n.order))
}

func FuzzAuthorization(f *testing.F) {
	f.Add(algorithm + " Credential=AK,SignedHeaders=host,Signature=00")
	f.Add(algorithm + " Credential=AK, SignedHeaders=a;b,Signature=zz,")
	f.Fuzz(func(t *testing.T, header string) {
		a, ok := parseAuthorization(header)
		if ok {
			require.NotEmpty(t, a.keyID)
			r := request{auth: a, header: http.Header{}}
			r.coversAll()
			require.False(t, r.verify("secret") && a.signature == "")
		}
	})
}
