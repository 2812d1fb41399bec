// Package cams calls the cloud API: it signs requests, finds the credentials,
// decodes answers and classifies errors. The vendor's types stay here. It
// imports phone, alert and ratelimit; the poller and the commands that ask the
// cloud directly call it.
package cams

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
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
	// Pace is where further requests of one call wait for their turn: pages,
	// and the second attempt after a refused clock or nonce. Nil: nowhere.
	Pace *ratelimit.Pace
	Now  func() time.Time // nil: time.Now
}

// Client calls the cloud API for one account. It is safe for concurrent use.
type Client struct {
	account  string
	base     url.URL
	agent    string
	timeout  time.Duration
	pace     *ratelimit.Pace
	now      func() time.Time
	keys     *keyring
	transfer *http.Transport
	buffers  sync.Pool // of *[]byte
}

// NewClient makes a client. An error names what is wrong with the options; no
// request is sent.
func NewClient(o ClientOptions) (*Client, error) {
	endpoint := cmp.Or(o.Endpoint, "https://cams."+cmp.Or(o.Region, "ap-southeast-1")+".aliyuncs.com")
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("account %s: the endpoint %q is not a whole URL such as https://cams.ap-southeast-1.aliyuncs.com", o.Account, phone.Redact(endpoint))
	}
	keys, err := newKeyring(o.Credentials)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", o.Account, err)
	}
	c := &Client{
		account: o.Account,
		base:    url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"},
		agent:   cmp.Or(o.UserAgent, "numwatch"),
		timeout: cmp.Or(o.Timeout, 10*time.Second),
		pace:    o.Pace,
		now:     o.Now,
		keys:    keys,
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.transfer = newTransport(c.timeout)
	return c, nil
}

func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    timeout, // the answer's is that of the request's context
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    64,
		// Shorter than load balancers keep theirs: a request on a connection
		// that the other side has just closed would fail.
		IdleConnTimeout:   10 * time.Second,
		ForceAttemptHTTP2: true,
		// Else requests go on over a connection that has died in silence until
		// the kernel gives it up, which takes a quarter of an hour.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// Close gives up idle connections and waits until no key is being fetched.
func (c *Client) Close() {
	c.transfer.CloseIdleConnections()
	c.keys.wait()
}

// Fetch asks for a space's complete list of numbers. The caller has waited for
// its turn on the account's Pace. The error is always an *Error; a snapshot is
// never partial.
func (c *Client) Fetch(ctx context.Context, space phone.SpaceKey) (*phone.Snapshot, error) {
	call := call{action: "ChatappSyncPhoneNumber", space: space.ID, params: map[string]string{"CustSpaceId": space.ID}}
	var answer syncAnswer
	if err := c.do(ctx, &call, &answer); err != nil {
		return nil, err
	}
	numbers, err := answer.numbers()
	if err != nil {
		return nil, c.doubtful(&call, &answer.envelope, err.Error())
	}
	return &phone.Snapshot{Space: space, Numbers: numbers, At: c.now(), RequestId: call.requestID(&answer.envelope)}, nil
}

// pageSize is how many instances are asked for at once; maxPages ends a list
// that never does.
const (
	pageSize = 100
	maxPages = 10_000
)

// ListInstance asks for the account's WhatsApp instances, page by page, each
// waiting for its turn, as spaces without labels, in the cloud's order. It needs
// the RAM action cams:ListInstance. The error is always an *Error; a list that
// is not as long as the cloud says, or changed while it was read, is doubtful.
func (c *Client) ListInstance(ctx context.Context) ([]phone.Space, error) {
	var list []phone.Space
	seen := map[string]bool{}
	entries, total := 0, ""
	for page := 1; page <= maxPages; page++ {
		call := c.pageCall(page)
		answer := new(instanceAnswer)
		if err := c.page(ctx, call, answer); err != nil {
			return nil, err
		}
		if page > 1 && answer.TotalCount.value != total {
			return nil, c.doubtful(call, &answer.envelope, "the list of instances changed while it was read")
		}
		total = answer.TotalCount.value
		entries += len(answer.Data)
		before := len(seen)
		for _, i := range answer.Data {
			if i == nil {
				continue
			}
			if s := i.space(c.account); s.ID != "" && !seen[s.ID] {
				seen[s.ID] = true
				list = append(list, s)
			}
		}
		want, err := strconv.Atoi(total)
		if err == nil && entries >= want {
			return list, nil
		}
		if len(answer.Data) == 0 || len(seen) == before {
			if err == nil {
				return nil, c.doubtful(call, &answer.envelope, fmt.Sprintf("the list ends after %d of %d instances", entries, want))
			}
			return list, nil
		}
	}
	return list, nil
}

func (c *Client) pageCall(page int) *call {
	return &call{action: "ListInstance", params: map[string]string{
		"ChannelType": "whatsapp",
		"PageIndex":   strconv.Itoa(page),
		"PageSize":    strconv.Itoa(pageSize),
	}}
}

// page waits for a turn and asks for one page.
func (c *Client) page(ctx context.Context, call *call, answer *instanceAnswer) error {
	if err := c.turn(ctx, call); err != nil {
		return err
	}
	sent := c.now()
	if err := c.do(ctx, call, answer); err != nil {
		if c.pace != nil && err.Class == Throttled {
			c.pace.Throttled(sent, err.RetryAfter)
		}
		return err
	}
	return nil
}

// call is one operation and what its last attempt brought.
type call struct {
	action string
	space  string
	params map[string]string
	status int
	header http.Header
}

func (c *call) requestID(e *envelope) string {
	return clean(cmp.Or(e.RequestId.value, c.header.Get("x-acs-request-id")), maxCode)
}

// do performs a call, signed anew once if the cloud refuses the date or nonce.
func (c *Client) do(ctx context.Context, call *call, answer answer) *Error {
	err := c.attempt(ctx, call, answer)
	if err == nil || err.Class != Clock {
		return err
	}
	if waitErr := c.turn(ctx, call); waitErr != nil {
		return err
	}
	return c.attempt(ctx, call, answer)
}

func (c *Client) turn(ctx context.Context, call *call) *Error {
	if c.pace == nil {
		return nil
	}
	if err := c.pace.Wait(ctx); err != nil {
		return c.failed(call, err, "waiting for a turn", nil)
	}
	return nil
}

func (c *Client) attempt(ctx context.Context, call *call, answer answer) *Error {
	call.status, call.header = 0, nil
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	k, err := c.keys.get(ctx)
	if err != nil {
		return c.withoutKey(call, err)
	}
	body, err := c.send(ctx, call, k)
	defer c.reuse(body)
	if err != nil {
		return c.failed(call, err, "", k.secrets())
	}
	if err := unmarshal(*body, answer); err != nil {
		return c.unreadable(call, len(*body), err)
	}
	head := answer.head()
	if call.status == http.StatusOK && head.ok() {
		return nil
	}
	refused := c.refused(call, head, k)
	if refused.Class == DeniedAccount && ofCredentials(refused.Code) {
		c.keys.forget(ctx)
	}
	return refused
}

// send exchanges one request for the whole body of its answer. It follows no
// redirect and keeps no cookie, which is all that an http.Client would add.
func (c *Client) send(ctx context.Context, call *call, k key) (*[]byte, error) {
	u := c.base
	u.RawQuery = encode(call.params)
	req := (&http.Request{
		Method: http.MethodPost, URL: &u, Host: u.Host, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {c.agent}},
	}).WithContext(ctx)
	sign(req, call.action, k, c.now())
	resp, err := c.transfer.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	call.status, call.header = resp.StatusCode, resp.Header
	return c.read(resp)
}

// encode writes the parameters as they are signed: url.Values sorts them, and
// a space is sent as %20 rather than +.
func encode(params map[string]string) string {
	v := make(url.Values, len(params))
	for name, value := range maps.All(params) {
		v.Set(name, value)
	}
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}
