package natstest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Proxy sits between a client and a server, and can cut the client off without either noticing:
// what is sent then does not arrive, and connections stay open.
type Proxy struct {
	target string
	l      net.Listener

	mu    sync.Mutex
	cut   bool // nothing arrives
	mute  bool // nothing that the server sends arrives
	delay time.Duration
	conns []net.Conn
}

// NewProxy returns a proxy for the server at a host and port.
func NewProxy(t testing.TB, target string) *Proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{target: target, l: l}
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close() // its only error is that it is closed
		p.Restore()
	})
	return p
}

// URL is where clients connect.
func (p *Proxy) URL() string { return "nats://" + p.Address() }

// Address is the same as a host and port.
func (p *Proxy) Address() string { return p.l.Addr().String() }

// Cut stops all traffic.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
}

// LoseAnswers lets through what the client sends, but drops the server's answers.
func (p *Proxy) LoseAnswers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// Delay delays whatever is sent from now on.
func (p *Proxy) Delay(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = by
}

// Restore lets new connections through. Those from before are closed.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.mute, p.delay = false, false, 0
	for _, c := range p.conns {
		_ = c.Close() // it may be closed already
	}
	p.conns = nil
}

func (p *Proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, client)
		cut := p.cut
		p.mu.Unlock()
		if cut {
			continue // it receives nothing
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close() // the client sees it end
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, server)
		p.mu.Unlock()
		go p.copy(client, server, &p.mute)
		go p.copy(server, client, nil)
	}
}

// copy forwards data, unless the proxy is cut, or lost in this direction.
func (p *Proxy) copy(to, from net.Conn, lost *bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		cut, delay := p.cut || lost != nil && *lost, p.delay
		p.mu.Unlock()
		time.Sleep(delay)
		if cut {
			_, _ = io.Copy(io.Discard, from) // until Restore closes it
			return
		}
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}
