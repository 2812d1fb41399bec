package cams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (c *Client) newError(call *call, class Class) *Error {
	return &Error{Class: class, Account: c.account, Space: call.space, HTTPStatus: call.status}
}

// withoutKey is the error of a request that could not be signed.
func (c *Client) withoutKey(call *call, err error) *Error {
	e := c.newError(call, NoCredentials)
	text := c.credentials.explain(err)
	e.Message = clean(text, maxMessage)
	e.Advice = "check the account's credentials in config.yaml, and what they refer to"
	if c.credentials.from.Type == "" {
		e.Advice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give the account credentials in config.yaml"
	}
	e.Err = &cause{text, err}
	return e
}

// failed is the error of a request that got no complete answer.
func (c *Client) failed(call *call, err error, while string) *Error {
	e := c.newError(call, Transient)
	text := scrub(err.Error(), call.key.secrets()...)
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		text = "canceled"
	case while == "" && (errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()):
		text = "no answer within " + c.timeout.String()
		e.Advice = "check the network between this machine and " + c.base.Host
	case unreachable(err):
		e.Advice = "check the account's endpoint, and the network between this machine and " + c.base.Host
	}
	if while != "" {
		text = while + ": " + text
	}
	if call.status == http.StatusTooManyRequests {
		e.Class = Throttled
	}
	e.Message = clean(text, maxMessage)
	e.RetryAfter = retryAfter(call.header)
	e.Err = &cause{e.Message, err}
	return e
}

// unreachable reports whether there was not even a connection.
func unreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// unreadable is the error of an answer that is not a JSON object.
func (c *Client) unreadable(call *call, size int, err error) *Error {
	k, _ := classify(call.status, "")
	e := c.newError(call, k.class)
	contentType, _, _ := strings.Cut(call.header.Get("Content-Type"), ";")
	e.Message = clean(fmt.Sprintf("the answer of %d bytes %s does not parse: %v", size, contentType, err), maxMessage)
	e.Advice = k.advice
	e.RequestId = clean(call.header.Get("x-acs-request-id"), maxCode)
	e.RetryAfter = retryAfter(call.header)
	e.Err = &cause{e.Message, err}
	return e
}

// rejected is the error of an answer that says so itself.
func (c *Client) rejected(call *call, a *answer) *Error {
	code := clean(a.Code.value, maxCode)
	kind, known := classify(call.status, code)
	if call.status == http.StatusOK && !known && a.contradicts() {
		return c.inconsistent(call, a, "Code is "+strconv.Quote(code)+" but Success is "+clean(a.Success.value, maxCode))
	}
	e := c.newError(call, kind.class)
	e.Code, e.Advice = code, kind.advice
	e.Message = message(a, call.key)
	e.RequestId = call.requestID(a)
	e.RetryAfter = retryAfter(call.header)
	if ofClock(code) {
		e.Advice = c.clock.advice(call.header)
	}
	if e.Advice == adviceRAM && call.action != "ChatappSyncPhoneNumber" {
		e.Advice = "grant the RAM user or role the action cams:" + call.action
	}
	return e
}

// message is what the cloud says, without the canonical request that it repeats
// when a signature is wrong: that holds the security token.
func message(a *answer, k key) string {
	text := unlessNone(a.Message.value)
	if d := a.detail(); d != "" {
		text = strings.TrimSpace(text + " (" + d + ")")
	}
	return clean(scrub(text, k.secrets()...), maxMessage)
}

// inconsistent is the error of an answer that contradicts itself.
func (c *Client) inconsistent(call *call, a *answer, why string) *Error {
	e := c.newError(call, Inconsistent)
	e.Message = clean(why, maxMessage)
	e.RequestId = call.requestID(a)
	e.Advice = "the last good list stays in force; if this persists, report the RequestId to the cloud's support"
	return e
}

// maxRetryAfter bounds what a header may ask for.
const maxRetryAfter = 10 * time.Minute

// retryAfter reads how long the cloud asks to wait, 0 if it does not.
func retryAfter(h http.Header) time.Duration {
	if d, ok := milliseconds(h.Get("x-acs-retry-after")); ok {
		return d
	}
	for _, name := range []string{"x-ratelimit-user-api", "x-ratelimit-user"} {
		for part := range strings.SplitSeq(h.Get(name), ",") {
			if left, ok := strings.CutPrefix(strings.TrimSpace(part), "TimeLeft:"); ok {
				if d, ok := milliseconds(left); ok {
					return d
				}
			}
		}
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(min(s, int(maxRetryAfter.Seconds()))) * time.Second
	}
	return 0
}

func milliseconds(s string) (time.Duration, bool) {
	ms, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || ms <= 0 {
		return 0, false
	}
	return time.Duration(min(ms, maxRetryAfter.Milliseconds())) * time.Millisecond, true
}
