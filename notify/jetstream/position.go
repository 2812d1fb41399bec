package jetstream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/internal/reconnect"
)

// position is what the stream itself tells of how far publishing got.
type position struct {
	stream jetstream.Stream
	read   reader

	created time.Time
	from    uint64              // the first event to look at
	seq     uint64              // the event that the last message holds, or a later one that was passed over; 0 if of another epoch
	last    alert.StreamMessage // the last message that is known to be in the stream
	lost    uint64              // up to here all was acknowledged, and some of it is no longer there; 0: nothing is known to be lost
	aged    time.Time           // what was decided before would no longer be in the stream; zero unless something is lost
	// Some events up to doubtful may be in the stream: ask before publishing.
	doubtful uint64
	held     map[string]uint64 // last event held on a subject, as asked so far
}

// locate finds out where to go on.
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
// A stream that holds nothing, or whose last message has another epoch (the store
// was restored, or another bot shares the stream), tells nothing. Then the stored
// cursor counts, for a stream that was created again as well: what the old one had
// acknowledged is not repeated.
//
// All of this fails where the stream lost its end; then rewind goes back.
func (p *Publisher) locate(ctx context.Context, s jetstream.Stream, read reader) (*position, error) {
	at := &position{stream: s, read: read, from: p.cursor.Seq + 1, held: make(map[string]uint64)}
	info, err := at.state(ctx)
	if err != nil {
		return nil, err
	}
	at.created = info.Created
	if p.cursor.Stream.Equal(info.Created) && p.cursor.Last.Epoch == p.o.Renderer.Epoch {
		at.last = p.cursor.Last
	}
	last, err := read.lastOn(ctx, SubjectAll)
	if err != nil {
		return nil, err
	}
	end := p.o.Log.LastSeq()
	seq, ours := p.o.Renderer.seq(last.id)
	if seq > end {
		return nil, fmt.Errorf("stream %s holds event %s, and this store ends at %d: the store is an old copy; restore it with a new epoch, or set nats.stream to a new one",
			p.o.Stream.Name, last.id, end)
	}
	lost, err := p.lostItsEnd(ctx, read, info, at.last)
	switch {
	case err != nil:
		return nil, err
	case lost:
		return at, p.rewind(ctx, at, info, last)
	case last.sequence == 0: // nothing is held
	case !ours:
		epoch, _, _ := strings.Cut(last.id, "-")
		p.o.OtherEpoch(epoch)
		at.doubtful = end
	case last.sequence == at.last.Sequence:
		at.seq, at.doubtful = p.cursor.Seq, min(p.cursor.Ahead, end)
	default:
		at.behind(p.message(last, seq))
		at.doubtful = min(max(at.doubtful, p.cursor.Ahead), end)
	}
	return at, nil
}

// behind goes on behind a message of this epoch.
func (at *position) behind(m alert.StreamMessage) {
	acked := m.Event - min(m.Event, window)
	if m.Acked < m.Event {
		acked = max(acked, m.Acked)
	}
	at.last, at.from, at.seq, at.doubtful = m, acked+1, m.Event, m.Event+window-1
}

func (p *Publisher) message(m stored, event uint64) alert.StreamMessage {
	return alert.StreamMessage{Sequence: m.sequence, Epoch: p.o.Renderer.Epoch, Event: event, Acked: m.acked}
}

// state is what the stream's leader says of it.
func (at *position) state(ctx context.Context) (*jetstream.StreamInfo, error) {
	info, err := at.stream.Info(ctx)
	if err == nil {
		err = reconnect.Led(info)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of stream %s: %w", at.read.stream, err)
	}
	return info, nil
}

// holds reports whether the stream has the event already, or a later one on its
// subject: those on one subject are stored in order, and the last one is what
// holds now.
func (at *position) holds(ctx context.Context, r *Renderer, e *alert.Event) (bool, error) {
	if e.Seq > at.doubtful {
		return false, nil
	}
	if e.Time.Before(at.aged) {
		return true, nil
	}
	subject := Subject(e)
	last, asked := at.held[subject]
	if !asked {
		m, err := at.read.lastOn(ctx, subject)
		if err != nil {
			return false, err
		}
		last, _ = r.seq(m.id)
		at.held[subject] = last
	}
	return e.Seq <= last, nil
}
