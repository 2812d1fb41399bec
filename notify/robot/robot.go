package robot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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

const (
	retryFirst  = 2 * time.Second
	retryMax    = 5 * time.Minute
	refusedFor  = 5 * time.Minute // until what is refused is tried again
	stuckAfter  = 2 * time.Minute // of failures; it goes on trying
	upkeepEvery = time.Minute
	stopsWithin = 5 * time.Second // for what is under way when the program stops
)

// Channel is a channel of rules.yaml that leads to the robot.
type Channel struct {
	Name     string
	Mention  []string // all, user:ID or mobile:NUMBER
	Language phone.Language
}

// Options configures a robot. Everything is needed but where it says so.
type Options struct {
	Dialect      *Dialect
	Name         string // of the channel in config.yaml
	URL          string // holds a token
	Secret       string // ""; requests are not signed
	AllowPrivate bool
	Channels     []Channel
	State        State
	Recorder     notify.Recorder
	Space        func(phone.SpaceKey) phone.Space
	Settle       func() time.Duration // how long a flapping alert must be stable until it is told again
	Link         string               // public address of the pages; may be empty
	May          func() error         // called before each request; its error prevents it. Nil: all may be sent
	Messages     *prometheus.CounterVec
	Logger       *slog.Logger
	Trace        func(point string) // nil: none; for tests
}

// NewMessages returns the counter of a kind's robots: messages by channel and outcome.
// Outcomes: ok, failed (an attempt), dead (given up for good).
func NewMessages(r prometheus.Registerer, kind string) *prometheus.CounterVec {
	return notify.NewOutcomes(r, "numwatch_"+kind+"_messages_total", "Messages posted to "+kind+", by channel and outcome.")
}

// Robot tells one group. Its methods are safe for concurrent use.
type Robot struct {
	o       Options
	client  *http.Client
	wake    notify.Signal
	sending sync.Mutex // one message at a time
	state   *notify.SinkState
	dead    *notify.SinkState // messages that were given up

	mu        sync.Mutex
	plan      *planner
	channels  []Channel
	free      time.Time // no message before this
	lastError string

	// Of Run alone.
	failures     int // in a row
	failingSince time.Time
}

// New returns a robot that says nothing until Run. The last process may have said something
// just before it ended, so that the first message waits for its turn too.
func New(o Options) *Robot {
	r := &Robot{o: o, client: notify.NewClient(o.AllowPrivate, o.May), wake: notify.NewSignal(), free: time.Now().Add(o.Dialect.pace), channels: o.Channels}
	r.state = notify.NewSinkState(r.Component(), o.Recorder, o.Logger)
	r.dead = notify.NewSinkState(r.Component()+notify.DeadSuffix, o.Recorder, o.Logger)
	if r.o.Trace == nil {
		r.o.Trace = func(string) {}
	}
	for _, outcome := range []string{"ok", "failed", "dead"} {
		o.Messages.WithLabelValues(o.Name, outcome)
	}
	r.plan = newPlanner(o.Dialect.Kind, r.Component(), o.State)
	r.plan.activate(names(o.Channels), time.Now())
	return r
}

func names(channels []Channel) []string {
	all := make([]string, len(channels))
	for i, c := range channels {
		all[i] = c.Name
	}
	return all
}

// Component is the robot's name as a part of the bot.
func (r *Robot) Component() string { return r.o.Dialect.Kind + ":" + r.o.Name }

// Wake does nothing: the robot follows alerts, not the log.
func (r *Robot) Wake() {}

// Update says that alerts have changed in State. It never blocks on the network.
func (r *Robot) Update(alerts []alert.Alert) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range alerts {
		r.plan.update(&alerts[i], now)
	}
	r.wake.Send()
}

// BaselineDone says that the first round of an account is over: what it found is told now.
func (r *Robot) BaselineDone(account string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan.round(account).Done()
	r.wake.Send()
}

// SetChannels replaces the channels that lead here.
func (r *Robot) SetChannels(channels []Channel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.channels = channels
	r.plan.activate(names(channels), time.Now())
	r.wake.Send()
}

// Retry retries now, without any back-off, but at the usual pace.
func (r *Robot) Retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if soon := time.Now().Add(r.o.Dialect.pace); soon.Before(r.free) {
		r.free = soon
	}
	r.wake.Send()
}

// RetryDead sends again what a dead message was about. It reports whether the message is
// the robot's.
func (r *Robot) RetryDead(ctx context.Context, id string) (mine bool, err error) {
	m, known := r.o.State.Message(id)
	if !known || !r.owns(m) || m.State != alert.Dead {
		return false, nil
	}
	if err := r.o.Recorder.Record(ctx, alert.DeliveryUpdate{Drop: []string{id}}); err != nil {
		return true, fmt.Errorf("dropping dead message %s: %w", id, err)
	}
	r.look(m.Incidents())
	r.wake.Send()
	return true, nil
}

func (r *Robot) owns(m *alert.Message) bool {
	return m.Kind == r.o.Dialect.Kind && m.Target == r.o.Name
}

// Needs reports whether this channel must still be told of a closed alert.
func (r *Robot) Needs(a *alert.Alert) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan.needs(a)
}

// Status returns its state.
func (r *Robot) Status() notify.Status {
	reason, parked := r.state.Parked()
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := 0
	for _, c := range r.plan.channels {
		waiting += len(c.waiting)
	}
	return notify.Status{Parked: parked, Lag: uint64(waiting), LastError: cmp.Or(r.lastError, reason)}
}

// Run tells until ctx ends.
func (r *Robot) Run(ctx context.Context) error {
	defer r.client.CloseIdleConnections()
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	r.upkeep(ctx)
	for ctx.Err() == nil {
		t, wait := r.next()
		if t != nil {
			r.post(ctx, t)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-due:
		case <-tick.C:
			r.upkeep(ctx)
		}
	}
	return nil
}

// next returns what to tell now, or how long to wait first; 0: until woken.
func (r *Robot) next() (t *telling, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	b, until := r.plan.next(now, r.free)
	if b.channel == "" {
		if until.IsZero() {
			return nil, 0
		}
		return nil, max(until.Sub(now), time.Millisecond)
	}
	cards := card.Maker{Space: r.o.Space, Silence: r.o.State.Silence, Link: r.o.Link, SettleAfter: r.o.Settle}
	conf := r.channel(b.channel)
	cards.Language = conf.Language
	told, any := r.plan.tell(b, cards, r.o.Name, now)
	if !any {
		return nil, time.Millisecond
	}
	if told.loud {
		told.card.Mention = conf.Mention
	}
	return &told, 0
}

func (r *Robot) channel(name string) Channel {
	i := slices.IndexFunc(r.channels, func(c Channel) bool { return c.Name == name })
	if i < 0 {
		return Channel{Name: name}
	}
	return r.channels[i]
}

// upkeep drops closed incidents, and reports permanent refusals.
func (r *Robot) upkeep(ctx context.Context) {
	var drop []string
	dead, reason := 0, ""
	for _, m := range r.o.State.Messages() {
		if !r.owns(m) {
			continue
		}
		over := !slices.ContainsFunc(m.Incidents(), func(id string) bool { return len(r.o.State.AlertsOf(id)) > 0 })
		switch {
		case over:
			drop = append(drop, m.ID)
		case m.State == alert.Dead:
			dead++
			reason = m.Reason
		}
	}
	if len(drop) > 0 {
		if err := r.o.Recorder.Record(ctx, alert.DeliveryUpdate{Drop: drop}); err != nil && ctx.Err() == nil {
			r.o.Logger.WarnContext(ctx, "closed incidents could not be deleted", "channel", r.o.Name, "err", err)
		}
	}
	if dead == 0 {
		r.dead.Works(ctx)
		return
	}
	r.dead.Park(ctx, notify.CodeDead, fmt.Sprintf("%s permanently refused messages about %s, the last one with: %s; see numwatch deadletters",
		r.Component(), phone.Count(dead, "incident"), reason))
}

// language is that of the first channel that leads here.
func (r *Robot) language() phone.Language {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.channels) == 0 {
		return phone.English
	}
	return r.channels[0].Language
}

// Announce posts a text beside all records, for what people must hear when the store
// fails. It waits for its turn, and tries again until ctx ends.
func (r *Robot) Announce(ctx context.Context, text string) error {
	l := r.language()
	c := &card.Card{Language: l, Mark: card.SeverityMark(alert.Critical), Title: wording.In(l).Announcement(text)}
	for failures := 0; ; failures++ {
		err := r.send(ctx, c)
		if err == nil {
			return nil
		}
		e := asError(err)
		if e.class != transient {
			return fmt.Errorf("channel %s: %w", r.o.Name, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(cmp.Or(e.wait, notify.Backoff(failures, retryFirst, retryMax))):
		}
	}
}
