package timeline

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/rules"
)

// stage is one test at work: a cloud that is polled, and a loop that judges.
type stage struct {
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan error
	loop    *watch.Loop
	health  map[string]*health.Account // by account
	now     time.Time                  // read by the loop only while an input is with it
	polled  time.Time                  // the last round
	polls   int
	every   time.Duration
	cloud   []*customer
	history *history
}

// customer is a space as the cloud now shows it.
type customer struct {
	config  phone.Space
	order   []string // as given
	numbers map[string]phone.Number
	failure *failure  // nil: it answers
	polled  time.Time // the last answer
	left    bool      // it is no longer configured
}

func newStage(ctx context.Context, set *rules.Set, p polling, t *test) (*stage, error) {
	ctx, cancel := context.WithCancel(ctx)
	st := &stage{ctx: ctx, cancel: cancel, ended: make(chan error, 1), now: t.start, every: p.every, history: newHistory(), health: map[string]*health.Account{}}
	for _, s := range t.spaces {
		st.health[s.config.Account] = health.New(s.config.Account, nil)
		c := &customer{config: s.config, numbers: map[string]phone.Number{}}
		for _, n := range s.numbers {
			c.put(n)
		}
		st.cloud = append(st.cloud, c)
	}
	loop, err := watch.New(watch.Options{
		Store: newMemory(), Rules: set, Directory: watch.NewDirectory(), Board: st.history, Wake: func() {},
		Diff: p.diff, Health: func(account string) *health.Account { return st.health[account] }, BlindAfter: func(string) time.Duration { return p.blindAfter },
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return st.now },
	})
	if err != nil {
		cancel()
		return nil, err
	}
	st.loop = loop
	go func() { st.ended <- loop.Run(ctx) }()
	return st, nil
}

// close ends the loop and waits for it.
func (st *stage) close() {
	st.cancel()
	<-st.ended // what failed was returned to who asked
}

// begin configures the spaces and takes the first look.
func (st *stage) begin() error {
	if err := st.configure(); err != nil {
		return err
	}
	if err := st.loop.Started(st.ctx); err != nil {
		return err
	}
	return st.round()
}

// configure tells the loop the spaces of every account.
func (st *stage) configure() error {
	accounts := map[string][]phone.Space{}
	for _, c := range st.cloud {
		accounts[c.config.Account] = append(accounts[c.config.Account], []phone.Space{c.config}[:1-count(c.left)]...)
	}
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		if err := st.loop.SetSpaces(st.ctx, name, accounts[name]); err != nil {
			return err
		}
		var ids []string
		for _, s := range accounts[name] {
			ids = append(ids, s.ID)
		}
		st.health[name].SetSpaces(ids, st.now)
	}
	return nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// play lets a step's time pass, makes its changes, and polls.
func (st *stage) play(s *step) error {
	if err := st.pass(s.after); err != nil {
		return err
	}
	if err := st.change(s); err != nil {
		return err
	}
	if s.sink != nil {
		report := &alert.SinkReport{Component: s.sink.part, Value: s.sink.value, Code: s.sink.code, Reason: s.sink.reason, At: st.now}
		if err := st.loop.Record(st.ctx, alert.DeliveryUpdate{Sink: report}); err != nil {
			return err
		}
	}
	if s.leave {
		if err := st.configure(); err != nil {
			return err
		}
	}
	return st.round()
}

// pass lets time pass as it does for the bot: it ticks every second, and polls
// now and then.
func (st *stage) pass(d time.Duration) error {
	for end := st.now.Add(d); st.now.Before(end); {
		st.now = st.now.Add(min(time.Second, end.Sub(st.now)))
		if err := st.loop.Tick(st.ctx); err != nil {
			return err
		}
		if st.now.Before(end) && st.now.Sub(st.polled) >= st.every {
			if err := st.round(); err != nil {
				return err
			}
		}
	}
	return nil
}

// round polls every space.
func (st *stage) round() error {
	st.polled = st.now
	for _, c := range st.cloud {
		if c.left {
			continue
		}
		st.polls++
		r := c.answer(st.now, st.polls)
		poller.Observe(st.health[c.config.Account], r)
		if _, err := st.loop.Deliver(st.ctx, r); err != nil {
			return fmt.Errorf("polling space %s: %w", c.config.ID, err)
		}
	}
	return nil
}

func (c *customer) answer(now time.Time, poll int) poller.Result {
	r := poller.Result{Space: c.config.SpaceKey, Started: now, At: now, Previous: c.polled}
	if f := c.failure; f != nil {
		r.Err = cams.Rejected(c.config.SpaceKey, f.status, f.code, f.message)
		return r
	}
	c.polled = now
	r.Snapshot = &phone.Snapshot{Space: c.config.SpaceKey, At: now, RequestId: fmt.Sprintf("poll-%d", poll)}
	for _, n := range slices.Sorted(maps.Keys(c.numbers)) {
		r.Snapshot.Numbers = append(r.Snapshot.Numbers, c.numbers[n])
	}
	return r
}

// put adds a number, or takes the place of it.
func (c *customer) put(n number) {
	p := phone.Number{PhoneNumber: n.phoneNumber.text}
	if _, known := c.numbers[p.PhoneNumber]; !known {
		c.order = append(c.order, p.PhoneNumber)
	}
	c.numbers[p.PhoneNumber] = with(p, n.fields)
}

// with returns a number with fields set, and without those that are null.
func with(n phone.Number, fields []field) phone.Number {
	out := phone.Number{PhoneNumber: n.PhoneNumber}
	for f, v := range n.All() {
		if !slices.ContainsFunc(fields, func(x field) bool { return x.field == f && x.null }) {
			out.Set(f, v)
		}
	}
	for _, f := range fields {
		if !f.null {
			out.Set(f.field, f.value)
		}
	}
	return out
}

// change does what the step does to the cloud.
func (st *stage) change(s *step) error {
	for _, c := range st.meant(s) {
		if len(s.set) > 0 {
			name := first(c.order)
			if s.number != nil {
				name = s.number.text
			}
			n, ok := c.numbers[name]
			if !ok {
				return fmt.Errorf("line %d: space %s has no number %q", s.at.line, c.config.ID, name)
			}
			c.numbers[name] = with(n, s.set)
		}
		for _, n := range s.add {
			c.put(n)
		}
		for _, n := range s.remove {
			if _, ok := c.numbers[n.text]; !ok {
				return fmt.Errorf("line %d: space %s has no number %q", n.at.line, c.config.ID, n.text)
			}
			delete(c.numbers, n.text)
		}
		if s.fail != nil || s.heal {
			c.failure = s.fail
		}
		c.left = c.left || s.leave
	}
	return nil
}

// meant lists the spaces that a step is about.
func (st *stage) meant(s *step) []*customer {
	switch {
	case s.space == nil:
		return st.cloud[:1]
	case s.space.text == everySpace:
		return st.cloud
	default:
		i := slices.IndexFunc(st.cloud, func(c *customer) bool { return c.config.ID == s.space.text })
		return st.cloud[i : i+1] // check has seen that it is there
	}
}

// everySpace stands for all spaces of a test.
const everySpace = "all"

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// heard returns what the rules have said since the last call.
func (st *stage) heard() []happening { return st.history.take() }
