// Package cams calls the cloud API: it signs requests, finds the credentials,
// decodes answers and classifies errors. The vendor's types stay here. It
// imports phone, alert and ratelimit; the poller and the commands that ask the
// cloud directly call it.
package cams

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/phone"
	"numwatch/poller/ratelimit"
)

// ClientOptions say how to reach one account.
type ClientOptions struct {
	Account     string // its name in the configuration
	Credentials Credentials
	Region      string // empty: ap-southeast-1, the only documented one
	Endpoint    string // a whole URL, for tests and private links; empty: by region
	UserAgent   string // empty: numwatch
	// Timeout bounds each request, the answer's body included; 0: 10 s.
	Timeout time.Duration
	// Pace limits all requests. Nil: nothing does.
	Pace *ratelimit.Pace
	// ClockOff is told after each success how far this machine's clock is off, in a
	// sentence; nothing where it is right enough. Nil: nobody is told.
	ClockOff func(warning string)
	// May is called right before a request is sent; its error prevents it. Nil: all may be sent.
	May func() error
	// Dial makes the connections; nil: the system does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: silent
}

// Client calls the cloud API for one account. It is safe for concurrent use.
type Client struct {
	account     string
	base        url.URL
	agent       string
	timeout     time.Duration
	pace        *ratelimit.Pace
	healthPace  *ratelimit.Pace // of GetWhatsappHealthStatus, which has a limit of its own
	may         func() error
	clock       *clock
	credentials *credentialCache
	transport   *http.Transport
}

// NewClient makes a client. An error names what is wrong with the options; no
// request is sent.
func NewClient(o ClientOptions) (*Client, error) {
	endpoint := cmp.Or(o.Endpoint, "https://cams."+cmp.Or(o.Region, "ap-southeast-1")+".aliyuncs.com")
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("account %s: the endpoint %q is not a complete URL such as https://cams.ap-southeast-1.aliyuncs.com", o.Account, phone.Redact(endpoint))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	log := o.Log.With("account", o.Account)
	credentials, err := newCredentialCache(o.Credentials, log)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", o.Account, err)
	}
	c := &Client{
		account:     o.Account,
		base:        url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"},
		agent:       cmp.Or(o.UserAgent, "numwatch"),
		timeout:     cmp.Or(o.Timeout, 10*time.Second),
		pace:        o.Pace,
		healthPace:  ratelimit.NewPace(healthPerSecond),
		may:         o.May,
		clock:       newClock(o, log),
		credentials: credentials,
	}
	c.transport = newTransport(c.timeout)
	if o.Dial != nil {
		c.transport.DialContext = o.Dial
	}
	return c, nil
}

// closeWait bounds how long Close waits for a credentials provider.
const closeWait = 2 * time.Second

// Close gives up idle connections, and waits for a while until no credentials
// are being fetched.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.credentials.wait(closeWait)
}

// Ready returns once there are credentials to sign with, which may take as long
// as Timeout. The error is always an *Error about the account.
func (c *Client) Ready(ctx context.Context) error {
	if _, err := c.key(ctx, &call{}); err != nil {
		return err
	}
	return nil
}

// Fetch asks for a space's complete list of numbers. The caller may have taken
// a turn of the account's pace for it; where that is the zero Turn, or no longer
// good, Fetch takes one. The error is always an *Error; a snapshot is never partial.
func (c *Client) Fetch(ctx context.Context, space phone.SpaceKey, turn ratelimit.Turn) (*phone.Snapshot, error) {
	call := &call{action: "ChatappSyncPhoneNumber", space: space.ID, params: map[string]string{"CustSpaceId": space.ID}}
	answer, err := c.do(ctx, call, turn)
	if err != nil {
		return nil, err
	}
	numbers, wrong := answer.numbers()
	if wrong != nil {
		return nil, c.inconsistent(call, answer, wrong.Error())
	}
	return &phone.Snapshot{Space: space, Numbers: numbers, At: c.clock.machine(), RequestId: call.requestID(answer)}, nil
}

// Warnings says what is wrong with how the account is reached while polls go on
// all the same, in a sentence each.
func (c *Client) Warnings() []string {
	return slices.DeleteFunc([]string{c.credentials.warning(), c.clock.warning()}, func(w string) bool { return w == "" })
}

// call is one operation and what its last attempt brought.
type call struct {
	action string
	space  string
	params map[string]string
	key    key
	status int
	header http.Header
	sent   time.Time
}

func (c *call) requestID(a *answer) string {
	return clean(cmp.Or(a.RequestId.value, c.header.Get("x-acs-request-id")), maxCode)
}

// do performs a call, signed anew once if the cloud rejects the date or nonce, or
// a key that has been replaced where it comes from.
func (c *Client) do(ctx context.Context, call *call, turn ratelimit.Turn) (*answer, *Error) {
	answer, err := c.attempt(ctx, call, turn)
	if err != nil && (err.Class == Clock || ofCredentials(err.Code) && c.replaced(ctx, call)) {
		answer, err = c.attempt(ctx, call, ratelimit.Turn{})
	}
	c.paced(call, err)
	return answer, err
}

// replaced drops the key that the cloud refused, and reports whether its source
// has another one by now.
func (c *Client) replaced(ctx context.Context, call *call) bool {
	c.credentials.drop(call.key)
	k, err := c.key(ctx, call)
	return err == nil && k != call.key
}

// paced tells the pace what became of a request that was answered, and an error
// whether it is the account that is throttled.
func (c *Client) paced(call *call, err *Error) {
	if c.pace == nil || call.status == 0 || err != nil && (err.Class == Transient || err.Class == NoCredentials) {
		return
	}
	a := ratelimit.Answer{Space: call.space, Sent: call.sent}
	if err != nil && err.Class == Throttled {
		a.Throttled, a.RetryAfter = true, err.RetryAfter
	}
	shared := c.pace.Answered(a)
	if a.Throttled {
		if err.Shared = shared; !shared {
			err.Advice = adviceAlone
		}
	}
}

// attempt sends a request and judges its answer.
func (c *Client) attempt(ctx context.Context, call *call, turn ratelimit.Turn) (*answer, *Error) {
	k, failed := c.key(ctx, call)
	if failed != nil {
		return nil, failed
	}
	call.key, call.status, call.header, call.sent = k, 0, nil, time.Time{}
	if turn == (ratelimit.Turn{}) && c.pace != nil { // taken here, so that waiting for it is not limited by Timeout
		var err error
		if turn, err = c.pace.Wait(ctx); err != nil {
			return nil, c.failed(call, err, "waiting for a turn")
		}
	}
	body, failed := c.exchange(ctx, call, turn)
	if failed != nil {
		return nil, failed
	}
	answer := new(answer)
	if err := json.Unmarshal(body, answer); err != nil {
		return nil, c.unreadable(call, len(body), err)
	}
	if call.status == http.StatusOK && answer.ok() {
		c.clock.accepted(call.header)
		return answer, nil
	}
	rejected := c.rejected(call, answer)
	if ofClock(rejected.Code) {
		c.clock.rejected(call.header)
	}
	return nil, rejected
}

// key returns the key to sign with.
func (c *Client) key(ctx context.Context, call *call) (key, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	k, err := c.credentials.get(ctx)
	if err != nil {
		return k, c.withoutKey(call, err)
	}
	return k, nil
}

// maxAnswer bounds what is read of an answer; 200 numbers need 100 KiB.
const maxAnswer = 16 << 20

// exchange sends one request and reads the whole body of its answer. It follows
// no redirect and keeps no cookie, which is all that an http.Client would add.
func (c *Client) exchange(ctx context.Context, call *call, turn ratelimit.Turn) ([]byte, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	gate := &gate{pace: c.pace, turn: turn, may: c.may, ctx: ctx, cancel: cancel}
	u := c.base
	u.RawQuery = encode(call.params)
	req := (&http.Request{
		Method: http.MethodPost, URL: &u, Host: u.Host, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {c.agent}},
	}).WithContext(gate.traced())
	sign(req, call.action, call.key, c.clock.cloud())
	resp, err := c.transport.RoundTrip(req)
	call.sent = gate.opened
	if gate.err != nil {
		return nil, c.failed(call, gate.err, "waiting for a turn")
	}
	if err != nil {
		return nil, c.failed(call, err, "")
	}
	defer resp.Body.Close()
	call.status, call.header = resp.StatusCode, resp.Header
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	}
	if err != nil {
		return nil, c.failed(call, err, "")
	}
	return body, nil
}

// encode writes the parameters as they are signed: url.Values sorts them, and
// a space is sent as %20 rather than +.
func encode(params map[string]string) string {
	v := make(url.Values, len(params))
	for name, value := range params {
		v.Set(name, value)
	}
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}
