package fault

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// Network is a network in memory between one server, whose listener it is, and
// its clients. Its connections can fall silent, as to a machine that lost power.
// It works with simulated time, and is safe for concurrent use.
type Network struct {
	arrivals chan net.Conn
	once     sync.Once
	closed   chan struct{}

	mu    sync.Mutex
	lines []*line
}

// line is a client's end of a connection.
type line struct {
	net.Conn
	silent atomic.Bool
}

// NewNetwork returns a network without connections.
func NewNetwork() *Network {
	return &Network{arrivals: make(chan net.Conn), closed: make(chan struct{})}
}

// DialContext connects to the server, whatever the address.
func (n *Network) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.arrivals <- server:
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l := &line{Conn: client}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, l)
	return l, nil
}

// Silence lets the connections that there are carry nothing more: what is sent
// is taken and lost, and nothing comes. Later ones work.
func (n *Network) Silence() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		l.silent.Store(true)
	}
}

// Accept returns the next connection of a client.
func (n *Network) Accept() (net.Conn, error) {
	select {
	case c := <-n.arrivals:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and DialContext. Connections go on.
func (n *Network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr returns an address on this machine.
func (n *Network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func (l *line) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		if err != nil || !l.silent.Load() {
			return n, err
		}
	}
}

func (l *line) Write(b []byte) (int, error) {
	if l.silent.Load() {
		return len(b), nil
	}
	return l.Conn.Write(b)
}
