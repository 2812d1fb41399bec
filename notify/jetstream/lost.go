package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
)

// lostItsEnd reports whether the stream no longer has its last message that is
// known: it ends before it, or has another one there. A cluster can do that when
// a node becomes leader that lacks what another had acknowledged; so can a
// server whose disk was not synced, or a copy that was put back. A message that
// aged or was deleted leaves a gap, and the sequence goes on behind it. The leader
// has the last word: info may be that of a server that is behind.
func (p *Publisher) lostItsEnd(ctx context.Context, read reader, info *jetstream.StreamInfo, last alert.StreamMessage) (bool, error) {
	if last.Sequence == 0 {
		return false, nil
	}
	m, err := read.at(ctx, last.Sequence)
	switch {
	case err != nil:
		return false, err
	case m.sequence == 0 && info.State.LastSeq < last.Sequence:
		end, err := read.lastOn(ctx, ">")
		return end.sequence < last.Sequence, err
	case m.sequence == 0:
		return false, nil
	default:
		return m.id != p.o.Renderer.ID(last.Event), nil
	}
}

// rewind goes back to where the stream is sound and asks for each event from
// there on whether it is held. The cursor is stored before anything is
// published: a crash would find a stream that looks as if nothing was lost.
func (p *Publisher) rewind(ctx context.Context, at *position, info *jetstream.StreamInfo, last stored) error {
	sound, err := p.soundUpTo(ctx, at, info.State)
	if err != nil {
		return err
	}
	before, had := p.cursor, at.last.Sequence
	at.from, at.seq, at.lost, at.doubtful = min(sound, before.Seq)+1, before.Seq, before.Seq, p.o.Log.LastSeq()
	if age := info.Config.MaxAge; age > 0 {
		at.aged = time.Now().Add(-age)
	}
	at.last = alert.StreamMessage{}
	if seq, ours := p.o.Renderer.seq(last.id); ours {
		at.last = p.message(last, seq)
		at.last.Acked = at.from - 1 // its header counts what was lost
	}
	p.cursor = alert.Cursor{Seq: at.from - 1, Ahead: at.doubtful, Stream: at.created, Last: at.last}
	if err := p.store(ctx); err != nil {
		p.cursor = before
		return err
	}
	p.log.Warn("the stream lost messages that it had acknowledged: the events that it lacks are published again", "stream", p.o.Stream.Name,
		"acknowledged", had, "ends", info.State.LastSeq, "from", p.o.Renderer.ID(at.from), "to", p.o.Renderer.ID(at.lost))
	return nil
}

// soundUpTo returns up to which event the stream surely holds everything. A
// message that was published after the loss counts as acknowledged what was
// lost, so the search, from the end, is for one that was published earlier: it
// counts less than the last message that was known to be there. Without any,
// everything may be lost.
func (p *Publisher) soundUpTo(ctx context.Context, at *position, state jetstream.StreamState) (uint64, error) {
	for seq, step := state.LastSeq, uint64(1); seq > 0; step *= 2 {
		m, err := at.read.at(ctx, seq)
		if err != nil {
			return 0, err
		}
		if _, ours := p.o.Renderer.seq(m.id); ours && m.acked < at.last.Acked {
			return m.acked, nil
		}
		if seq <= state.FirstSeq {
			break
		}
		seq = max(seq-min(seq, step), state.FirstSeq)
	}
	return 0, nil
}
