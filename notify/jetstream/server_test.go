package jetstream

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestEmbeddedAsksForItsToken(t *testing.T) {
	s := startServer(t, ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir(), Token: "s3cret"})
	_, err := nats.Connect(s.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	b := &rig{t: t, log: newMemory(), server: s}
	o := b.options()
	o.Login = Login{Server: s}
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	o.Login = Login{URL: s.URL(), Token: "s3cret"}
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	_, err = NewServer(ServerOptions{Listen: "nowhere", Dir: t.TempDir()})
	require.ErrorContains(t, err, "nats.listen")
	_, err = NewServer(ServerOptions{Listen: "127.0.0.1:x", Dir: t.TempDir()})
	require.ErrorContains(t, err, "port")
}

func TestEmbeddedSaysThatAPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = NewServer(ServerOptions{Listen: l.Addr().String(), Dir: t.TempDir()})
	require.ErrorContains(t, err, "address already in use")
}

func TestEmbeddedWithoutAListener(t *testing.T) {
	s := startServer(t, ServerOptions{Dir: t.TempDir()})
	require.Empty(t, s.URL())
	b := &rig{t: t, log: newMemory(), server: s}
	o := b.options()
	o.Login = Login{Server: s}
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	b.stopSink()
}

// The bot does not wait for a server that has much to read: what it sees
// meanwhile goes out once the server is up.
func TestPublishingWaitsForTheEmbeddedServer(t *testing.T) {
	e, err := NewServer(ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	defer e.Shutdown()
	require.Empty(t, e.URL())
	b := &rig{t: t, log: newMemory(), server: e}
	b.add(changeEvent(1))
	b.start(b.optionsFor(Login{Server: e}))
	status := b.sink.Status()
	require.False(t, status.Connected)
	require.EqualValues(t, 1, status.Lag)
	require.NoError(t, e.Start(t.Context()))
	require.NotEmpty(t, e.URL())
	b.caughtUp()
	b.stopSink()
	require.NoError(t, e.Start(t.Context()), "it is up already")
}

func TestAServerThatNeverComesUpIsLeft(t *testing.T) {
	e, err := NewServer(ServerOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	defer e.Shutdown()
	b := &rig{t: t, log: newMemory(), server: e}
	b.start(b.optionsFor(Login{Server: e}))
	b.stopSink() // Run returns although there was nothing to connect to
}

func TestAnEmbeddedServerThatCannotWriteSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s, err := NewServer(ServerOptions{Dir: filepath.Join(file, "nats")})
	require.NoError(t, err)
	defer s.Shutdown()
	err = s.Start(t.Context())
	require.ErrorContains(t, err, "embedded nats server")
	require.ErrorContains(t, err, file)
}
