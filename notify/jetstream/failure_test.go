package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestNATSRefusesAnOldCopyOfTheStore(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	b.log.events = b.log.events[:30]
	n := New(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.log.reason("nats"), "old copy")
	require.True(t, n.Status().Parked)
	b.published(50)
}

func TestNATSParksOnAStreamThatDoesNotFit(t *testing.T) {
	for want, change := range map[string]func(*jetstream.StreamConfig){
		"add it there": func(c *jetstream.StreamConfig) { c.Subjects = []string{"numwatch.v1.alert.>"} },
		"no_ack":       func(c *jetstream.StreamConfig) { c.NoAck = true },
		"retention":    func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
	} {
		t.Run(want, func(t *testing.T) {
			b := newRig(t)
			s := b.stream(change)
			n := New(b.options())
			n.patient = 0
			b.run(n)
			require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
			require.Contains(t, b.log.reason("nats"), want)
			info, err := s.Info(t.Context())
			require.NoError(t, err)
			require.Equal(t, s.CachedInfo().Config, info.Config, "an operator's stream is never changed")
		})
	}
}

func TestNATSNeedsAStream(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.Stream.Create = false
	n := New(o)
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.log.reason("nats"), "nats.create_stream")
	b.add(changeEvent(1))
	b.stream(nil)
	b.published(1)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	require.Empty(t, n.Status().LastError)
}

func TestNATSFullStreamIsBackPressure(t *testing.T) {
	b := newRig(t)
	s := b.stream(func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 10, jetstream.DiscardNew })
	b.add(b.mixed(30, 5)...)
	n := New(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	c := s.CachedInfo().Config
	c.MaxMsgs = -1
	_, err := b.js.UpdateStream(t.Context(), c)
	require.NoError(t, err)
	b.requireOnceInOrder(b.published(30))
}

func TestNATSOutage(t *testing.T) {
	b := newRig(t)
	dir, listen, o := t.TempDir(), b.server.server.Addr().String(), b.options()
	b.server.Shutdown()
	n := New(o)
	n.patient = 50 * time.Millisecond
	b.run(n) // unreachable at start is no error
	b.add(b.mixed(300, 10)...)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.False(t, n.Status().Connected)
	require.EqualValues(t, 0, n.Status().Cursor)
	for i := range 3 {
		b.startServer(dir, listen)
		b.js = b.dial()
		b.requireOnceInOrder(b.published(300 * (i + 1)))
		require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
		b.server.Shutdown()
		b.add(b.mixed(300, 10)...)
	}
}

// cut is a proxy that closes each connection after some bytes.
func cut(t *testing.T, target string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.CopyN(to, from, rand.Int64N(1_000_000))
				to.Close()
				from.Close()
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return l.Addr().String()
}

func TestNATSOrderOverAConnectionThatBreaks(t *testing.T) {
	b := newRig(t)
	b.stream(func(c *jetstream.StreamConfig) { c.Duplicates = time.Second })
	o := b.options()
	o.Login.URL = "nats://" + cut(t, b.server.server.Addr().String())
	b.add(b.mixed(2000, 15)...)
	b.start(o)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 2000 }, 3*soon, time.Millisecond)
	b.requireOnceInOrder(b.published(2000))
}

// The process dies at any point around a publishing; the next one goes on.
func TestNATSCrashes(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	b.add(b.mixed(400, 8)...)
	for b.log.keptCursor().Seq < 400 {
		o := b.options()
		left := 1 + rand.N(150)
		var n *Publisher
		o.Trace = func(string) {
			if left--; left == 0 {
				b.log.mu.Lock()
				b.log.fail = func(alert.DeliveryUpdate) error { return errors.New("crashed") }
				b.log.mu.Unlock()
				n.conn.Close()
			}
		}
		n = New(o)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_ = n.Run(ctx)
		cancel()
		b.log.mu.Lock()
		b.log.fail = nil
		b.log.mu.Unlock()
	}
	b.requireOnceInOrder(b.published(400))
}

func TestNATSPassesOverPoison(t *testing.T) {
	b := newRig(t)
	big := changeEvent(1)
	big.Change.Reason = strings.Repeat("x", 2<<20)
	b.add(changeEvent(1), big, changeEvent(1), changeEvent(2))
	registry := prometheus.NewRegistry()
	o := b.options()
	o.Registerer = registry
	b.start(o)
	b.published(3)
	b.caughtUp()
	require.Equal(t, phone.Parked, b.log.condition("nats:dead-letters"))
	require.Contains(t, b.log.reason("nats:dead-letters"), "event k3v9q2-000000000002 can never be published and is passed over")
	got, err := registry.Gather()
	require.NoError(t, err)
	require.Regexp(t, `value:"dead"}\s+counter:{value:1`, fmt.Sprint(got))
	b.stopSink()
	b.add(changeEvent(2))
	b.start(b.options())
	b.caughtUp()
	require.Equal(t, phone.OK, b.log.condition("nats:dead-letters"))
}

func TestNATSPassesOverChanges(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.PublishChanges = false
	b.add(changeEvent(1), alertEvent(firing(1)), changeEvent(2))
	b.start(o)
	b.caughtUp()
	msgs := b.published(1)
	require.Contains(t, msgs[0].Subject, "numwatch.v1.alert.critical.quality-red.main.29348.8613800000001.QualityRating")
}

func TestNATSSaysWhatLeftTheLog(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(10, 3)...)
	b.log.trimmed, b.log.events = 4, b.log.events[4:]
	var log strings.Builder
	o := b.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	require.Contains(t, log.String(), "events left the log before they were published")
	b.published(6)
}

func TestNATSHeartbeat(t *testing.T) {
	b := newRig(t)
	nc, err := nats.Connect(b.server.URL())
	require.NoError(t, err)
	defer nc.Close()
	sub, err := nc.SubscribeSync(SubjectHeartbeat)
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	n := New(b.options())
	n.beat = 10 * time.Millisecond
	b.run(n)
	m, err := sub.NextMsg(soon)
	require.NoError(t, err)
	var beat struct{ Epoch string }
	require.NoError(t, json.Unmarshal(m.Data, &beat))
	require.Equal(t, "k3v9q2", beat.Epoch)
}

// While the bot is not ready it sends no heartbeat, and says so once.
func TestNATSHeartbeatOnlyWhileTheBotIsReady(t *testing.T) {
	b := newRig(t)
	sub, err := b.js.Conn().SubscribeSync(SubjectHeartbeat)
	require.NoError(t, err)
	require.NoError(t, b.js.Conn().Flush())
	var log bytes.Buffer
	var asked atomic.Int64
	o := b.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Ready = func() error {
		if asked.Add(1) <= 5 {
			return errors.New("the store does not respond")
		}
		return nil
	}
	n := New(o)
	n.beat = 10 * time.Millisecond
	b.run(n)
	_, err = sub.NextMsg(soon)
	require.NoError(t, err)
	require.Greater(t, asked.Load(), int64(5), "it was sent while the bot was not ready")
	b.stopSink()
	require.Equal(t, 1, strings.Count(log.String(), "heartbeats are withheld: the bot is not ready"))
	require.Equal(t, 1, strings.Count(log.String(), "heartbeats are sent again"))
}

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

func TestNATSHidesPasswords(t *testing.T) {
	require.Equal(t, "nats://a:4222,tls://b", redactServers("nats://user:secret@a:4222, tls://token@b/"))
	require.NotContains(t, redactServers("user:secret@host:4222"), "secret")
	n := New(Options{Log: newMemory(), Renderer: &Renderer{}, Login: Login{URL: "nats://u:secret@127.0.0.1:1", NKeyFile: "/nowhere"}})
	_, err := n.connect()
	require.ErrorContains(t, err, "nats.nkey_file /nowhere")
	require.NotContains(t, err.Error(), "secret")
}

func TestCheckNATS(t *testing.T) {
	b := newRig(t)
	o := b.options()
	said, err := Check(t.Context(), o.Login, o.Stream)
	require.NoError(t, err)
	require.Contains(t, said, "stream NUMWATCH will be made")
	_, err = b.js.Stream(t.Context(), "NUMWATCH")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "a check makes nothing")
	o.Stream.Create = false
	_, err = Check(t.Context(), o.Login, o.Stream)
	require.ErrorContains(t, err, "nats.create_stream")
	b.stream(nil)
	said, err = Check(t.Context(), o.Login, o.Stream)
	require.NoError(t, err)
	require.Contains(t, said, "fits")
	_, err = Check(t.Context(), Login{URL: "nats://127.0.0.1:1"}, o.Stream)
	require.ErrorContains(t, err, "connecting to nats at nats://127.0.0.1:1")
}

func TestNATSNoticesAnOutageWhileIdle(t *testing.T) {
	b := newRig(t)
	b.add(changeEvent(1))
	n := New(b.options())
	n.patient = 50 * time.Millisecond
	b.run(n)
	b.caughtUp()
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	b.server.Shutdown()
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
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
