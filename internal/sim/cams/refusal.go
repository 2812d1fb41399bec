package cams

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	hostID     = "cams.ap-southeast-1.aliyuncs.com"
	throttling = "Throttling.User" // of requests beyond the limit
)

// refusal is an error of the API.
type refusal struct {
	code, message string
	status        int
	detail        any // AccessDeniedDetail; nil: not there
	retryAfter    time.Duration
}

// refuse looks up a documented error; a code it does not know is answered with
// HTTP 400.
func refuse(code string) *refusal {
	r := &refusal{code: code, status: http.StatusBadRequest}
	r.message = documentedMessage(code)
	switch code {
	case "InvalidAccessKeyId.NotFound", "InvalidAction.NotFound":
		r.status = http.StatusNotFound
	case "InvalidAccessKeyId.Inactive", "Forbidden.RAM", "NoPermission":
		r.status = http.StatusForbidden
	case "UnsupportedHTTPMethod":
		r.status = http.StatusMethodNotAllowed
	case "Throttling", "Throttling.User", "Throttling.Api":
		r.status = http.StatusTooManyRequests
	case "InternalError":
		r.status = http.StatusInternalServerError
	case "ServiceUnavailable":
		r.status = http.StatusServiceUnavailable
	}
	if code == "Ram.PermissionDeny" || code == "Forbidden.RAM" || code == "NoPermission" {
		r.detail = denial()
	}
	return r
}

func documentedMessage(code string) string {
	switch code {
	case "Product.Unsubscript":
		return "You have not subscribed to the specified product."
	case "Ram.PermissionDeny", "Forbidden.RAM", "NoPermission":
		return "You are not authorized to perform the operation."
	case "System.LimitControl":
		return "The system is under flow control."
	case "Unknown.ResourceOwnerId":
		return "The resource does not belong to the current user."
	case "InvalidAccessKeyId.NotFound":
		return "Specified access key is not found."
	case "InvalidAccessKeyId.Inactive":
		return "Specified access key is disabled."
	case "SignatureDoesNotMatch":
		return "Specified signature is not matched with our calculation."
	case "IncompleteSignature":
		return "The request signature does not conform to Aliyun standards."
	case "InvalidTimeStamp.Expired":
		return "Specified time stamp or date value is expired."
	case "InvalidTimeStamp.Format":
		return "Specified time stamp or date value is not well formatted."
	case "SignatureNonceUsed":
		return "Specified signature nonce was used already."
	case "MissingSignatureNonce":
		return "SignatureNonce is mandatory for this action."
	case "InvalidSecurityToken.Expired":
		return "Specified SecurityToken is expired."
	case "InvalidSecurityToken.Malformed":
		return "Specified SecurityToken is malformed."
	case "InvalidSecurityToken.MismatchWithAccessKey":
		return "Specified SecurityToken mismatch with the AccessKey."
	case "MissingSecurityToken":
		return "SecurityToken is mandatory for this action."
	case "MissingCustSpaceId":
		return "CustSpaceId is mandatory for this action."
	case "Throttling", "Throttling.User", "Throttling.Api":
		return "Request was denied due to user flow control."
	case "InvalidAction.NotFound":
		return "Specified api is not found, please check your url and method."
	case "InvalidVersion":
		return "Specified parameter Version is not valid."
	case "UnsupportedHTTPMethod":
		return "This http method is not supported."
	case "ServiceUnavailable":
		return "The request has failed due to a temporary failure of the server."
	case "InternalError":
		return "The request processing has failed due to some unknown error, exception or failure."
	}
	return "The request was refused."
}

// denial is the AccessDeniedDetail of a RAM user without the permission.
func denial() map[string]any {
	return map[string]any{
		"AuthAction":               "cams:" + SyncPhoneNumber,
		"AuthPrincipalType":        "SubUser",
		"AuthPrincipalOwnerId":     "1000000000000001",
		"AuthPrincipalDisplayName": "200000000000000001",
		"NoPermissionType":         "ImplicitDeny",
		"PolicyType":               "AccountLevelIdentityBasedPolicy",
		"EncodedDiagnosticMessage": "AQFOR0lOWC1TSU1VTEFUSU9O",
	}
}

// answer renders the error in the documented shape.
func (r *refusal) answer(requestID string) answer {
	doc := map[string]any{
		"RequestId": requestID,
		"HostId":    hostID,
		"Code":      r.code,
		"Message":   r.message,
		"Recommend": "https://api.aliyun.com/troubleshoot?q=" + r.code + "&product=cams&requestId=" + requestID,
	}
	if r.detail != nil {
		doc["AccessDeniedDetail"] = r.detail
	}
	a := jsonAnswer(r.status, r.code, requestID, doc)
	if r.retryAfter > 0 {
		a.header.Set("x-acs-retry-after", strconv.FormatInt(max(1, r.retryAfter.Milliseconds()), 10))
	}
	return a
}

// answer is a response as it will go over the wire.
type answer struct {
	status int
	code   string // for the log
	header http.Header
	body   []byte
	// declared, if more than the body holds, is the Content-Length that is
	// announced: the connection breaks in the middle.
	declared int
	drop     bool // send nothing, close the connection
}

func jsonAnswer(status int, code, requestID string, doc map[string]any) answer {
	body, err := json.Marshal(doc)
	if err != nil { // only raw JSON given by a test can do that
		status, body = http.StatusInternalServerError, []byte(`{"Code":"InternalError","Message":"a number holds invalid JSON"}`)
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json;charset=utf-8")
	h.Set("x-acs-request-id", requestID)
	return answer{status: status, code: code, header: h, body: body}
}
