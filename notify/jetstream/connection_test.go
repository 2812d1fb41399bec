package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

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

func TestNATSHidesPasswords(t *testing.T) {
	require.Equal(t, "nats://a:4222,tls://b", ShownServers("nats://user:secret@a:4222, tls://token@b/"))
	require.Equal(t, "nats://host:4222", ShownServers("user:secret@host:4222"))
	require.NotContains(t, ShownServers("nats://user:secret@host:4222\x7f"), "secret")
	n := New(Options{Log: newMemory(), Renderer: &Renderer{}, Login: Login{URL: "nats://u:secret@127.0.0.1:1", NKeyFile: "/nowhere"}})
	_, err := n.connect()
	require.ErrorContains(t, err, "nats.nkey_file /nowhere")
	require.NotContains(t, err.Error(), "secret")
}

func TestNATSTakesHints(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.Hint = func(account string, body []byte) []byte { return []byte(account + " " + string(body)) }
	b.run(New(o))
	require.Eventually(t, func() bool {
		m, err := b.js.Conn().Request(SubjectHint+"main", []byte("look"), soon)
		return err == nil && string(m.Data) == "main look"
	}, soon, 10*time.Millisecond)
}
