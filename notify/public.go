package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	requestTimeout = 15 * time.Second // of a whole request
	connectTimeout = 5 * time.Second
	maxIdle        = 8 // connections to a host; that many requests are made at once
)

// errPrivate says that an address leads into a network of the bot's own: a name that
// others control must not become a way in.
var errPrivate = errors.New("private address: set allow_private: true to allow it")

// NewClient returns a client that follows no redirects, and unless private addresses are
// allowed connects to public ones only, whatever a name resolves to. It sends only while
// may allows it.
func NewClient(allowPrivate bool, may func() error) *http.Client {
	t := NewTransport()
	t.MaxIdleConnsPerHost = maxIdle
	if !allowPrivate {
		t.Proxy = nil // a proxy would resolve the name where it cannot be checked
		t.DialContext = (&net.Dialer{Timeout: connectTimeout, ControlContext: publicOnly}).DialContext
	}
	return &http.Client{
		Transport:     Gated(t, may),
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// publicOnly refuses to connect to an address that is not public.
func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", address, err)
	}
	if !public(at.Addr()) {
		return errPrivate
	}
	return nil
}

// public6 holds all public hosts of IPv6. Outside of it are, among others, the forms of
// an IPv4 address: ::10.0.0.1, and 64:ff9b::10.0.0.1 of NAT64.
var public6 = netip.MustParsePrefix("2000::/3")

// notPublic are the networks, beside those that the standard library knows, that lead to
// no public host (IANA special-purpose address registries).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/23"),
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !public6.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
