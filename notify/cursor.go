package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
)

// Saver commits a checkpoint; an error means that it is not on disk.
type Saver interface {
	Save(ctx context.Context, name string, value []byte) error
}

// Cursor is a sink's position in the log: every event up to there is delivered, or not
// meant for it. It is stored as a checkpoint. Seq and Lag are safe for concurrent use; the
// rest is the sink's own.
type Cursor struct {
	name  string
	log   Log
	saver Saver

	done   atomic.Uint64
	stored uint64
	begun  bool // there is a checkpoint
}

type position struct {
	Seq uint64 `json:"seq"`
}

// NewCursor returns a cursor at the checkpoint, or at the end of the log if there is
// none.
func NewCursor(name string, log Log, saver Saver, checkpoint []byte) *Cursor {
	c := &Cursor{name: name, log: log, saver: saver}
	var p position
	if checkpoint != nil && json.Unmarshal(checkpoint, &p) == nil {
		c.begun = true
		p.Seq = min(p.Seq, log.LastSeq()) // a recovery may have lost the end of the log
	} else {
		p.Seq = log.LastSeq()
	}
	c.stored = p.Seq
	c.done.Store(p.Seq)
	return c
}

// Seq is the last event that is done.
func (c *Cursor) Seq() uint64 { return c.done.Load() }

// Lag is how many events of the log are not done.
func (c *Cursor) Lag() uint64 {
	end := c.log.LastSeq()
	return end - min(end, c.done.Load())
}

// Advance marks every event up to one as done.
func (c *Cursor) Advance(seq uint64) { c.done.Store(seq) }

// Begin stores where the cursor is, if none was ever stored: from then on nothing is lost.
func (c *Cursor) Begin(ctx context.Context) error {
	if c.begun {
		return nil
	}
	return c.Store(ctx)
}

// Store commits the position, unless it is stored already.
func (c *Cursor) Store(ctx context.Context) error {
	done := c.done.Load()
	if c.begun && done == c.stored {
		return nil
	}
	b, err := json.Marshal(position{done})
	if err != nil {
		return fmt.Errorf("encoding the cursor of %s: %w", c.name, err)
	}
	if err := c.saver.Save(ctx, c.name, b); err != nil {
		return fmt.Errorf("storing the cursor of %s at event %d: %w", c.name, done, err)
	}
	c.begun, c.stored = true, done
	return nil
}
