package cams

import (
	"net/http"
	"strings"
)

// kind is what is known of a Code.
type kind struct {
	class  Class
	advice string
}

const (
	adviceSlower  = "other tools may be using the account's request limit too"
	adviceAlone   = "only this space is throttled, by a limit of its own: it is polled less often until the cloud answers it again; if this lasts, give the RequestId to the cloud's support"
	adviceRAM     = "grant the RAM user or role the action cams:ChatappSyncPhoneNumber on *: its access level is update, so read-only policies do not include it"
	adviceKey     = "check the account's access key: it may be mistyped, disabled, deleted or belong to another site"
	adviceToken   = "check where the account's temporary credentials come from, and this machine's clock"
	adviceSign    = "check the account's access key secret: it does not belong to the access key id"
	adviceProduct = "subscribe the account to Chat App Message Service"
	adviceSpace   = "check the space's CustSpaceId, and that it belongs to this account"
	adviceNonce   = "check that nothing between here and the cloud sends requests twice"
)

// codes are the documented errors. A code that is not here is judged by its
// prefix, then by the HTTP status.
var codes = map[string]kind{
	"Throttling":               {Throttled, adviceSlower},
	"Throttling.User":          {Throttled, adviceSlower},
	"Throttling.Api":           {Throttled, adviceSlower},
	"System.LimitControl":      {Throttled, adviceSlower},
	"Ram.PermissionDeny":       {DeniedAccount, adviceRAM},
	"Forbidden.RAM":            {DeniedAccount, adviceRAM},
	"NoPermission":             {DeniedAccount, adviceRAM},
	"Product.Unsubscript":      {DeniedAccount, adviceProduct},
	"SignatureDoesNotMatch":    {DeniedAccount, adviceSign},
	"IncompleteSignature":      {DeniedAccount, adviceSign},
	"MissingSecurityToken":     {DeniedAccount, adviceToken},
	"Unknown.ResourceOwnerId":  {DeniedSpace, adviceSpace},
	"MissingCustSpaceId":       {DeniedSpace, adviceSpace},
	"InvalidTimeStamp.Expired": {Clock, ""}, // the advice names the difference
	"InvalidTimestamp.Expired": {Clock, ""}, // other services of the cloud write it so
	"IllegalTimestamp":         {Clock, ""},
	"SignatureNonceUsed":       {Clock, adviceNonce},
	"ServiceUnavailable":       {Transient, ""},
	"InternalError":            {Transient, ""},
	"InvalidAction.NotFound":   {DeniedAccount, "check the account's region and endpoint"},
	"InvalidVersion":           {DeniedAccount, "check the account's region and endpoint"},
	"InvalidTimeStamp.Format":  {Transient, ""},
	"MissingSignatureNonce":    {Transient, ""},
	"UnsupportedHTTPMethod":    {DeniedAccount, "check the account's endpoint and the proxy"},
}

var prefixes = []struct {
	prefix string
	kind
}{
	{"InvalidAccessKeyId", kind{DeniedAccount, adviceKey}},
	{"MissingAccessKeyId", kind{DeniedAccount, adviceKey}},
	{"InvalidSecurityToken", kind{DeniedAccount, adviceToken}},
	{"Throttling.", kind{Throttled, adviceSlower}},
	{"ServiceUnavailable.", kind{Transient, ""}},
	{"InternalError.", kind{Transient, ""}},
}

// classify judges an answer that is no success, and reports whether it knows
// the code.
func classify(status int, code string) (k kind, known bool) {
	if k, ok := codes[code]; ok {
		return k, true
	}
	for _, p := range prefixes {
		if strings.HasPrefix(code, p.prefix) {
			return p.kind, true
		}
	}
	switch {
	case status == http.StatusTooManyRequests:
		return kind{Throttled, adviceSlower}, false
	case code != "" && status >= 400 && status < 500:
		return kind{DeniedSpace, adviceSpace}, false
	default:
		return kind{Transient, ""}, false
	}
}

// ofClock reports whether a code means that a request's date is too far from the
// cloud's time.
func ofClock(code string) bool {
	return codes[code].class == Clock && code != "SignatureNonceUsed"
}

// ofCredentials reports whether a code may mean that the credentials in use
// have been replaced where they come from.
func ofCredentials(code string) bool {
	return strings.HasPrefix(code, "InvalidAccessKeyId") || strings.HasPrefix(code, "InvalidSecurityToken") ||
		code == "SignatureDoesNotMatch" || code == "MissingSecurityToken"
}
