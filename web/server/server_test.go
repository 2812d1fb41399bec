package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// A request that is under way when the bot stops gets its answer.
func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	entered := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-ctx.Done()
		_, _ = io.WriteString(w, "done")
	})
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, handler, slog.New(slog.DiscardHandler)) }()
	go func() { <-entered; stop() }()

	resp, err := http.Get("http://" + l.Addr().String())
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "done", string(body))
	require.NoError(t, <-served)
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err, "the listener is closed")
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	l := listen(t)
	require.NoError(t, l.Close())
	err := Serve(t.Context(), l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorContains(t, err, l.Addr().String())
}

func TestServeLimitsHeaders(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, http.NotFoundHandler(), slog.New(slog.DiscardHandler)) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String(), nil)
	require.NoError(t, err)
	req.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
	stop()
	require.NoError(t, <-served)
}

// pipeListener accepts one connection, in memory.
type pipeListener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// A client that sends its headers slowly must not hold a connection for long.
func TestServeLimitsTheTimeForHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		client, server := net.Pipe()
		l := &pipeListener{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conn <- server
		served := make(chan error, 1)
		go func() { served <- Serve(ctx, l, http.NotFoundHandler(), slog.New(slog.DiscardHandler)) }()
		start := time.Now()
		_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n")
		require.NoError(t, err)
		_, _ = io.ReadAll(client)
		require.Equal(t, 5*time.Second, time.Since(start))
		stop()
		require.NoError(t, <-served)
	})
}
