package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Reach connects to an address, with TLS if it uses that, and posts nothing. It
// returns the host. Behind a proxy of the environment only a post can tell.
func Reach(ctx context.Context, address string, allowPrivate bool) (host string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the URL is not valid")
	}
	host = u.Hostname()
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !allowPrivate {
		dialer.ControlContext = publicOnly
	}
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{NetDialer: dialer}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	}
	if err != nil {
		return host, fmt.Errorf("connecting: %w", err)
	}
	return host, conn.Close()
}
