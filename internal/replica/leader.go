package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"numwatch/store"
)

// Store is the store of a replica that leads: what it commits goes through the log.
type Store struct {
	*store.Store
	node *Node
	ctx  context.Context // ends when nothing may be appended any more
	over context.CancelCauseFunc
}

// unapplied is a commit that is in the log and not yet in the store.
type unapplied struct {
	commit   *store.Commit
	redo     []byte
	position store.Position
}

// Commit appends the commit to the log and applies it. It waits as long as the log takes nothing. An
// error with store.ErrFenced is final. After any other the same value can be committed again: what of
// it is in the log already is only applied.
func (s *Store) Commit(c *store.Commit) error {
	err := s.commit(c)
	if errors.Is(err, store.ErrFenced) {
		s.over(err)
	}
	return err
}

func (s *Store) commit(c *store.Commit) error {
	n := s.node
	n.appending.Lock()
	defer n.appending.Unlock()
	if u := n.unapplied; u != nil {
		if err := n.applyAppended(); err != nil || u.commit == c {
			return err
		}
	}
	redo, err := s.Prepare(c)
	if err != nil || len(redo) == 0 {
		return err
	}
	bodies, err := n.codec.bodies(redo)
	if err != nil {
		return err
	}
	for i, body := range bodies {
		h := header{Kind: kindCommit, Term: n.chain.term}
		if len(bodies) > 1 {
			h.Part, h.Parts = i+1, len(bodies)
		}
		if err := n.append(s.ctx, h, body); err != nil {
			return err
		}
	}
	n.unapplied = &unapplied{c, redo, n.chain.position()}
	return n.applyAppended()
}

// applyAppended applies what only the log has.
func (n *Node) applyAppended() error {
	if u := n.unapplied; u != nil {
		if err := n.store.Apply(u.redo, u.position); err != nil {
			return err
		}
		n.unapplied = nil
	}
	n.progress(true)
	return nil
}

// appendMark appends a record without redo.
func (n *Node) appendMark(ctx context.Context, h header) error {
	if err := n.applyAppended(); err != nil {
		return err
	}
	if err := n.append(ctx, h, nil); err != nil {
		return err
	}
	n.unapplied = &unapplied{position: n.chain.position()}
	return n.applyAppended()
}

// append puts a record behind the last one and returns once it is in the log, or another one is in
// its place (errFenced), or ctx ends, which leaves it open. The caller holds n.appending.
func (n *Node) append(ctx context.Context, h header, body []byte) error {
	h.Log, h.Writer, h.Prev = n.chain.log, n.writer, n.chain.hash.String()
	if n.chain.seq == 0 {
		if h.Kind != kindGenesis {
			return errRejoin // the log's first record was purged before it was read
		}
		h.Prev = ""
	}
	record, err := encode(&h, body)
	if err != nil {
		return err
	}
	seq, first, began := n.chain.seq+1, clock(), time.Now()
	verified, full := false, false
	for ctx.Err() == nil {
		if n.right.Load().Err() != nil && !verified && n.chain.seq > 0 {
			if verified, err = n.verify(ctx); err != nil {
				return err
			}
			if !verified {
				n.stream.server.Undecided(began)
				n.tryLater(ctx, retryAfter)
				continue
			}
		}
		sent := clock()
		acked, err := n.stream.publish(ctx, record, n.chain.seq)
		next := afterPublish(acked, seq, err)
		n.counts.tried(next, clock().mono-sent.mono)
		if next == stepLook {
			// It may have been stored by an earlier try, from which the right then counts.
			l := n.stream.get(ctx, seq)
			if next, sent = afterLook(record, l), first; next == stepAgain && l.err == nil && n.chain.seq == 0 {
				return errRejoin // the log was emptied, or another one's first record waits for a quorum
			}
		}
		switch next {
		case stepStored:
			if _, err := n.chain.next(record); err != nil {
				return err
			}
			n.right.Load().renew(sent)
			return nil
		case stepFenced:
			n.counts.appends[stepFenced].Add(1)
			return fmt.Errorf("appending record %d (%s): %w", seq, h.Kind, errFenced)
		case stepFull:
			if !full {
				n.log.Error("the log is full; polling is paused until it has room", "stream", n.stream.name, "err", err)
			}
			full, began = true, time.Now()
			n.purge(ctx)
			n.tryLater(ctx, fullAfter)
		default:
			verified = false
			n.stream.server.Undecided(began)
			n.tryLater(ctx, retryAfter)
		}
	}
	return fmt.Errorf("appending record %d (%s): %w", seq, h.Kind, context.Cause(ctx))
}

// tryLater waits before a record is sent again, and has a standby that cannot take over for want of it say so.
func (n *Node) tryLater(ctx context.Context, wait time.Duration) {
	n.set(func(s *Status) { s.LogWorks = false })
	pause(ctx, wait)
}

// verify finds the last record that was read in the log. A sequence alone does not say that it is the same log.
func (n *Node) verify(ctx context.Context) (bool, error) {
	p := n.chain.position()
	switch judge(p, n.stream.find(ctx, p.Seq)) {
	case verdictSame:
		return true, nil
	case verdictUnknown:
		return false, nil
	default:
		return false, errRejoin
	}
}

// lead begins a term and runs the bot as long as it lasts.
func (n *Node) lead(ctx context.Context, released bool) error {
	right := n.renewRight()
	if released {
		right.notBefore(clock().add(handover))
	}
	n.appending.Lock()
	member := n.member()
	err := n.appendMark(ctx, header{Kind: kindTerm, Member: &member})
	number := n.chain.term
	n.appending.Unlock()
	if err != nil {
		right.end()
		return err
	}
	n.set(func(s *Status) { s.Role, s.Text = Leading, "" })
	n.counts.takeovers.Add(1)
	term, cancel := context.WithCancelCause(ctx)
	over := func(cause error) {
		if cause != nil {
			right.end()
		}
		cancel(cause)
	}
	defer over(nil)
	n.setOver(func() { over(nil) })
	defer n.setOver(nil)
	appends, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var beats sync.WaitGroup
	beats.Go(func() { n.beat(appends, term, over) })
	beats.Go(func() { n.purgeSometimes(term) })
	t := Term{Number: number, Store: &Store{n.store, n, appends, over}, Right: right, Released: released}
	err = n.o.Lead(term, t)
	fenced := errors.Is(context.Cause(term), store.ErrFenced) || errors.Is(err, store.ErrFenced)
	right.end()
	over(nil)
	stop(errStopped) // whatever still waits to append to the log
	beats.Wait()
	if fenced {
		return n.forget()
	}
	return errors.Join(err, n.release(context.WithoutCancel(ctx)))
}

var errStopped = errors.New("the bot has stopped")

// HandOver ends the term of this replica, so that another one leads.
func (n *Node) HandOver() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over == nil {
		return errors.New("this replica does not lead")
	}
	n.over()
	return nil
}

func (n *Node) setOver(over func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = over
}

// forget goes back to what the store has: what was read or appended ahead of it is read again.
func (n *Node) forget() error {
	n.appending.Lock()
	defer n.appending.Unlock()
	n.unapplied = nil
	n.chain = from(n.store.Position())
	return errFenced
}

// release gives up the right, so that nobody has to wait for it to end.
func (n *Node) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releaseIn)
	defer cancel()
	n.appending.Lock()
	defer n.appending.Unlock()
	if err := n.appendMark(ctx, header{Kind: kindRelease, Term: n.chain.term}); err != nil && !errors.Is(err, store.ErrFenced) {
		n.log.Warn("the lead could not be handed over: another replica takes it when the lease ends", "err", err)
	}
	return nil
}

// beat appends a record when there was none for a while, and ends the term when that cannot be.
func (n *Node) beat(appends, term context.Context, over context.CancelCauseFunc) {
	last := n.Status().Seq
	every := min(n.o.Lease/4, n.length/3)
	for {
		pause(term, every)
		if term.Err() != nil {
			return
		}
		if now := n.Status().Seq; now != last {
			last = now
			continue
		}
		if !n.appending.TryLock() {
			continue // a commit renews the right as well
		}
		err := n.appendMark(appends, header{Kind: kindBeat, Term: n.chain.term})
		last = n.chain.seq
		n.appending.Unlock()
		switch {
		case errors.Is(err, store.ErrFenced):
			over(err)
			return
		case err != nil && appends.Err() == nil:
			n.log.Error("the log has a record that the store could not take", "err", err)
		}
	}
}
