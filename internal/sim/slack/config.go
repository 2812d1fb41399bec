package slack

import (
	"log/slog"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// Channel is a channel of the workspace.
type Channel struct {
	ID, Name  string // the name without "#"
	Archived  bool
	NotMember bool // the bot has not been invited
}

// Rate is a limit: at most Max calls in any span of length Per. A Max below 0
// means no limit.
type Rate struct {
	Max int
	Per time.Duration
}

// Limits are the rates that the workspace holds. Where a rate is zero, its
// default holds.
type Limits struct {
	Posts   Rate // chat.postMessage, each channel; 1 a second
	Update  Rate // chat.update; 50 a minute
	History Rate // conversations.history; 50 a minute
	Replies Rate // conversations.replies; 50 a minute
	List    Rate // conversations.list; 20 a minute
}

// windows holds the calls of those methods that are limited for the workspace.
func (l Limits) windows() map[string]*simfault.Window {
	return map[string]*simfault.Window{
		Update:  l.Update.window(50, time.Minute),
		History: l.History.window(50, time.Minute),
		Replies: l.Replies.window(50, time.Minute),
		List:    l.List.window(20, time.Minute),
		Info:    Rate{}.window(50, time.Minute),
	}
}

// window holds calls against the rate, or against its default.
func (r Rate) window(most int, per time.Duration) *simfault.Window {
	if r == (Rate{}) {
		r = Rate{most, per}
	}
	return simfault.NewWindow(r.Max, r.Per)
}

// admit holds a call against its limit; nil means it may pass.
func (s *Server) admit(c *call, now time.Time) *answer {
	w := s.limits[c.method]
	if ch := s.find(c.channel); ch != nil && c.method == PostMessage {
		w = ch.posts
	}
	if w == nil {
		return nil
	}
	if wait, ok := w.Admit(now); !ok {
		return limited(wait)
	}
	return nil
}

// Config is a simulated workspace's beginning.
type Config struct {
	Token    string // of the bot; any other is refused
	AppToken string // of the app, for Socket Mode
	Channels []Channel
	// Scopes are what the token may do; nil: everything the simulator knows.
	Scopes []string
	Limits Limits
	Clock  func() time.Time // nil: time.Now
	Seed   uint64           // of faults with a probability
	Log    *slog.Logger     // nil: silent; messages at info level, calls at debug level
}
