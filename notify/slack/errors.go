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

// Class says what a failed call is about, and so what to do.
type Class uint8

// The classes.
const (
	Transient    Class = iota // nothing in particular: wait, then again
	BadMessage                // Slack does not take this message
	BadThread                 // the message's thread takes no replies
	BadChannel                // nothing can be posted in this channel
	BadToken                  // nothing works at all
	Gone                      // the message to be edited was deleted
	Uneditable                // the message is there, and may not be edited
	Unrecognized              // Slack's own code, but one that nobody documented
)

var classNames = [...]string{"transient", "bad_message", "bad_thread", "bad_channel", "bad_token", "gone", "uneditable", "unrecognized"}

// String returns the name, as in metrics.
func (c Class) String() string { return classNames[c] }

// PostError is a failed call of a Poster.
type PostError struct {
	Class      Class
	Unknown    bool          // it may have taken effect: look before calling again
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

// asPostError returns what is known of an error of a Poster: of any other than a
// PostError, not even whether the call took effect.
func asPostError(err error) *PostError {
	var e *PostError
	if errors.As(err, &e) {
		return e
	}
	return &PostError{Unknown: true, Code: "no_answer", Err: err}
}

func classOf(err error) Class { return asPostError(err).Class }

var slackCodes = map[Class][]string{
	BadMessage: {
		"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text",
		"metadata_too_large", "metadata_must_be_sent_from_app", "too_many_attachments", "invalid_attachments",
	},
	BadThread: {
		"cannot_reply_to_message", "thread_not_found", "restricted_action_thread_locked", "restricted_action_non_threadable_channel",
	},
	BadChannel: {"channel_not_found", "not_in_channel", "is_archived", "ekm_access_denied"},
	BadToken: {
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
		"no_permission", "access_denied", "not_allowed_token_type",
	},
	Transient:  {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"},
	Gone:       {"message_not_found"},
	Uneditable: {"edit_window_closed", "cant_update_message"},
}

var slackPrefixes = map[string]Class{
	"invalid_metadata_":  BadMessage,
	"invalid_arg":        BadMessage,
	"restricted_action":  BadChannel,
	"ekm_access_denied_": BadChannel,
}

// unknownOutcome are the codes that do not say whether the call took effect.
var unknownOutcome = []string{"internal_error", "fatal_error", "service_unavailable", "request_timeout"}

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

// codeScope is Slack's code for what the app may not do.
const codeScope = "missing_scope"

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
		e.Code, e.RetryAfter = "ratelimited", limited.RetryAfter
	case errors.As(err, &status):
		e.Code, e.Unknown = fmt.Sprintf("http_%d", status.Code), status.Code >= http.StatusInternalServerError
	case errors.As(err, &answer):
		e.Code, e.Class, e.Advice = answer.Err, classOfCode(answer.Err), slackAdvice[answer.Err]
		e.Unknown = slices.Contains(unknownOutcome, answer.Err)
	case neverSent(err):
		e.Code, e.Advice = "unreachable", "check slack.api_url, and the network between this machine and Slack"
	default:
		e.Code, e.Unknown = "no_answer", true
	}
	return e
}

// classifyReply is classify for replies: what restricts one may concern its
// thread alone. Where it concerns the channel, the next post tells.
func classifyReply(call string, err error) error {
	err = classify(call, err)
	if e := (*PostError)(nil); errors.As(err, &e) && strings.HasPrefix(e.Code, "restricted_action") {
		e.Class = BadThread
	}
	return err
}

func classOfCode(code string) Class {
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
	return Unrecognized
}

// neverSent reports whether no connection came about, so that the call cannot
// have taken effect.
func neverSent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &dns) || errors.As(err, &cert) || errors.As(err, &op) && op.Op == "dial"
}
