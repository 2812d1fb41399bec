package cams

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"numwatch/poller/ratelimit"
)

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

// gate holds a request back between its connection, which may take long to make,
// and its first byte, until it has a turn that is good. So the limit holds
// however slow DNS, TLS or a proxy are, and for the transport's own retries.
type gate struct {
	pace   *ratelimit.Pace // nil: none
	turn   ratelimit.Turn  // to be used; the zero Turn on the transport's own retries
	used   ratelimit.Turn
	may    func() error    // nil: always
	ctx    context.Context //nolint:containedctx // of the one request that the gate is for
	cancel func()          // ends ctx
	opened time.Time       // when the request passed
	err    error           // ctx ended first, or it may not be sent
}

// traced returns the request's context, which has the transport stop at the gate.
func (g *gate) traced() context.Context {
	return httptrace.WithClientTrace(g.ctx, &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { g.pass(info.Conn) },
		WroteRequest: func(httptrace.WroteRequestInfo) { g.wrote() },
	})
}

func (g *gate) pass(conn net.Conn) {
	if g.pace != nil {
		g.used, g.err = g.pace.Use(g.ctx, g.turn)
		g.turn = ratelimit.Turn{}
	}
	if g.err == nil && g.may != nil {
		if g.err = g.may(); g.err != nil {
			g.cancel()
		}
	}
	if g.err != nil && !isHTTP2(conn) {
		conn.Close() // else the request would go out; HTTP/2 looks at its context again
	}
	g.opened = time.Now()
}

func (g *gate) wrote() {
	if g.pace != nil && g.err == nil {
		g.pace.Sent(g.used)
	}
}

func isHTTP2(conn net.Conn) bool {
	t, ok := conn.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}
