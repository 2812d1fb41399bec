package jetstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"numwatch/alert"
)

// The process dies at any point around a publishing; the next one goes on.
func TestNATSCrashes(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	b.add(b.mixed(400, 8)...)
	for b.log.keptCursor().Seq < 400 {
		o := b.options()
		left := 1 + rand.N(150)
		var n *Publisher
		o.Trace = func(string) {
			if left--; left == 0 {
				b.log.mu.Lock()
				b.log.fail = func(alert.DeliveryUpdate) error { return errors.New("crashed") }
				b.log.mu.Unlock()
				n.conn.Close()
			}
		}
		n = New(o)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_ = n.Run(ctx)
		cancel()
		b.log.mu.Lock()
		b.log.fail = nil
		b.log.mu.Unlock()
	}
	b.requireOnceInOrder(b.published(400))
}
