package natstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// Messages returns what a stream holds, which is something, once the servers answer.
func (c *Cluster) Messages(stream string) (all []*jetstream.RawStreamMsg) {
	c.t.Helper()
	js := c.JetStream()
	var s jetstream.Stream
	c.answers(func() (err error) {
		s, err = js.Stream(c.t.Context(), stream)
		if err == nil && s.CachedInfo().State.FirstSeq == 0 {
			err = fmt.Errorf("stream %s is empty, as one is that its server has not recovered yet", stream)
		}
		return err
	})
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		c.answers(func() error {
			m, err := s.GetMsg(c.t.Context(), seq)
			if err == nil {
				all = append(all, m)
			}
			return err
		})
	}
	return all
}

// answers asks until there is an answer: servers that elect a leader have none.
func (c *Cluster) answers(ask func() error) {
	c.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < electsWithin; time.Sleep(100 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	require.NoError(c.t, err)
}

// Term is a time in which one replica led.
type Term struct {
	ID       string // of the replica
	Released bool   // the one before was given away
}

// Terms reads a log of replicas, in which only the one that leads may write, and a term begins no earlier than a lease
// after the last record, unless that gave the right away. It measures by the clocks of the servers: how long the
// replicas, or the test, had to wait for something is not in it.
func (c *Cluster) Terms(log string, lease time.Duration) (all []Term) {
	c.t.Helper()
	var last struct{ Kind, Writer string }
	var at time.Time
	for i, m := range c.Messages(log) {
		before := last
		line, _, _ := strings.Cut(string(m.Data), "\n")
		require.NoError(c.t, json.Unmarshal([]byte(line), &last), "record %d", m.Sequence)
		id, _, _ := strings.Cut(last.Writer, "/")
		switch {
		case last.Kind == "term":
			released := before.Kind == "release"
			require.True(c.t, i == 0 || released || m.Time.Sub(at) >= lease,
				"record %d: %s leads %v after the last record", m.Sequence, id, m.Time.Sub(at))
			all = append(all, Term{id, released})
		case len(all) > 0:
			require.Equal(c.t, before.Writer, last.Writer, "record %d is of one that does not lead", m.Sequence)
		}
		at = m.Time
	}
	return all
}
