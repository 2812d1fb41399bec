package cams

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const algorithm = "ACS3-HMAC-SHA256"

// maxBody is what the simulator reads of a request; real ones are empty.
const maxBody = 1 << 20

// request is an HTTP request taken apart.
type request struct {
	method, path, host string
	query              url.Values
	queryErr           error
	header             http.Header
	body               []byte
	action             string
	space              string // CustSpaceId
	auth               authorization
	authErr            bool
}

func readRequest(r *http.Request) (*request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	req := &request{method: r.Method, path: r.URL.EscapedPath(), host: r.Host, header: r.Header, body: body}
	req.query, req.queryErr = url.ParseQuery(r.URL.RawQuery)
	req.action = r.Header.Get("x-acs-action")
	req.space = req.query.Get("CustSpaceId")
	var ok bool
	req.auth, ok = parseAuthorization(r.Header.Get("Authorization"))
	req.authErr = !ok
	return req, nil
}

// authorization is the Authorization header taken apart.
type authorization struct {
	keyID     string
	signed    []string // lower-case header names
	signature string   // hex
}

func parseAuthorization(header string) (authorization, bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return authorization{}, false
	}
	var a authorization
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			a.keyID = value
		case "SignedHeaders":
			a.signed = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		default:
			return authorization{}, false
		}
	}
	return a, a.keyID != "" && a.signed != nil && a.signature != ""
}

// coversAll reports whether the signed headers are in order and hold host and
// every header that must be signed.
func (r *request) coversAll() bool {
	signed := r.auth.signed
	if !slices.IsSorted(signed) || len(slices.Compact(slices.Clone(signed))) != len(signed) {
		return false
	}
	if !slices.Contains(signed, "host") {
		return false
	}
	for name := range r.header {
		lower := strings.ToLower(name)
		must := strings.HasPrefix(lower, "x-acs-") || lower == "content-type"
		if must && !slices.Contains(signed, lower) {
			return false
		}
	}
	return true
}

// verify reports whether the signature is the one that secret makes.
func (r *request) verify(secret string) bool {
	got, err := hex.DecodeString(r.auth.signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(r.stringToSign()))
	return hmac.Equal(got, mac.Sum(nil))
}

func (r *request) stringToSign() string {
	return algorithm + "\n" + hexSHA256([]byte(r.canonical()))
}

// canonical is the request in the one form that both sides sign.
func (r *request) canonical() string {
	var b bytes.Buffer
	b.WriteString(r.method + "\n" + r.path + "\n" + canonicalQuery(r.query) + "\n")
	for _, name := range r.auth.signed {
		b.WriteString(name + ":" + r.headerValue(name) + "\n")
	}
	b.WriteString("\n" + strings.Join(r.auth.signed, ";") + "\n" + hexSHA256(r.body))
	return b.String()
}

func (r *request) headerValue(name string) string {
	if name == "host" {
		return r.host
	}
	var values []string
	for _, v := range r.header.Values(name) {
		values = append(values, strings.TrimSpace(v))
	}
	slices.Sort(values)
	return strings.Join(values, ",")
}

// canonicalQuery encodes the decoded parameters anew: however the client wrote
// a space, it is signed as %20.
func canonicalQuery(q url.Values) string {
	var pairs []string
	for key, values := range q {
		for _, v := range values {
			pairs = append(pairs, percent(key)+"="+percent(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// percent encodes by RFC 3986: all but the unreserved characters.
func percent(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
