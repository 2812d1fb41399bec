package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

const (
	leastKeep    = 2 * time.Hour
	parkFor      = 5 * time.Minute
	stuckAfter   = 2 * time.Minute
	upkeepEvery  = time.Minute
	slackStopsIn = 5 * time.Second
)

// Channel is a channel of rules.yaml.
type Channel struct {
	Name    string
	Slack   string   // an id, or a name with #
	Mention []string // in Slack's own syntax, trusted
}

// SlackOptions configures the sink that shows state.
type SlackOptions struct {
	Poster   Poster
	Keeper   notify.Recorder
	Channels []Channel
	Alerts   []alert.Alert   // as stored
	Messages []alert.Message // as stored
	Parked   []string        // parts that are stored as parked; others than Slack's are passed over
	Space    func(phone.SpaceKey) phone.Space
	Silence  func(id string) (alert.Silence, bool) // those in force; nil: none is known. Quick, and safe for concurrent use
	Link     string                                // to the page that lists all alerts; may be empty
	Buttons  bool                                  // somebody hears when they are pressed: see NewButtons
	Keep     func() time.Duration                  // how long closed alerts must stay in reach, beyond two hours; nil: no longer

	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Trace      func(point string)    // nil: none; for tests
}

// Slack makes the channels show what holds. There is no queue: what a message
// shows is compared with the alerts as they are, and the difference is made
// good, one call at a time in each channel. Its methods are safe for concurrent
// use.
type Slack struct {
	poster    Poster
	keeper    notify.Recorder
	cards     card.Maker
	keepFor   func() time.Duration
	pressable bool
	log       *slog.Logger
	trace     func(string)
	metrics   *metrics
	pace      Pace
	changed   signal        // the channels of the configuration changed
	blind     chan struct{} // holds the one channel that posts where it could not look for it

	mu        sync.Mutex
	board     *board
	channels  []Channel
	outlets   map[string]*outlet
	left      map[string]*outlet // the last of each channel that was taken out of the configuration
	budget    *budget
	gate      time.Time // no call before this: the token is refused
	reported  map[string]string
	reasons   map[string]string
	noHistory sync.Once
}

// NewSlack returns a sink that does nothing until Run.
func NewSlack(o SlackOptions) *Slack {
	s := &Slack{
		poster: o.Poster, keeper: o.Keeper, cards: card.Maker{Space: o.Space, Silence: o.Silence, Link: o.Link}, keepFor: o.Keep, pressable: o.Buttons,
		log: loggerOr(o.Logger), trace: o.Trace, metrics: newMetrics(o.Registerer), pace: o.Poster.Pace(),
		changed: newSignal(), blind: make(chan struct{}, 1), channels: o.Channels, outlets: make(map[string]*outlet), left: make(map[string]*outlet),
		board:    newBoard(names(o.Channels), o.Alerts, o.Messages, time.Now()),
		reported: make(map[string]string), reasons: make(map[string]string),
	}
	s.budget = newBudget(s.pace.Edit)
	for _, part := range o.Parked {
		if part == slackPart || part == SocketPart || strings.HasPrefix(part, slackPart+":") {
			s.reported[part] = phone.Parked
		}
	}
	if s.keepFor == nil {
		s.keepFor = func() time.Duration { return 0 }
	}
	if s.trace == nil {
		s.trace = func(string) {}
	}
	return s
}

func names(channels []Channel) []string {
	all := make([]string, len(channels))
	for i, c := range channels {
		all[i] = c.Name
	}
	return all
}

// Update takes in alerts as they now are. It never blocks on Slack.
func (s *Slack) Update(alerts []alert.Alert) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range alerts {
		s.board.update(alerts[i], now)
	}
	s.wakeAll()
}

// BaselineDone says that the first round of an account is over: what it found
// is shown now.
func (s *Slack) BaselineDone(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board.baselineDone(account)
	s.wakeAll()
}

// SetChannels replaces the channels of the configuration.
func (s *Slack) SetChannels(channels []Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = channels
	s.board.activate(names(channels))
	for _, c := range channels {
		if o := s.outlets[c.Name]; o != nil {
			o.configure(c)
		}
	}
	s.changed.signal()
}

// Retry tries all parked channels again now.
func (s *Slack) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate, s.budget.from = time.Time{}, time.Time{}
	for _, o := range s.outlets {
		o.gate = time.Time{}
		o.target = ""
	}
	s.wakeAll()
}

// RetryDead has the alerts of a dead message posted again, in a new one.
func (s *Slack) RetryDead(ctx context.Context, id string) error {
	s.mu.Lock()
	r := s.board.messages[id]
	dead := r != nil && r.State == alert.Dead
	s.mu.Unlock()
	if !dead {
		return fmt.Errorf("no dead message has the id %s", id)
	}
	if err := s.keeper.Record(ctx, alert.DeliveryUpdate{Drop: []string{id}}); err != nil {
		return fmt.Errorf("dropping dead message %s: %w", id, err)
	}
	s.mu.Lock()
	s.board.drop(id, time.Now())
	s.wakeAll()
	s.mu.Unlock()
	s.review(ctx)
	return nil
}

// Announce posts a text to every channel at once, beside all records: for what
// people must hear when the store fails. It returns what failed.
func (s *Slack) Announce(ctx context.Context, m card.Mark, text string) error {
	s.mu.Lock()
	channels := s.channels
	s.mu.Unlock()
	var failed []error
	for _, c := range channels {
		target, err := s.poster.Resolve(ctx, c.Slack)
		if err == nil {
			_, err = s.poster.Post(ctx, Outgoing{Channel: c.Name, Target: target, Card: &card.Card{Mark: m, Title: text}})
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("channel %s: %w", c.Name, err))
		}
	}
	return errors.Join(failed...)
}

// wakeAll is called with the lock held.
func (s *Slack) wakeAll() {
	for _, o := range s.outlets {
		o.wake.signal()
	}
}

// SlackStatus is a view for pages.
type SlackStatus struct {
	Parked   string // why nothing can be posted at all; "" otherwise
	Buttons  string // why nobody hears of buttons; "" otherwise
	Channels []ChannelStatus
	Dead     []alert.Message // refused for good
}

// ChannelStatus is a view of one channel.
type ChannelStatus struct {
	Name    string
	Parked  string // why nothing can be posted here; "" otherwise
	Waiting int    // alerts that no message lists yet
}

// Status returns how the channels stand.
func (s *Slack) Status() SlackStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := SlackStatus{Parked: s.reasons[slackPart], Buttons: s.reasons[SocketPart], Dead: s.board.dead()}
	for _, c := range s.channels {
		status.Channels = append(status.Channels, ChannelStatus{
			Name: c.Name, Parked: s.reasons[slackPart+":"+c.Name], Waiting: len(s.board.column(c.Name).waiting),
		})
	}
	return status
}

// Run works until ctx ends, and waits a bounded time for calls under way. It is
// called once.
func (s *Slack) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	s.arrange(ctx, &running)
	s.review(ctx)
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
			s.arrange(ctx, &running)
			s.review(ctx)
		case <-tick.C:
			s.upkeep(ctx)
			s.review(ctx)
		}
	}
}

// arrange starts and stops channels to match the configuration.
func (s *Slack) arrange(ctx context.Context, running *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := make(map[string]bool)
	for _, c := range s.channels {
		wanted[c.Name] = true
		if s.outlets[c.Name] != nil {
			continue
		}
		octx, cancel := context.WithCancel(ctx)
		o := &outlet{s: s, name: c.Name, conf: c, wake: newSignal(), cancel: cancel, ended: make(chan struct{})}
		before := s.left[c.Name]
		s.outlets[c.Name] = o
		running.Go(func() {
			if before != nil {
				<-before.ended // it may be in the middle of a post
				o.postAt = before.postAt
			}
			o.run(octx)
		})
	}
	for name, o := range s.outlets {
		if !wanted[name] {
			o.cancel()
			delete(s.outlets, name)
			s.left[name] = o
		}
	}
	s.wakeAll()
}

// upkeep forgets what is over and shown everywhere.
func (s *Slack) upkeep(ctx context.Context) {
	s.mu.Lock()
	alerts, messages := s.board.expired(time.Now(), max(leastKeep, s.keepFor()))
	s.mu.Unlock()
	if len(alerts)+len(messages) == 0 {
		return
	}
	if err := s.keeper.Record(ctx, alert.DeliveryUpdate{Forget: alerts, Drop: messages}); err != nil {
		s.log.Warn("closed alerts could not be forgotten", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board.forget(alerts, messages)
}
