package cams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer; 200 numbers need 100 KiB.
const maxAnswer = 16 << 20

// keptBuffer is the largest buffer that is kept for the next answer.
const keptBuffer = 1 << 20

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)

// read takes the whole body into a buffer that reuse gives back.
func (c *Client) read(resp *http.Response) (*[]byte, error) {
	b, ok := c.buffers.Get().(*[]byte)
	if !ok {
		b = new([]byte)
	}
	buf := (*b)[:0]
	if n := resp.ContentLength; n >= 0 && n < maxAnswer && int64(cap(buf)) <= n {
		buf = make([]byte, 0, n+1) // one more, so that the end is met without growing
	}
	var err error
	for err == nil {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		var n int
		n, err = resp.Body.Read(buf[len(buf):cap(buf)])
		if buf = buf[:len(buf)+n]; len(buf) > maxAnswer {
			err = errTooLarge
		}
	}
	if *b = buf; err == io.EOF {
		err = nil
	}
	return b, err
}

func (c *Client) reuse(b *[]byte) {
	if b != nil && cap(*b) <= keptBuffer {
		c.buffers.Put(b)
	}
}

func (c *Client) newError(call *call, class Class) *Error {
	return &Error{Class: class, Account: c.account, Space: call.space, HTTPStatus: call.status}
}

// withoutKey is the error of a request that could not be signed.
func (c *Client) withoutKey(call *call, err error) *Error {
	e := c.newError(call, Transient)
	text := c.keys.explain(err)
	e.Message = clean("no key to sign with: "+text, maxMessage)
	e.Advice = "check the account's credentials in config.yaml, and what they refer to"
	if c.keys.from.Type == "" {
		e.Message = clean("no key to sign with: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, "+
			"or give the account credentials in config.yaml ("+text+")", maxMessage)
		e.Advice = ""
	}
	e.Err = &cause{text, err}
	return e
}

// failed is the error of a request that brought no whole answer.
func (c *Client) failed(call *call, err error, while string, secrets []string) *Error {
	e := c.newError(call, Transient)
	text := scrub(err.Error(), secrets...)
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		text = "given up"
	case errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout():
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

// unreadable is the error of an answer that is no JSON object.
func (c *Client) unreadable(call *call, size int, err error) *Error {
	k, _ := classify(call.status, "")
	e := c.newError(call, k.class)
	kind, _, _ := strings.Cut(call.header.Get("Content-Type"), ";")
	e.Message = clean(fmt.Sprintf("the answer of %d bytes %s does not parse: %v", size, kind, err), maxMessage)
	e.Advice = k.advice
	e.RequestId = clean(call.header.Get("x-acs-request-id"), maxCode)
	e.RetryAfter = retryAfter(call.header)
	e.Err = &cause{e.Message, err}
	return e
}

// refused is the error of an answer that says so itself.
func (c *Client) refused(call *call, head *envelope, k key) *Error {
	code := clean(head.Code.value, maxCode)
	judged, known := classify(call.status, code)
	if call.status == http.StatusOK && !known && head.contradicts() {
		return c.doubtful(call, head, "Code is "+strconv.Quote(code)+" but Success is "+clean(head.Success.value, maxCode))
	}
	e := c.newError(call, judged.class)
	e.Code, e.Advice = code, judged.advice
	e.Message = c.message(head, k)
	e.RequestId = call.requestID(head)
	e.RetryAfter = retryAfter(call.header)
	if code == "InvalidTimeStamp.Expired" {
		e.Advice = c.clockAdvice(call.header)
	}
	if call.action != "ChatappSyncPhoneNumber" {
		e.Advice = strings.ReplaceAll(e.Advice, "cams:ChatappSyncPhoneNumber on *: it is of level update, so read-only policies do not hold it", "cams:"+call.action)
	}
	return e
}

// message is what the cloud says, without the canonical request that it repeats
// when a signature is wrong: that holds the security token.
func (c *Client) message(head *envelope, k key) string {
	text := head.Message.value
	if text == "None" {
		text = ""
	}
	if d := head.detail(); d != "" {
		text = strings.TrimSpace(text + " (" + d + ")")
	}
	return clean(scrub(text, k.secrets()...), maxMessage)
}

// doubtful is the error of an answer that contradicts itself.
func (c *Client) doubtful(call *call, head *envelope, why string) *Error {
	e := c.newError(call, Doubtful)
	e.Message = clean(why, maxMessage)
	e.RequestId = call.requestID(head)
	e.Advice = "the last good list stands; if it lasts, report the RequestId to the cloud's support"
	return e
}

// clockAdvice says how far this machine's clock is from the server's.
func (c *Client) clockAdvice(h http.Header) string {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return "check this machine's clock: the cloud takes requests that are at most 15 minutes off"
	}
	off, side := c.now().Sub(at).Round(time.Second), "ahead of"
	if off < 0 {
		off, side = -off, "behind"
	}
	return fmt.Sprintf("set this machine's clock: it is %s %s the cloud's", off, side)
}

// longestWait bounds what a header may ask for.
const longestWait = 10 * time.Minute

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
		return time.Duration(min(s, int(longestWait.Seconds()))) * time.Second
	}
	return 0
}

func milliseconds(s string) (time.Duration, bool) {
	ms, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || ms <= 0 {
		return 0, false
	}
	return time.Duration(min(ms, longestWait.Milliseconds())) * time.Millisecond, true
}
