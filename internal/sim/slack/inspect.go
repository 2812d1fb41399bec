package slack

import (
	"fmt"
	"slices"
	"time"
)

// Stats counts the calls of a method.
type Stats struct {
	Calls   int // that arrived
	Good    int // that took effect and were answered as they should
	Limited int // answered with 429
}

// Stats returns the counts of a method so far.
func (s *Server) Stats(method string) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *Server) tally(method string, change func(*Stats)) {
	st := s.calls[method]
	change(&st)
	s.calls[method] = st
}

// Messages returns copies of a channel's messages, oldest first, with their
// replies and what they were before; none if the channel is unknown. The
// channel is named by id or name.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.find(channel)
	if ch == nil {
		return nil
	}
	var out []Message
	for _, m := range ch.messages {
		out = append(out, m.clone())
	}
	return out
}

// clone copies a message as far as the server may change it.
func (m *Message) clone() Message {
	c := *m
	c.Edits = slices.Clone(m.Edits)
	c.Replies = nil
	for i := range m.Replies {
		c.Replies = append(c.Replies, m.Replies[i].clone())
	}
	return c
}

// SetScopes changes what the token may do.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = map[string]bool{}
	for _, scope := range scopes {
		s.scopes[scope] = true
	}
}

// SetChannel adds a channel, or changes the one with its id and keeps its
// messages.
func (s *Server) SetChannel(c Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.channels[c.ID]; ok {
		ch.Channel = c
		return
	}
	s.order = append(s.order, c.ID)
	s.channels[c.ID] = &channel{Channel: c, posts: s.posts.window(1, time.Second)}
}

// Delete removes a message with its replies, or a reply, as a person can.
func (s *Server) Delete(channel, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.find(channel)
	if ch == nil || ch.message(ts) == nil {
		return fmt.Errorf("no simulated message %s in channel %q", ts, channel)
	}
	ch.messages = slices.DeleteFunc(ch.messages, func(m *Message) bool { return m.Ts == ts })
	for _, m := range ch.messages {
		m.Replies = slices.DeleteFunc(m.Replies, func(r Message) bool { return r.Ts == ts })
	}
	return nil
}
