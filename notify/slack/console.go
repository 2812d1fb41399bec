package slack

import (
	"context"
	"fmt"
	"io"
	"sync"

	"numwatch/notify/card"
)

// Console prints what would be posted, where there is no token. It is safe for
// concurrent use.
type Console struct {
	printer *card.Printer
	mu      sync.Mutex
	count   int // of messages, without replies
}

// NewConsole returns a Poster that prints to w, in colour if asked for.
func NewConsole(w io.Writer, color bool) *Console {
	return &Console{printer: card.NewPrinter(w, color)}
}

// Pace is none: a terminal takes all at once.
func (c *Console) Pace() Pace { return Pace{} }

// Resolve takes every channel as it is.
func (c *Console) Resolve(_ context.Context, channel string) (string, error) { return channel, nil }

// Find finds nothing: what was printed before a crash is printed again.
func (c *Console) Find(context.Context, Query) (map[string]string, error) { return nil, nil }

// Post prints a message or, where Thread is set, a reply.
func (c *Console) Post(_ context.Context, m Outgoing) (string, error) {
	if m.Thread != "" {
		return m.Thread, printed(c.printer.Reply(m.Channel, m.Thread, m.Card))
	}
	c.mu.Lock()
	c.count++
	ts := fmt.Sprint(c.count)
	c.mu.Unlock()
	return ts, printed(c.printer.Message(m.Channel, ts, m.Card))
}

// Update prints what the message now reads.
func (c *Console) Update(_ context.Context, ts string, m Outgoing) error {
	return printed(c.printer.Edit(m.Channel, ts, m.Card))
}

func printed(err error) error {
	if err == nil {
		return nil
	}
	return &PostError{Code: "write", Err: err}
}
