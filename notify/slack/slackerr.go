package slack

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Refusal is how a call to Slack failed, and so what is to be done about it.
type Refusal uint8

// The refusals. Ambiguous is the zero value: whoever knows nothing of an error
// must look before it calls again.
const (
	Ambiguous  Refusal = iota // it may have taken effect: look, then again
	NotApplied                // it took no effect: wait, then again
	BadMessage                // Slack does not take this message
	BadChannel                // nothing can be posted in this channel
	BadToken                  // nothing can be done at all
	Gone                      // the message to be edited or replied to is no more
	Uneditable                // the message is there, and may not be edited
	Unknown                   // Slack's own code, but one that nobody documented
)

var refusalNames = [...]string{"ambiguous", "not applied", "bad message", "bad channel", "bad token", "gone", "uneditable", "unknown"}

// String returns the name, as in metrics.
func (r Refusal) String() string { return refusalNames[r] }

// PostError is a failed call of a Poster.
type PostError struct {
	Refusal    Refusal
	Code       string        // Slack's own
	RetryAfter time.Duration // as Slack asked, or 0
	Advice     string        // what to do about it, if somebody must
	Err        error
}

// Error says what failed and what to do about it.
func (e *PostError) Error() string {
	if e.Advice == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + ": " + e.Advice
}

func (e *PostError) Unwrap() error { return e.Err }

// ErrNoHistory says that the token may not read a channel's history.
var ErrNoHistory = errors.New("the bot may not read the channel's history: add the scopes channels:history and groups:history")

// refusal returns the class of an error of a Poster.
func refusal(err error) Refusal {
	var e *PostError
	if errors.As(err, &e) {
		return e.Refusal
	}
	return Ambiguous
}

var slackCodes = map[Refusal][]string{
	BadMessage: {
		"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text",
		"metadata_too_large", "metadata_must_be_sent_from_app", "too_many_attachments", "invalid_attachments", "cannot_reply_to_message",
	},
	BadChannel: {"channel_not_found", "not_in_channel", "is_archived", "ekm_access_denied"},
	BadToken: {
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
		"no_permission", "access_denied", "not_allowed_token_type",
	},
	NotApplied: {"ratelimited", "rate_limited"},
	Ambiguous:  {"internal_error", "fatal_error", "service_unavailable", "request_timeout"},
	Gone:       {"message_not_found", "thread_not_found"},
	Uneditable: {"edit_window_closed", "cant_update_message"},
}

var slackPrefixes = map[string]Refusal{
	"invalid_metadata_":  BadMessage,
	"invalid_arg":        BadMessage,
	"restricted_action":  BadChannel,
	"ekm_access_denied_": BadChannel,
}

var slackAdvice = map[string]string{
	"channel_not_found":      "check the channel in rules.yaml, and invite the bot if it is private",
	"not_in_channel":         "invite the bot to the channel",
	"is_archived":            "name another channel in rules.yaml",
	"missing_scope":          "add the scope to the app and install it again",
	"invalid_auth":           "check slack.bot_token",
	"not_authed":             "set slack.bot_token",
	"token_revoked":          "install the app again and set slack.bot_token",
	"token_expired":          "install the app again and set slack.bot_token",
	"account_inactive":       "install the app again and set slack.bot_token",
	"not_allowed_token_type": "check slack.bot_token",
}

// classify turns an error of slack-go into a PostError; nil stays nil.
func classify(call string, err error) error {
	if err == nil {
		return nil
	}
	e := &PostError{Err: fmt.Errorf("slack %s: %w", call, err)}
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var answer slack.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		e.Refusal, e.Code, e.RetryAfter = NotApplied, "ratelimited", limited.RetryAfter
	case errors.As(err, &status):
		e.Code = fmt.Sprintf("http_%d", status.Code)
		if status.Code < http.StatusInternalServerError {
			e.Refusal = NotApplied
		}
	case errors.As(err, &answer):
		e.Code, e.Refusal, e.Advice = answer.Err, classOf(answer.Err), slackAdvice[answer.Err]
	case neverSent(err):
		e.Refusal, e.Code = NotApplied, "unreachable"
		e.Advice = "check slack.api_url, and the network between this machine and Slack"
	default:
		e.Code = "no_answer"
	}
	return e
}

func classOf(code string) Refusal {
	for class, codes := range slackCodes {
		if slices.Contains(codes, code) {
			return class
		}
	}
	for prefix, class := range slackPrefixes {
		if strings.HasPrefix(code, prefix) {
			return class
		}
	}
	return Unknown
}

// neverSent reports whether no connection came about, so that the call cannot
// have taken effect.
func neverSent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &dns) || errors.As(err, &cert) || errors.As(err, &op) && op.Op == "dial"
}
