// Package slack keeps messages in Slack up to date. There is no queue: what each
// message shows is compared with the alerts as they are, and the difference is
// posted, replied or edited.
//
// Alerts and messages are read from State, the loop's view of what is committed.
// The outcome of each call is committed through notify.Recorder and then appears
// in State. A message is committed as being sent before the call, so that it can
// be searched for after a crash or a lost answer. The package itself holds only
// when to try what: plan.go and waiting.go decide what is next (pure), actions.go
// and locate.go do it, errors.go says what a failed call concerns.
//
// It imports phone, alert, notify and notify/card. The bot makes a Sink; back-tests
// use a Simulation, which plans the same way.
package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// State is what is committed: what is to be shown and what is shown. It must be
// safe for concurrent use, and have a commit before whoever asked for it is
// answered. What it returns is not modified.
type State interface {
	Alert(id string) (*alert.Alert, bool)
	Alerts() []*alert.Alert
	Message(id string) (*alert.Message, bool)
	Messages() []*alert.Message
	AlertsOf(incident string) []*alert.Alert
	MessagesOf(incident string) []*alert.Message
	Silence(id string) (alert.Silence, bool)
	Conditions() []phone.Condition // those that are not OK
}

// Poster puts messages where people see them. Its errors are *PostError; after
// any other the outcome counts as unknown. Implementations must be safe for
// concurrent use.
type Poster interface {
	// Resolve returns the id of a channel as the configuration names it. It fails
	// where messages that were posted there could not be found again.
	Resolve(ctx context.Context, channel string) (target string, err error)
	// Post sends a message, or a reply where Thread is set.
	Post(ctx context.Context, m Outgoing) (ts string, err error)
	// Update makes the message at ts read as m.
	Update(ctx context.Context, ts string, m Outgoing) error
	// Find returns the ts of those messages that were posted.
	Find(ctx context.Context, q Query) (ts map[string]string, err error)
	// Pace is how fast calls may follow each other.
	Pace() Pace
}

// Outgoing is a message on its way.
type Outgoing struct {
	ID      string // opaque; found again by Find. "": not to be found
	Channel string // its name in rules.yaml
	Target  string // its id, from Resolve
	Thread  string // ts of the message that this one replies to
	// Broadcast shows a reply to the whole channel as well.
	Broadcast bool
	Card      *card.Card
	Plain     bool // as text alone
}

// Query asks which messages were posted.
type Query struct {
	Channel string
	Target  string
	Thread  string // they are replies there, if set
	IDs     []string
	Since   time.Time // about when the first of them may have been posted
}

// Pace is the least time between posts in one channel, and between edits in
// all channels together.
type Pace struct{ Post, Edit time.Duration }

// Channel is a channel of rules.yaml.
type Channel struct {
	Name    string
	Slack   string   // an id, or a name with #
	Mention []string // in Slack's own syntax, trusted
	// Digest is when it sums up what happened, which is all that is posted there; nil: it shows alerts.
	Digest *alert.Schedule

	Language phone.Language // of its messages
}

// Options configures a Sink.
type Options struct {
	Poster   Poster
	State    State
	Recorder notify.Recorder
	Log      notify.Log // that digests sum up
	Channels []Channel
	Space    func(phone.SpaceKey) phone.Space
	Link     string               // public address of the pages; may be empty
	Buttons  bool                 // somebody hears when they are pressed: see NewButtons
	Settle   func() time.Duration // how long a flapping alert must be stable until it is told again; nil: not said
	Keep     func() time.Duration // how long closed alerts must stay in reach, beyond two hours; nil: no longer
	// Needed reports whether another sink has yet to tell of a closed alert; nil: none has.
	Needed func(*alert.Alert) bool
	// Redraw has messages edited once more whose alerts changed since then: another process, which may only be
	// frozen, may have an edit under way that arrives late. Zero: there is none.
	Redraw time.Time

	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Trace      func(point string)    // nil: none; for tests
}

// Sink keeps the channels up to date. Its methods are safe for concurrent
// use.
type Sink struct {
	o       Options
	cards   card.Maker // of messages in English
	log     *slog.Logger
	metrics *metrics
	pace    Pace
	changed notify.Signal // the channels of the configuration changed

	mu       sync.Mutex
	plan     *planner
	channels []Channel // of the configuration
	workers  map[string]*channelWorker
	budget   *budget
	blocked  time.Time // no call before this: the token is refused
	postedAt time.Time // the last time that any channel could be posted to
	started  bool      // the channels of the first rules have their workers
}

// New returns a sink that does nothing until Run.
func New(o Options) *Sink {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
	if o.Keep == nil {
		o.Keep = func() time.Duration { return 0 }
	}
	s := &Sink{
		o: o, cards: card.Maker{Space: o.Space, Silence: o.State.Silence, Link: o.Link, SettleAfter: o.Settle}, log: o.Logger,
		metrics: newMetrics(o.Registerer), pace: o.Poster.Pace(), changed: notify.NewSignal(), channels: o.Channels,
		plan: newPlanner(o.State, o.Channels, time.Now()), workers: make(map[string]*channelWorker),
	}
	s.plan.elsewhere = o.Needed
	s.budget = newBudget(s.pace.Edit)
	s.plan.redraw(o.Redraw)
	return s
}

// Update says that alerts have changed in State. It never blocks on Slack.
func (s *Sink) Update(alerts []alert.Alert) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range alerts {
		if a, known := s.o.State.Alert(alerts[i].ID); known {
			s.plan.update(a, now)
		}
	}
	s.wakeAll()
}

// BaselineDone says that the first round of an account is over: what it found
// is shown now.
func (s *Sink) BaselineDone(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan.baselineDone(account)
	s.wakeAll()
}

// SetChannels replaces the channels of the configuration.
func (s *Sink) SetChannels(channels []Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = channels
	s.plan.activate(channels, time.Now())
	for name, w := range s.workers {
		w.seek = w.seek && slices.ContainsFunc(channels, func(c Channel) bool { return c.Name == name })
	}
	for _, c := range channels {
		if w := s.workers[c.Name]; w != nil {
			w.configure(c)
		}
	}
	s.changed.Send()
}

// Retry tries all parked channels again now.
func (s *Sink) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked, s.budget.from = time.Time{}, time.Time{}
	for _, w := range s.workers {
		w.state().postAt, w.target = time.Time{}, ""
	}
	for _, c := range s.plan.channels {
		for _, m := range c.messages {
			m.retryAt = time.Time{}
		}
	}
	s.wakeAll()
}

// RetryDead has the alerts of a dead message posted again, in a new one.
func (s *Sink) RetryDead(ctx context.Context, id string) error {
	m, known := s.o.State.Message(id)
	if !known || m.State != alert.Dead {
		return fmt.Errorf("there is no dead letter %s", id)
	}
	if err := s.o.Recorder.Record(ctx, alert.DeliveryUpdate{Drop: []string{id}}); err != nil {
		return fmt.Errorf("dropping dead message %s: %w", id, err)
	}
	s.mu.Lock()
	s.plan.replace(m, time.Now())
	s.wakeAll()
	s.mu.Unlock()
	s.review(ctx)
	return nil
}

// Announce posts a text to every channel that shows alerts, beside all records: for what people must
// hear when the store fails. It takes its turn in each of them, and tries again until
// ctx ends. It returns what failed.
func (s *Sink) Announce(ctx context.Context, text string) error {
	s.mu.Lock()
	channels := slices.DeleteFunc(slices.Clone(s.channels), func(c Channel) bool { return c.Digest != nil })
	s.mu.Unlock()
	failed := make([]error, len(channels))
	var running sync.WaitGroup
	for i, c := range channels {
		running.Go(func() {
			if err := s.announceIn(ctx, c, text); err != nil {
				failed[i] = fmt.Errorf("channel %s: %w", c.Name, err)
			}
		})
	}
	running.Wait()
	return errors.Join(failed...)
}

// announceIn posts to one channel, twice rather than not at all.
func (s *Sink) announceIn(ctx context.Context, c Channel, text string) error {
	out := Outgoing{Channel: c.Name, Card: &card.Card{
		Language: c.Language, Mark: card.Mark{Word: "Critical", Color: card.Red}, Title: wording.In(c.Language).Announcement(text),
	}}
	var err error
	for failures := 0; ; failures++ {
		if !sleep(ctx, s.turn(c.Name)) {
			return errors.Join(ctx.Err(), err)
		}
		if out.Target, err = s.o.Poster.Resolve(ctx, c.Slack); err == nil {
			_, err = s.o.Poster.Post(ctx, out)
		}
		e := asPostError(err)
		if err == nil || e.Class != Transient {
			return err
		}
		s.delay(c.Name, cmp.Or(e.RetryAfter, notify.Backoff(failures, retryFirst, retryMax)))
	}
}

// turn takes the next post of a channel, and returns how long it is until then.
func (s *Sink) turn(channel string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, c := time.Now(), s.plan.channel(channel)
	at := later(now, later(s.blocked, c.postAt))
	c.postAt = at.Add(s.pace.Post)
	return at.Sub(now)
}

// delay lets a channel post nothing for a while.
func (s *Sink) delay(channel string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.plan.channel(channel)
	c.postAt = later(c.postAt, time.Now().Add(d))
}

// wakeAll is called with the lock held.
func (s *Sink) wakeAll() {
	for _, w := range s.workers {
		w.wakeAll()
	}
}

// Run works until ctx ends, and waits a bounded time for calls under way. It is
// called once.
func (s *Sink) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	s.startWorkers(ctx, &running)
	s.review(ctx)
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
			s.startWorkers(ctx, &running)
			s.review(ctx)
		case <-tick.C:
			s.forget(ctx)
			s.review(ctx)
		}
	}
}

// startWorkers starts those of new channels. One that leaves the configuration
// is left idle: it may come back in the middle of a post.
func (s *Sink) startWorkers(ctx context.Context, running *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels {
		if s.workers[c.Name] != nil {
			continue
		}
		w := newChannelWorker(s, c)
		w.seek = s.started
		s.workers[c.Name] = w
		for l := range lanes {
			running.Go(func() { w.run(ctx, l) })
		}
	}
	s.started = true
	s.wakeAll()
}

// inSlack is the state without the messages of other chats.
type inSlack struct{ State }

func elsewhere(m *alert.Message) bool { return m.Kind != "" }

func (s inSlack) Messages() []*alert.Message { return slices.DeleteFunc(s.State.Messages(), elsewhere) }

func (s inSlack) MessagesOf(incident string) (all []*alert.Message) {
	for _, m := range s.State.MessagesOf(incident) {
		if !elsewhere(m) {
			all = append(all, m)
		}
	}
	return all
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
