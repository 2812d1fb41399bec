package jetstream

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// What may wait to be taken, of hints alone: a flood is dropped, and nothing else
// waits for it.
const (
	maxHintMessages = 1000
	maxHintBytes    = 16 << 20
)

// takeHints receives hints for as long as the connection lives, outages included.
func (p *Publisher) takeHints(nc *nats.Conn) error {
	if p.o.Hint == nil {
		return nil
	}
	heard, err := nc.Subscribe(SubjectHint+"*", func(m *nats.Msg) {
		answer := p.o.Hint(strings.TrimPrefix(m.Subject, SubjectHint), m.Data)
		if m.Reply == "" {
			return
		}
		if err := m.Respond(answer); err != nil {
			p.log.Debug("a hint could not be answered", "err", err)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribing to %s*: %w", SubjectHint, err)
	}
	return heard.SetPendingLimits(maxHintMessages, maxHintBytes)
}
