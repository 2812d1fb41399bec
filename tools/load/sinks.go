package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	slacksim "numwatch/internal/sim/slack"
)

const slackToken = "xoxb-load"

func newSlack() *httptest.Server {
	return httptest.NewServer(slacksim.New(slacksim.Config{
		Token: slackToken, Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}},
	}))
}

// newNATS runs a server in this process, for a bot that has none of its own.
func newNATS(dir string) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(dir, "outside"), NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(startWithin) {
		return nil, fmt.Errorf("the NATS server does not start within %s", startWithin)
	}
	return s, nil
}

// consumer subscribes as a program of a customer does, and notes when it has
// which change.
type consumer struct {
	conn *nats.Conn

	mu  sync.Mutex
	got map[change]time.Time
}

func consume(url string) (*consumer, error) {
	conn, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	c := &consumer{conn: conn, got: map[change]time.Time{}}
	if _, err := conn.Subscribe("numwatch.v1.change.*.*.*.QualityRating", c.take); err != nil {
		conn.Close()
		return nil, err
	}
	return c, conn.Flush()
}

func (c *consumer) take(m *nats.Msg) {
	now := time.Now()
	var event struct {
		Subject string
		Data    struct{ New string }
	}
	if json.Unmarshal(m.Data, &event) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[change{event.Subject, event.Data.New}] = now
}

// delays returns how long each change took from the cloud's answer until the
// consumer had it, sorted. Of a number that had the same value twice only what
// is certain counts.
func (c *consumer) delays(cloud *cloud) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []time.Duration
	for ch, got := range c.got {
		if at, ok := cloud.answered(ch); ok && got.After(at) {
			all = append(all, got.Sub(at))
		}
	}
	slices.Sort(all)
	return all
}
