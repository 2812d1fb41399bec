package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/phone"
)

const (
	// window bounds how far publishing runs ahead: event s goes out only after
	// every event up to s-window is acknowledged. What the stream holds is read
	// back by it, so it is part of the format: it may grow, never shrink.
	window = 1024
	batch  = 256

	headerAcked = "Numwatch-Acked" // every event up to here was stored before this message
	ackTimeout  = 5 * time.Second
	askTimeout  = 2 * time.Second // of a question to the stream; one on a connection that breaks is lost

	// Within lookAfter of an acknowledgement no stream loses its end unnoticed:
	// it takes another leader, or the same one after a restart.
	lookAfter = time.Second
	lookEvery = time.Minute
)

// errWentBack ends a session: the stream does not continue behind what it
// acknowledged. It may have lost that, or the client repeated a publish that
// found no leader, behind others; locate finds out.
var errWentBack = errors.New("the sequence of the stream went back")

// session publishes from a look at the stream to the first failure. Events of
// one subject go one by one, others side by side.
type session struct {
	p     *Publisher
	js    jetstream.JetStream
	at    *position
	next  uint64              // the first event not read from the log
	acked uint64              // every event up to here is done
	last  alert.StreamMessage // the last message that is known to be in the stream
	// broken is set by the first answer that is amiss. Those after it do not count
	// for last: the stream may have lost its end and be longer again already.
	broken bool

	pending  []*publication                   // by sequence: read, and not all before it done
	inflight []*publication                   // in the order of publishing
	queues   map[phone.Subject][]*publication // the first of a queue is in flight, the others wait
}

// publication is one event that is to be published.
type publication struct {
	event alert.Event
	acked uint64 // as its header says
	ack   jetstream.PubAckFuture
	done  bool
}

func newSession(p *Publisher, js jetstream.JetStream, at *position) *session {
	p.acked.Store(at.from - 1)
	return &session{
		p: p, js: js, at: at, next: at.from, acked: at.from - 1, last: at.last, queues: make(map[phone.Subject][]*publication),
	}
}

// run publishes until ctx ends or something fails.
func (s *session) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.fill(ctx); err != nil {
			return err
		}
		if len(s.inflight) == 0 {
			if err := s.idle(ctx); err != nil {
				return err
			}
			continue
		}
		if err := s.awaitOldest(ctx); err != nil {
			return err
		}
		s.p.advanceTo(ctx, s.cursor())
		s.p.checkAge(ctx, s.oldest())
	}
	return nil
}

// oldest is when the first event was decided that is not acknowledged; zero if
// all are.
func (s *session) oldest() time.Time {
	if len(s.pending) == 0 {
		return time.Time{}
	}
	return s.pending[0].event.Time
}

func (s *session) cursor() alert.Cursor {
	return alert.Cursor{Seq: s.acked, Ahead: max(s.next-1, s.at.doubtful), Stream: s.at.created, Last: s.last}
}

// idle waits for events while nothing is in flight. After a while it looks whether
// the stream still has what it acknowledged: what is published to one that lost
// its end would stand before what was lost.
func (s *session) idle(ctx context.Context) error {
	if s.next <= s.p.o.Log.LastSeq() {
		return nil // came meanwhile, or was all passed over
	}
	s.p.checkAge(ctx, time.Time{})
	s.p.working(ctx)
	s.p.advanceTo(ctx, s.cursor())
	wait := lookEvery
	if s.p.moved() {
		wait = storeEvery
	}
	since := time.Now()
	select {
	case <-ctx.Done():
		return nil
	case <-s.p.wake:
	case <-time.After(wait):
	case <-s.p.lost:
		if !s.js.Conn().IsConnected() {
			return nats.ErrDisconnected
		}
		return s.look(ctx) // it may have another leader
	}
	if time.Since(since) < s.p.lookAfter {
		return nil
	}
	return s.look(ctx)
}

func (s *session) look(ctx context.Context) error {
	info, err := s.at.state(ctx)
	if err != nil {
		return err
	}
	s.p.warn(info.Config)
	lost, err := s.p.lostItsEnd(ctx, s.at.read, info, s.last)
	if lost {
		return errWentBack
	}
	return err
}

// fill reads from the log what the window has room for, and publishes it.
func (s *session) fill(ctx context.Context) error {
	end := s.p.o.Log.LastSeq()
	for s.next <= end && s.next+batch <= s.acked+window+1 && ctx.Err() == nil {
		events, err := s.p.o.Log.ReadLog(s.next, batch)
		if err != nil {
			return fmt.Errorf("reading the log from event %d: %w", s.next, err)
		}
		if len(events) == 0 {
			return nil
		}
		s.skipTrimmed(events[0].Seq)
		for i := range events {
			if err := s.enqueue(ctx, &events[i]); err != nil {
				return err
			}
		}
		s.advance()
	}
	return nil
}

// skipTrimmed says so when the log was trimmed before its events were published.
func (s *session) skipTrimmed(first uint64) {
	if from := max(s.next, s.at.seq+1); first > from {
		s.p.log.Error("events left the log before they were published", "from", from, "to", first-1)
		s.p.events.WithLabelValues("trimmed").Add(float64(first - from))
	}
	if first > s.next && len(s.pending) == 0 {
		s.acked = max(s.acked, first-1)
	}
}

// enqueue publishes an event when its turn comes, or passes it over.
func (s *session) enqueue(ctx context.Context, e *alert.Event) error {
	m := &publication{event: *e}
	s.next = e.Seq + 1
	s.pending = append(s.pending, m)
	if e.Kind == alert.KindChange && !s.p.o.PublishChanges {
		m.done = true
		return nil
	}
	held, err := s.at.holds(ctx, s.p.o.Renderer, e)
	if err != nil {
		return err
	}
	if held {
		m.done = true
		s.p.events.WithLabelValues("held").Inc()
		return nil
	}
	if e.Seq <= s.at.lost {
		s.p.events.WithLabelValues("lost").Inc()
	}
	subject := e.Subject()
	s.queues[subject] = append(s.queues[subject], m)
	if len(s.queues[subject]) > 1 {
		return nil
	}
	return s.publishFirst(ctx, subject)
}

// publishFirst publishes the first of a queue; what can never be published is
// passed over, and the next has its turn.
func (s *session) publishFirst(ctx context.Context, subject phone.Subject) error {
	for len(s.queues[subject]) > 0 {
		m := s.queues[subject][0]
		err := s.publish(m)
		if err == nil {
			s.inflight = append(s.inflight, m)
			return nil
		}
		if !permanent(err) {
			return err
		}
		s.p.deadLetter(ctx, &m.event, err)
		s.complete(m, subject)
	}
	delete(s.queues, subject)
	return nil
}

func (s *session) complete(m *publication, subject phone.Subject) {
	*m = publication{event: alert.Event{Seq: m.event.Seq}, done: true} // let go of what it held, the message too
	s.queues[subject] = s.queues[subject][1:]
}

func (s *session) publish(m *publication) error {
	if err := s.p.o.May(); err != nil {
		return err
	}
	id := s.p.o.Renderer.ID(m.event.Seq)
	data := s.p.o.Renderer.Render(&m.event, time.Now())
	s.p.o.Trace("publish:before")
	m.acked = s.acked
	var err error
	m.ack, err = s.js.PublishMsgAsync(&nats.Msg{
		Subject: Subject(&m.event),
		Data:    data,
		Header: nats.Header{
			"Content-Type":                 {contentType},
			jetstream.MsgIDHeader:          {id},
			jetstream.ExpectedStreamHeader: {s.p.o.Stream.Name},
			headerAcked:                    {strconv.FormatUint(m.acked, 10)},
		},
	})
	if err != nil {
		return fmt.Errorf("publishing event %s: %w", id, err)
	}
	return nil
}

// awaitOldest waits for the oldest message in flight: a server answers in order.
func (s *session) awaitOldest(ctx context.Context) error {
	m := s.inflight[0]
	err := s.await(ctx, m)
	if ctx.Err() != nil && err != nil {
		return err // drain waits for it once more
	}
	s.inflight = s.inflight[1:]
	if err != nil && !permanent(err) {
		return fmt.Errorf("publishing event %s: %w", s.p.o.Renderer.ID(m.event.Seq), err)
	}
	s.p.o.Trace("publish:after")
	subject := m.event.Subject()
	if err != nil {
		s.p.deadLetter(ctx, &m.event, err)
	} else {
		s.p.events.WithLabelValues("ok").Inc()
		s.p.working(ctx)
	}
	s.complete(m, subject)
	s.advance()
	err = s.publishFirst(ctx, subject)
	s.advance() // what it passed over may have been the last
	return err
}

func (s *session) await(ctx context.Context, m *publication) error {
	select {
	case ack := <-m.ack.Ok():
		if ack.Duplicate || s.broken {
			return nil // a duplicate has the sequence of long ago
		}
		if ack.Sequence <= s.last.Sequence {
			s.broken = true
			return errWentBack
		}
		s.last = alert.StreamMessage{Sequence: ack.Sequence, Epoch: s.p.o.Renderer.Epoch, Event: m.event.Seq, Acked: m.acked}
		return nil
	case err := <-m.ack.Err():
		s.broken = s.broken || !permanent(err)
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) advance() {
	for len(s.pending) > 0 && s.pending[0].done {
		s.acked = s.pending[0].event.Seq
		s.pending = s.pending[1:]
	}
	if len(s.pending) == 0 {
		s.acked = max(s.acked, s.next-1)
	}
	s.p.acked.Store(s.acked)
}

// drain waits until nothing is in flight any more, so that a look at the stream
// shows all that was published. Acknowledgements time out by themselves; over a
// lost connection none can come.
func (s *session) drain(ctx context.Context) {
	wait := s.p.ackWithin + time.Second
	if !s.js.Conn().IsConnected() {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	for _, m := range s.inflight {
		if s.await(ctx, m) == nil {
			s.p.events.WithLabelValues("ok").Inc()
			m.done = true
		}
	}
	s.inflight = nil
	s.advance()
}

// permanent reports whether another attempt cannot help: the event is too large.
func permanent(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum)
}
