package cams

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Class says what an error means for the polls to come.
type Class uint8

// The classes. They follow from the cloud's Code, not from the HTTP status,
// which differs between its pages.
const (
	Transient     Class = iota // may work the next time: back off
	Throttled                  // a limit is reached, of the account if the error is Shared, else of the space: wait
	DeniedAccount              // the account is denied whatever the space: try again slowly
	DeniedSpace                // this space is denied: try again slowly
	Clock                      // the request's date or nonce was rejected, twice
	Inconsistent               // the answer contradicts itself
	NoCredentials              // there is no key to sign with: try again soon
)

var classNames = [...]string{"transient", "throttled", "denied_account", "denied_space", "clock", "inconsistent", "no_credentials"}

// Classes returns the names of all classes.
func Classes() []string { return classNames[:] }

// String returns the class's name in lower case, as in logs and metrics.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "class " + strconv.Itoa(int(c))
}

// Error is a failed request. Its texts are on one line, bounded in length and
// without secrets, so that they may be shown anywhere.
type Error struct {
	Class      Class
	Account    string
	Space      string // empty for a request about the whole account
	HTTPStatus int    // 0 if there was no answer
	Code       string // the cloud's; empty if it gave none
	Message    string
	RequestId  string
	Advice     string        // what to do about it; empty where nothing is known
	RetryAfter time.Duration // how long the cloud asks to wait; 0 if it does not
	Shared     bool          // of Throttled: other spaces of the account are throttled too
	Err        error         // the cause in this program, if there is one
}

// phrase is what a class means to people.
func (c Class) phrase() string {
	switch c {
	case Throttled:
		return "throttled"
	case DeniedAccount:
		return "account denied"
	case DeniedSpace:
		return "denied"
	case Clock:
		return "the request's date or nonce was rejected"
	case Inconsistent:
		return "inconsistent answer"
	case NoCredentials:
		return "no credentials"
	default:
		return "poll failed"
	}
}

// Error tells everything about the failure that helps to fix it: which space,
// what happened, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.subject() + ": " + e.Class.phrase())
	what := e.Code
	switch {
	case e.HTTPStatus != 0 && what != "":
		what += " (HTTP " + strconv.Itoa(e.HTTPStatus) + ")"
	case e.HTTPStatus != 0:
		what = "HTTP " + strconv.Itoa(e.HTTPStatus)
	}
	for _, part := range []string{what, strings.TrimSuffix(e.Message, ".")} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	if e.RequestId != "" {
		b.WriteString(" (RequestId " + e.RequestId + ")")
	}
	return b.String()
}

func (e *Error) subject() string {
	if e.Space == "" || e.Class == NoCredentials {
		return "account " + e.Account
	}
	return "space " + phone.SpaceKey{Account: e.Account, ID: e.Space}.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// The longest texts of the cloud that are shown.
const (
	maxCode    = 100
	maxMessage = 500
)

// clean makes untrusted text safe to show.
func clean(s string, runes int) string {
	if len(s) > 8*runes { // before the costly part; the rest could not be shown anyhow
		s = strings.ToValidUTF8(s[:8*runes], "")
	}
	return alert.Cut(strings.TrimSpace(alert.Plain(s)), runes)
}

// cause keeps an error for errors.Is and errors.As under a text without
// secrets.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

// scrub takes secrets out of a text: those given, what URLs hold beyond their
// path, and Authorization values.
func scrub(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 { // shorter ones are no secrets, and would tear the text apart
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	words := strings.Split(text, " ")
	for i, w := range words {
		if strings.Contains(w, "://") {
			words[i] = redactWord(w)
		}
	}
	return strings.Join(words, " ")
}

// redactWord redacts a URL within its quotes and punctuation.
func redactWord(w string) string {
	inner := strings.Trim(w, `"'()[]<>,;:`)
	if inner == "" {
		return w
	}
	return strings.Replace(w, inner, phone.Redact(inner), 1)
}

// AsError returns the error of a poll as an *Error of its space; one that is none
// is taken for transient.
func AsError(space phone.SpaceKey, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.Space = space.ID
		return &named
	}
	return &Error{Class: Transient, Account: space.Account, Space: space.ID, Message: clean(scrub(err.Error()), maxMessage), Err: err}
}

// Rejected returns the error that an answer with this HTTP status, Code and
// Message makes of a poll, for whoever plays the cloud's part. The texts are
// made fit to be shown, as those of a real answer are.
func Rejected(space phone.SpaceKey, status int, code, message string) *Error {
	code = clean(code, maxCode)
	k, _ := classify(status, code)
	return &Error{
		Class: k.class, Account: space.Account, Space: space.ID, HTTPStatus: status,
		Code: code, Message: clean(scrub(message), maxMessage), Advice: k.advice,
	}
}
