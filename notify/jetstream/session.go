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
	saveEvery   = time.Second
)

// course is one stretch of publishing, from a look at the stream to the first
// failure. Events of one subject go one by one, others side by side.
type course struct {
	n     *Publisher
	js    jetstream.JetStream
	tail  *tail
	next  uint64 // the first event not read from the log
	acked uint64 // every event up to here is done
	last  uint64 // the stream's sequence of the last message that is known to be in it

	pending []*flight                   // by sequence: read, and not all before it done
	flying  []*flight                   // in the order of publishing
	lanes   map[phone.Subject][]*flight // the first of a lane is flying, the others wait
}

// flight is one event on its way.
type flight struct {
	event alert.Event
	ack   jetstream.PubAckFuture
	done  bool
}

func (n *Publisher) newCourse(js jetstream.JetStream, t *tail) *course {
	return &course{n: n, js: js, tail: t, next: t.from, acked: t.from - 1, last: t.at, lanes: make(map[phone.Subject][]*flight)}
}

// run publishes until ctx ends (nil) or something fails.
func (c *course) run(ctx context.Context) error {
	for {
		if err := c.fill(ctx); err != nil || ctx.Err() != nil {
			return c.unlessDone(ctx, err)
		}
		if len(c.flying) == 0 {
			if err := c.idle(ctx); err != nil || ctx.Err() != nil {
				return c.unlessDone(ctx, err)
			}
			continue
		}
		if err := c.settle(ctx); err != nil {
			return c.unlessDone(ctx, err)
		}
		c.n.save(ctx, c.cursor())
		c.n.keepUp(ctx, c.oldest())
	}
}

// oldest is when the first event was decided that is not acknowledged; zero if
// all are.
func (c *course) oldest() time.Time {
	if len(c.pending) == 0 {
		return time.Time{}
	}
	return c.pending[0].event.Time
}

func (c *course) unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *course) cursor() alert.Cursor {
	cursor := alert.Cursor{Seq: c.acked, Stream: c.tail.made}
	if len(c.pending) == 0 {
		cursor.Last = c.last
	}
	return cursor
}

// idle waits for more while nothing is in flight.
func (c *course) idle(ctx context.Context) error {
	if c.next <= c.n.events.LastSeq() {
		return nil // came meanwhile, or was all passed over
	}
	c.n.keepUp(ctx, time.Time{})
	c.n.working(ctx)
	c.n.progress(c.acked, c.n.events.LastSeq())
	c.n.save(ctx, c.cursor())
	var later <-chan time.Time
	if c.n.unsaved() {
		later = time.After(saveEvery)
	}
	select {
	case <-ctx.Done():
	case <-c.n.wake:
	case <-later:
	case <-c.n.lost:
		if !c.js.Conn().IsConnected() {
			return nats.ErrDisconnected
		}
	}
	return nil
}

// fill reads from the log what the window has room for, and publishes it.
func (c *course) fill(ctx context.Context) error {
	end := c.n.events.LastSeq()
	c.n.progress(c.acked, end)
	room := int(c.acked + window + 1 - c.next)
	for c.next <= end && room >= batch && ctx.Err() == nil {
		events, err := c.n.events.ReadLog(c.next, batch)
		if err != nil {
			return fmt.Errorf("reading the log from event %d: %w", c.next, err)
		}
		if len(events) == 0 {
			return nil
		}
		c.gap(events[0].Seq)
		for i := range events {
			if err := c.take(ctx, &events[i]); err != nil {
				return err
			}
		}
		c.advance()
		room = int(c.acked + window + 1 - c.next)
	}
	return nil
}

// gap says so when the log was trimmed before its events were published.
func (c *course) gap(first uint64) {
	if from := max(c.next, c.tail.last+1); first > from {
		c.n.log.Error("events left the log before they were published", "from", from, "to", first-1)
		c.n.metrics.published.WithLabelValues("trimmed").Add(float64(first - from))
	}
	if first > c.next && len(c.pending) == 0 {
		c.acked = max(c.acked, first-1)
	}
}

// take starts one event on its way, or passes it over.
func (c *course) take(ctx context.Context, e *alert.Event) error {
	f := &flight{event: *e}
	c.next = e.Seq + 1
	c.pending = append(c.pending, f)
	if e.Kind == alert.KindChange && !c.n.changes {
		f.done = true
		return nil
	}
	held, err := c.tail.holds(ctx, c.n.render, e)
	if err != nil {
		return err
	}
	if held {
		f.done = true
		c.n.metrics.published.WithLabelValues("held").Inc()
		return nil
	}
	s := e.Subject()
	lane := append(c.lanes[s], f)
	c.lanes[s] = lane
	if len(lane) > 1 {
		return nil
	}
	return c.launch(ctx, s)
}

// launch publishes the first of a lane; what can never be published is passed
// over, and the next has its turn.
func (c *course) launch(ctx context.Context, s phone.Subject) error {
	for len(c.lanes[s]) > 0 {
		f := c.lanes[s][0]
		err := c.publish(f)
		if err == nil {
			c.flying = append(c.flying, f)
			return nil
		}
		if !poison(err) {
			return err
		}
		c.n.bury(ctx, &f.event, err)
		c.land(f, s)
	}
	delete(c.lanes, s)
	return nil
}

func (c *course) land(f *flight, s phone.Subject) {
	*f = flight{event: alert.Event{Seq: f.event.Seq}, done: true} // let go of what it held, the message too
	c.lanes[s] = c.lanes[s][1:]
}

func (c *course) publish(f *flight) error {
	data, err := c.n.render.Render(&f.event, time.Now())
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", c.n.render.ID(f.event.Seq), err)
	}
	c.n.trace("publish:before")
	f.ack, err = c.js.PublishMsgAsync(&nats.Msg{
		Subject: Subject(&f.event),
		Data:    data,
		Header: nats.Header{
			"Content-Type":                 {contentType},
			jetstream.MsgIDHeader:          {c.n.render.ID(f.event.Seq)},
			jetstream.ExpectedStreamHeader: {c.n.stream.Name},
			headerAcked:                    {strconv.FormatUint(c.acked, 10)},
		},
	})
	if err != nil {
		return fmt.Errorf("publishing event %s: %w", c.n.render.ID(f.event.Seq), err)
	}
	return nil
}

// settle waits for the oldest publishing: a server answers in order.
func (c *course) settle(ctx context.Context) error {
	f := c.flying[0]
	err := c.await(ctx, f)
	if err != nil && !poison(err) {
		if ctx.Err() == nil {
			c.flying = c.flying[1:]
		}
		return fmt.Errorf("publishing event %s: %w", c.n.render.ID(f.event.Seq), err)
	}
	c.flying = c.flying[1:]
	c.n.trace("publish:after")
	s := f.event.Subject()
	if err != nil {
		c.n.bury(ctx, &f.event, err)
	} else {
		c.n.metrics.published.WithLabelValues("ok").Inc()
		c.n.working(ctx)
	}
	c.land(f, s)
	c.advance()
	err = c.launch(ctx, s)
	c.advance() // what it passed over may have been the last
	return err
}

func (c *course) await(ctx context.Context, f *flight) error {
	select {
	case ack := <-f.ack.Ok():
		c.last = max(c.last, ack.Sequence)
		return nil
	case err := <-f.ack.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *course) advance() {
	for len(c.pending) > 0 && c.pending[0].done {
		c.acked = c.pending[0].event.Seq
		c.pending = c.pending[1:]
	}
	if len(c.pending) == 0 {
		c.acked = max(c.acked, c.next-1)
	}
}

// drain waits until nothing is in flight any more, so that a look at the stream
// shows all that was published. Acknowledgements time out by themselves; over a
// lost connection none can come.
func (c *course) drain(ctx context.Context) {
	wait := ackTimeout + time.Second
	if !c.js.Conn().IsConnected() {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	for _, f := range c.flying {
		if c.await(ctx, f) == nil {
			c.n.metrics.published.WithLabelValues("ok").Inc()
			f.done = true
		}
	}
	c.flying = nil
	c.advance()
}

// poison reports whether another attempt cannot help: the event is too large.
func poison(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum)
}
