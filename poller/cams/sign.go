package cams

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm     = "ACS3-HMAC-SHA256"
	apiVersion    = "2020-06-06"
	nothingHashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// signedHeader is a header that the signature covers.
type signedHeader struct{ name, value string }

// sign gives a request without a body its headers. The signature is the one that
// the vendor's GetAuthorization makes, and TestSignature holds it to that. The
// function itself would bring the vendor's whole client into the binary.
func sign(req *http.Request, action string, k key, now time.Time) {
	temporary := "" // a key with a token names its id
	if k.token != "" {
		temporary = k.id
	}
	headers := slices.DeleteFunc([]signedHeader{ // in the order of their names
		{"host", req.URL.Host},
		{"x-acs-accesskey-id", temporary},
		{"x-acs-action", action},
		{"x-acs-content-sha256", nothingHashed},
		{"x-acs-date", now.UTC().Format("2006-01-02T15:04:05Z")},
		{"x-acs-security-token", k.token},
		{"x-acs-signature-nonce", nonce()},
		{"x-acs-version", apiVersion},
	}, func(h signedHeader) bool { return h.value == "" })
	for _, h := range headers[1:] { // net/http sends the host
		req.Header.Set(h.name, h.value)
	}
	req.Header.Set("Authorization", authorization(req, headers, k))
}

// authorization signs the method, the path, the query as it is sent, and headers.
func authorization(req *http.Request, headers []signedHeader, k key) string {
	names := make([]string, 0, 8)
	canonical := make([]byte, 0, 1024)
	canonical = append(canonical, req.Method+"\n"+req.URL.EscapedPath()+"\n"+req.URL.RawQuery+"\n"...)
	for _, h := range headers {
		names = append(names, h.name)
		canonical = append(canonical, h.name+":"+strings.TrimSpace(h.value)+"\n"...)
	}
	signed := strings.Join(names, ";")
	canonical = append(canonical, "\n"+signed+"\n"+nothingHashed...)
	hash := sha256.Sum256(canonical)

	mac := hmac.New(sha256.New, []byte(k.secret))
	mac.Write([]byte(algorithm + "\n" + hex.EncodeToString(hash[:])))
	return algorithm + " Credential=" + k.id + ",SignedHeaders=" + signed + ",Signature=" + hex.EncodeToString(mac.Sum(nil))
}

func nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
