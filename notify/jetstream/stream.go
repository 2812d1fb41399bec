package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/phone"
)

const duplicateWindow = 2 * time.Minute

// StreamOptions describes the JetStream stream.
type StreamOptions struct {
	Name     string
	Create   bool          // make it where it is missing; one that exists is never changed
	MaxAge   time.Duration // 0: no limit
	MaxBytes int64         // 0: no limit
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
		Name: o.Name, Description: "What numwatch sees and says", Subjects: []string{SubjectAll},
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		MaxAge: o.MaxAge, MaxBytes: -1, Duplicates: duplicateWindow, AllowDirect: true,
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
		return fmt.Errorf("stream %s has %s retention and forgets what was read: it needs limits retention, or set nats.stream to another", o.Name, c.Retention)
	}
	return nil
}

// tail is what the stream itself tells of how far it got.
type tail struct {
	stream jetstream.Stream
	made   time.Time
	from   uint64 // the first event to look at
	last   uint64 // the event that the last message holds, or a later one that was passed over; 0 if of another epoch
	at     uint64 // the last message's own sequence in the stream; 0 if there is none of this epoch
	// Some events up to doubtful may be in the stream: ask before publishing.
	doubtful uint64
	held     map[phone.Subject]uint64 // last event held of a subject, as asked so far
}

// look finds out where to go on.
//
// The last message in the stream says how far everything before it had been
// acknowledged when it was published (headerAcked). What was acknowledged then
// was stored before it, so it is still there or has aged: go on behind that, at
// the price of asking for each event within one window around the message
// whether it is held.
//
// Asking is dear: the server loads a block of its file for each answer. Where the
// stream still ends where it did when nothing was on its way, as after a stop or
// a kill in the calm, the stored cursor knows all of it, and nothing is asked.
//
// A stream that holds nothing, or whose last message has another epoch (the
// store was restored, or another bot shares the stream), tells nothing. Then
// the stored cursor counts, for a stream made anew as well: what the old one
// had acknowledged is not repeated.
func (n *Publisher) look(ctx context.Context, s jetstream.Stream) (*tail, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of stream %s: %w", n.stream.Name, err)
	}
	t := &tail{stream: s, made: info.Created, from: n.cursor.Seq + 1, held: make(map[phone.Subject]uint64)}
	last, err := s.GetLastMsgForSubject(ctx, SubjectAll)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the last message of stream %s: %w", n.stream.Name, err)
	}
	end := n.events.LastSeq()
	seq, ours := n.render.seq(last.Header.Get(jetstream.MsgIDHeader))
	if !ours {
		t.doubtful = end
		return t, nil
	}
	if seq > end {
		return nil, fmt.Errorf("stream %s holds event %s, and this store ends at %d: it is an old copy; restore it with a new epoch, or set nats.stream to a new one",
			n.stream.Name, n.render.ID(seq), end)
	}
	t.at = last.Sequence
	if c := n.cursor; c.Last == t.at && c.Stream.Equal(info.Created) {
		t.last = c.Seq
		return t, nil
	}
	acked, err := strconv.ParseUint(last.Header.Get(headerAcked), 10, 64)
	if err != nil || acked >= seq {
		acked = seq - min(seq, window)
	}
	t.from, t.last, t.doubtful = acked+1, seq, seq+window-1
	return t, nil
}

// holds reports whether the stream has the event already. Events of one subject
// are stored in order, so the last one held of it decides.
func (t *tail) holds(ctx context.Context, r *Renderer, e *alert.Event) (bool, error) {
	if e.Seq > t.doubtful {
		return false, nil
	}
	s := e.Subject()
	last, asked := t.held[s]
	if !asked {
		for _, subject := range subjectsOf(s) {
			m, err := t.stream.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				return false, fmt.Errorf("asking the stream for the last message on %s: %w", subject, err)
			}
			seq, _ := r.seq(m.Header.Get(jetstream.MsgIDHeader))
			last = max(last, seq)
		}
		t.held[s] = last
	}
	return e.Seq <= last, nil
}
