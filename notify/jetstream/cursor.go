package jetstream

import (
	"context"
	"fmt"
	"time"

	"numwatch/alert"
)

const (
	storeEvery  = time.Second
	storeWithin = 5 * time.Second // at the stop
)

// advanceTo stores the cursor if it moved and was not stored just now.
func (p *Publisher) advanceTo(ctx context.Context, c alert.Cursor) {
	p.cursor = c
	if !p.moved() || time.Since(p.storedAt) < storeEvery {
		return
	}
	if err := p.store(ctx); err != nil && ctx.Err() == nil {
		p.log.Warn("the cursor could not be stored", "err", err)
	}
}

func (p *Publisher) store(ctx context.Context) error {
	p.storedAt = time.Now()
	c := p.cursor
	if err := p.o.Recorder.Record(ctx, alert.DeliveryUpdate{Cursor: &c}); err != nil {
		return fmt.Errorf("storing the cursor at event %d: %w", c.Seq, err)
	}
	p.stored = c
	return nil
}

// moved reports whether the cursor differs from the one that is stored.
func (p *Publisher) moved() bool {
	a, b := p.cursor, p.stored
	return a.Seq != b.Seq || a.Ahead != b.Ahead || a.Last != b.Last || !a.Stream.Equal(b.Stream)
}

func (p *Publisher) storeLast(ctx context.Context) error {
	if !p.moved() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	return p.store(ctx)
}
