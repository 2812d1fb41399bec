package slack

import (
	"time"

	simfault "numwatch/internal/sim/fault"
)

// limits holds the windows of the methods, and how to make a channel's.
type limits struct {
	rates   Limits
	methods map[string]*simfault.Window
}

func newLimits(l Limits) *limits {
	return &limits{rates: l, methods: map[string]*simfault.Window{
		PostMessage: l.Workspace.window(),
		Update:      l.Update.window(),
		History:     l.History.window(),
		Replies:     l.Replies.window(),
		List:        l.List.window(),
		Info:        l.Info.window(),
	}}
}

func (r Rate) window() *simfault.Window { return simfault.NewWindow(r.Max, r.Per) }

// admit holds a call against the limit of its method and, if it posts, against
// that of its channel; nil means it may pass.
func (s *Server) admit(c *call, now time.Time) *answer {
	windows := []*simfault.Window{s.limits.methods[c.method]}
	if ch := s.find(c.channel); ch != nil && c.method == PostMessage {
		windows = append(windows, ch.posts)
	}
	for _, w := range windows {
		if w == nil {
			continue
		}
		if wait, ok := w.Admit(now); !ok {
			a := limited(wait)
			return &a
		}
	}
	return nil
}
