package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/phone"
)

// duplicateWindow is for how long the server remembers the id of each message, which takes
// 100 bytes and more. What may be in the stream already is asked before it is published
// again, so the window has to outlast only a publish that is still on its way then (see
// ackTimeout).
const duplicateWindow = 30 * time.Second

// StreamOptions describes the JetStream stream.
type StreamOptions struct {
	Name     string
	Create   bool          // make it where it is missing; one that exists is never changed
	MaxAge   time.Duration // 0: no limit
	MaxBytes int64         // 0: no limit
	Replicas int           // on how many servers it is to be; 0: one
}

// open returns the stream, made if need be, and refuses one that does not fit.
func (o StreamOptions) open(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, o.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && o.Create:
		s, err = js.CreateStream(ctx, o.config())
		if err != nil {
			return nil, fmt.Errorf("creating stream %s for %s: %w", o.Name, SubjectAll, err)
		}
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("stream %s does not exist: create it for %s or set nats.create_stream: %w", o.Name, SubjectAll, err)
	case err != nil:
		return nil, fmt.Errorf("looking for stream %s: %w", o.Name, err)
	}
	return s, o.fits(s.CachedInfo().Config)
}

// config keeps the newest events where a limit is met (DiscardOld): consumers
// act on what is new, and the store has the history. The other way round, a
// full stream would silence every alert until it ages.
func (o StreamOptions) config() jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name: o.Name, Description: "Changes, alerts and events of numwatch", Subjects: []string{SubjectAll},
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		MaxAge: o.MaxAge, MaxBytes: -1, Replicas: max(o.Replicas, 1), Duplicates: duplicateWindow, AllowDirect: true,
	}
	if o.MaxBytes > 0 {
		c.MaxBytes = o.MaxBytes
	}
	if o.MaxAge > 0 {
		c.Duplicates = min(duplicateWindow, o.MaxAge)
	}
	return c
}

func (o StreamOptions) fits(c jetstream.StreamConfig) error {
	switch {
	case !slices.ContainsFunc(c.Subjects, func(s string) bool { return covers(s, SubjectAll) }):
		return fmt.Errorf("stream %s takes the subjects %v but not %s: add it there or set nats.stream to another", o.Name, c.Subjects, SubjectAll)
	case c.NoAck:
		return fmt.Errorf("stream %s acknowledges nothing (no_ack): turn that off or set nats.stream to another", o.Name)
	case c.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("stream %s has %s retention and deletes messages that were read: it needs limits retention, or set nats.stream to another", o.Name, c.Retention)
	}
	return nil
}

// warnings say what is wrong with a usable stream, and which command fixes it.
func (o StreamOptions) warnings(c jetstream.StreamConfig) []string {
	if c.Replicas >= o.Replicas {
		return nil
	}
	return []string{fmt.Sprintf("stream %s is on %s of NATS, and no events are published while that is down; to put it on %d: nats stream edit %s --replicas %d",
		o.Name, phone.Count(c.Replicas, "server"), o.Replicas, o.Name, o.Replicas)}
}

// covers reports whether a stream's subject takes in everything that want does.
func covers(pattern, want string) bool {
	p, w := strings.Split(pattern, "."), strings.Split(want, ".")
	for i, t := range p {
		switch {
		case t == ">":
			return i < len(w)
		case i >= len(w), w[i] == ">", t != "*" && t != w[i]:
			return false
		}
	}
	return len(p) == len(w)
}
