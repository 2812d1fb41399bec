package cams

import (
	"crypto/subtle"
	"net/http"
	"time"
)

const (
	apiVersion = "2020-06-06"
	// clockSkew is how far a request's date may be off.
	clockSkew = 15 * time.Minute
)

// check judges everything about a request but the limit; nil means it is good.
// A nonce counts as used only once the signature has been found right.
func (s *Server) check(r *request, acc *tenant, now time.Time) *refusal {
	if refused := checkForm(r); refused != nil {
		return refused
	}
	if refused := checkDate(r, now); refused != nil {
		return refused
	}
	if acc == nil || acc.key.AccessKeyId != r.auth.keyID {
		return refuse("InvalidAccessKeyId.NotFound")
	}
	if !r.coversAll() {
		return refuse("IncompleteSignature")
	}
	if r.header.Get("x-acs-content-sha256") != hexSHA256(r.body) || !r.verify(acc.key.AccessKeySecret) {
		return refuse("SignatureDoesNotMatch")
	}
	if refused := checkToken(r, acc.key, now); refused != nil {
		return refused
	}
	if !s.nonces.use(r.auth.keyID+"\n"+r.header.Get("x-acs-signature-nonce"), now) {
		return refuse("SignatureNonceUsed")
	}
	return nil
}

func checkForm(r *request) *refusal {
	switch {
	case r.method != http.MethodPost:
		return refuse("UnsupportedHTTPMethod")
	case r.path != "/":
		return refuse("InvalidAction.NotFound")
	case r.queryErr != nil:
		return refuse("InvalidParameter")
	case r.action == "":
		return refuse("MissingAction")
	case r.action != SyncPhoneNumber && r.action != ListInstance && r.action != HealthStatus:
		return refuse("InvalidAction.NotFound")
	case r.header.Get("x-acs-version") != apiVersion:
		return refuse("InvalidVersion")
	case r.header.Get("Authorization") == "":
		return refuse("MissingAccessKeyId")
	case r.authErr:
		return refuse("IncompleteSignature")
	case r.header.Get("x-acs-signature-nonce") == "":
		return refuse("MissingSignatureNonce")
	}
	return nil
}

func checkDate(r *request, now time.Time) *refusal {
	at, err := time.Parse("2006-01-02T15:04:05Z", r.header.Get("x-acs-date"))
	if err != nil {
		return refuse("InvalidTimeStamp.Format")
	}
	if off := now.Sub(at); off > clockSkew || off < -clockSkew {
		return refuse("InvalidTimeStamp.Expired")
	}
	return nil
}

// checkToken judges the headers of temporary credentials.
func checkToken(r *request, key Key, now time.Time) *refusal {
	token := r.header.Get("x-acs-security-token")
	switch {
	case key.SecurityToken == "" && token == "":
		return nil
	case key.SecurityToken == "":
		return refuse("InvalidSecurityToken.Malformed")
	case token == "":
		return refuse("MissingSecurityToken")
	case subtle.ConstantTimeCompare([]byte(token), []byte(key.SecurityToken)) != 1,
		r.header.Get("x-acs-accesskey-id") != key.AccessKeyId:
		return refuse("InvalidSecurityToken.MismatchWithAccessKey")
	case !key.Expires.IsZero() && !now.Before(key.Expires):
		return refuse("InvalidSecurityToken.Expired")
	}
	return nil
}

// nonces remembers what was used for as long as a request with it could still
// be in time: its date may be a whole skew ahead on its first use.
type nonces struct {
	used  map[string]time.Time
	order []string
}

func newNonces() nonces { return nonces{used: map[string]time.Time{}} }

// use reports whether the nonce is new, and remembers it.
func (n *nonces) use(nonce string, now time.Time) bool {
	for len(n.order) > 0 && now.Sub(n.used[n.order[0]]) > 2*clockSkew {
		delete(n.used, n.order[0])
		n.order = n.order[1:]
	}
	if _, used := n.used[nonce]; used {
		return false
	}
	n.used[nonce] = now
	n.order = append(n.order, nonce)
	return true
}
