package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/phone"
)

// position is what the stream itself tells of how far publishing got.
type position struct {
	stream  jetstream.Stream
	created time.Time
	from    uint64 // the first event to look at
	seq     uint64 // the event that the last message holds, or a later one that was passed over; 0 if of another epoch
	last    uint64 // the last message's own sequence in the stream; 0 if there is none of this epoch
	// Some events up to doubtful may be in the stream: ask before publishing.
	doubtful uint64
	held     map[phone.Subject]uint64 // last event held of a subject, as asked so far
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
// A stream that holds nothing, or whose last message has another epoch (the
// store was restored, or another bot shares the stream), tells nothing. Then
// the stored cursor counts, for a stream made anew as well: what the old one
// had acknowledged is not repeated.
func (p *Publisher) locate(ctx context.Context, s jetstream.Stream) (*position, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of stream %s: %w", p.o.Stream.Name, err)
	}
	at := &position{stream: s, created: info.Created, from: p.cursor.Seq + 1, held: make(map[phone.Subject]uint64)}
	last, err := s.GetLastMsgForSubject(ctx, SubjectAll)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return at, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the last message of stream %s: %w", p.o.Stream.Name, err)
	}
	end := p.o.Log.LastSeq()
	id := last.Header.Get(jetstream.MsgIDHeader)
	seq, ours := p.o.Renderer.seq(id)
	if !ours {
		epoch, _, _ := strings.Cut(id, "-")
		p.o.OtherEpoch(epoch)
		at.doubtful = end
		return at, nil
	}
	if seq > end {
		return nil, fmt.Errorf("stream %s holds event %s, and this store ends at %d: the store is an old copy; restore it with a new epoch, or set nats.stream to a new one",
			p.o.Stream.Name, p.o.Renderer.ID(seq), end)
	}
	at.last = last.Sequence
	if c := p.cursor; c.Last == at.last && c.Stream.Equal(info.Created) {
		at.seq = c.Seq
		return at, nil
	}
	acked, err := strconv.ParseUint(last.Header.Get(headerAcked), 10, 64)
	if err != nil || acked >= seq {
		acked = seq - min(seq, window)
	}
	at.from, at.seq, at.doubtful = acked+1, seq, seq+window-1
	return at, nil
}

// holds reports whether the stream has the event already. Events of one subject
// are stored in order, so the last one held of it decides.
func (at *position) holds(ctx context.Context, r *Renderer, e *alert.Event) (bool, error) {
	if e.Seq > at.doubtful {
		return false, nil
	}
	s := e.Subject()
	last, asked := at.held[s]
	if !asked {
		for _, subject := range subjectsOf(s) {
			m, err := at.stream.GetLastMsgForSubject(ctx, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				return false, fmt.Errorf("asking the stream for the last message on %s: %w", subject, err)
			}
			seq, _ := r.seq(m.Header.Get(jetstream.MsgIDHeader))
			last = max(last, seq)
		}
		at.held[s] = last
	}
	return e.Seq <= last, nil
}
