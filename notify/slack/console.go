package slack

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"numwatch/notify/card"
)

// Console prints what would be posted, where there is no token. What goes to several
// channels is printed once. It is safe for concurrent use.
type Console struct {
	printer *card.Printer
	mu      sync.Mutex
	count   int // of messages, without replies
	shared  map[string]*sharing
}

// sharing is something that several channels are about to be told.
type sharing struct {
	number   string
	channels []string
	mention  []string
	done     chan struct{} // closed once it is printed
	err      error
}

// gathers is how long printing waits for other channels with the same message.
const gathers = 300 * time.Millisecond

// NewConsole returns a Poster that prints to w, in colour if asked for.
func NewConsole(w io.Writer, color bool) *Console {
	return &Console{printer: card.NewPrinter(w, color), shared: map[string]*sharing{}}
}

// Pace is none: a terminal takes all at once.
func (c *Console) Pace() Pace { return Pace{} }

// Resolve takes every channel as it is.
func (c *Console) Resolve(_ context.Context, channel string) (string, error) { return channel, nil }

// Find finds nothing: after a crash, messages are printed again.
func (c *Console) Find(context.Context, Query) (map[string]string, error) { return nil, nil }

// Post prints a message or, where Thread is set, a reply.
func (c *Console) Post(_ context.Context, m Outgoing) (string, error) {
	if m.Thread != "" {
		_, err := c.share("reply "+m.Thread, m, c.printer.Reply)
		return m.Thread, err
	}
	return c.share("message", m, c.printer.Message)
}

// Update prints what the message now reads.
func (c *Console) Update(_ context.Context, ts string, m Outgoing) error {
	m.Thread = ts
	_, err := c.share("edit "+ts, m, c.printer.Edit)
	return err
}

// share prints something once for all channels that are told it at about the same time, and
// returns the number of the message that it is or is about.
func (c *Console) share(what string, m Outgoing, print func(channels []string, number string, content *card.Card) error) (string, error) {
	content := *m.Card
	content.Mention = nil // which differs by channel
	text, err := content.BlockKit()
	if err != nil {
		return "", printed(err)
	}
	key := what + " " + string(text)
	c.mu.Lock()
	s := c.shared[key]
	if s != nil && !slices.Contains(s.channels, m.Channel) {
		s.channels, s.mention = append(s.channels, m.Channel), append(s.mention, m.Card.Mention...)
		c.mu.Unlock()
		<-s.done
		return s.number, s.err
	}
	s = &sharing{number: m.Thread, channels: []string{m.Channel}, mention: slices.Clone(m.Card.Mention), done: make(chan struct{})}
	if m.Thread == "" {
		c.count++
		s.number = fmt.Sprint(c.count)
	}
	c.shared[key] = s
	c.mu.Unlock()

	time.Sleep(gathers)
	c.mu.Lock()
	if c.shared[key] == s {
		delete(c.shared, key)
	}
	slices.Sort(s.channels)
	content.Mention = s.mention
	c.mu.Unlock()
	names := make([]string, len(s.channels))
	for i, channel := range s.channels {
		names[i] = "#" + channel
	}
	s.err = printed(print(names, s.number, &content))
	close(s.done)
	return s.number, s.err
}

func printed(err error) error {
	if err == nil {
		return nil
	}
	return &PostError{Code: "write", Err: err}
}
