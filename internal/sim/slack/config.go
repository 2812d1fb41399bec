package slack

import (
	"log/slog"
	"time"
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
	Posts     Rate // chat.postMessage, each channel; 1 a second
	Workspace Rate // chat.postMessage, all channels; no limit
	Update    Rate // chat.update; 50 a minute
	History   Rate // conversations.history; 50 a minute
	Replies   Rate // conversations.replies; 50 a minute
	List      Rate // conversations.list; 20 a minute
	Info      Rate // conversations.info; 50 a minute
}

func (l Limits) withDefaults() Limits {
	minutely := func(r *Rate, n int) {
		if *r == (Rate{}) {
			*r = Rate{n, time.Minute}
		}
	}
	if l.Posts == (Rate{}) {
		l.Posts = Rate{1, time.Second}
	}
	minutely(&l.Update, 50)
	minutely(&l.History, 50)
	minutely(&l.Replies, 50)
	minutely(&l.List, 20)
	minutely(&l.Info, 50)
	return l
}

// Config is a simulated workspace's beginning.
type Config struct {
	Token    string // of the bot; any other is refused
	AppToken string // of the app, for Socket Mode: the address that it opens leads nowhere
	Channels []Channel
	// Scopes are what the token may do; nil: everything the simulator knows.
	Scopes []string
	Limits Limits
	Clock  func() time.Time // nil: time.Now
	Seed   uint64           // of faults with a probability
	Log    *slog.Logger     // nil: silent; messages at info level, calls at debug level
}
