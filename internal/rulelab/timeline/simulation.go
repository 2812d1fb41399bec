package timeline

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/rules"
)

// simulation is one test at work: a cloud that is polled, and a loop that judges.
type simulation struct {
	loop   *watch.Loop
	events *events
	health map[string]*health.Account // by account
	cloud  []*cloudSpace
	every  time.Duration // between polls
	now    time.Time     // read by the loop only while it has an input
	polled time.Time     // the last time
	polls  int
}

func newSimulation(set *rules.Set, f *File, t *test) (*simulation, error) {
	sim := &simulation{
		health: map[string]*health.Account{}, every: f.polling.every, now: t.start,
	}
	sim.events = newEvents(set, func() time.Time { return sim.now })
	for _, s := range t.spaces {
		c := newCloudSpace(s, f.usual)
		sim.cloud = append(sim.cloud, c)
		sim.health[c.Account] = health.New(c.Account, nil)
	}
	var err error
	sim.loop, err = watch.New(watch.Options{
		Store: &memory{spaces: map[phone.SpaceKey]phone.SpaceState{}}, Rules: set, Directory: watch.NewDirectory(),
		Messenger: sim.events, Wake: func() {}, Diff: f.polling.diff,
		Health:      func(account string) *health.Account { return sim.health[account] },
		LongestWait: func(string) time.Duration { return f.polling.blindAfter / 3 },
		Log:         slog.New(slog.DiscardHandler), Now: func() time.Time { return sim.now },
	})
	return sim, err
}

// baseline configures the spaces and polls them for the first time.
func (s *simulation) baseline(ctx context.Context) error {
	if err := s.configure(ctx); err != nil {
		return err
	}
	if err := s.loop.Started(ctx); err != nil {
		return err
	}
	return s.poll(ctx)
}

// configure tells the loop the spaces of every account.
func (s *simulation) configure(ctx context.Context) error {
	accounts := map[string][]phone.Space{}
	for _, c := range s.cloud {
		spaces := accounts[c.Account]
		if !c.left {
			spaces = append(spaces, c.Space)
		}
		accounts[c.Account] = spaces
	}
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		if err := s.loop.SetSpaces(ctx, name, accounts[name]); err != nil {
			return err
		}
		var ids []string
		for _, space := range accounts[name] {
			ids = append(ids, space.ID)
		}
		s.health[name].SetSpaces(ids, s.now)
	}
	return nil
}

// play lets a step's time pass, makes its changes, and polls.
func (s *simulation) play(ctx context.Context, st *step) error {
	if err := s.pass(ctx, st.after); err != nil {
		return err
	}
	for i, c := range s.cloud {
		if st.space == nil && i == 0 || st.space.String() == everySpace || st.space.String() == c.ID {
			if err := c.change(st); err != nil {
				return err
			}
		}
	}
	if st.report != nil {
		now := *st.report
		now.Since = s.now
		if err := s.loop.Report(ctx, now); err != nil {
			return err
		}
	}
	if st.leave {
		if err := s.configure(ctx); err != nil {
			return err
		}
	}
	return s.poll(ctx)
}

// pass lets time pass as it does for the bot: it ticks every second, and polls
// from time to time.
func (s *simulation) pass(ctx context.Context, d time.Duration) error {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(min(time.Second, end.Sub(s.now)))
		if err := s.loop.Tick(ctx); err != nil {
			return err
		}
		s.events.pass(s.now)
		if s.now.Before(end) && s.now.Sub(s.polled) >= s.every {
			if err := s.poll(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// poll polls every space.
func (s *simulation) poll(ctx context.Context) error {
	s.polled = s.now
	for _, c := range s.cloud {
		if c.left {
			continue
		}
		s.polls++
		result, clock := c.answer(s.now, s.polls)
		if e := result.Err; e != nil && e.Class == cams.Throttled {
			e.Shared = s.throttled(c) // as the limit of an account is
		}
		s.health[c.Account].ClockOff(clock)
		poller.Observe(s.health[c.Account], result)
		if _, err := s.loop.Deliver(ctx, result); err != nil {
			return fmt.Errorf("polling space %s: %w", c.ID, err)
		}
	}
	return nil
}

// throttled reports whether another space of the account fails as this one does.
func (s *simulation) throttled(c *cloudSpace) bool {
	return slices.ContainsFunc(s.cloud, func(other *cloudSpace) bool {
		return other != c && other.Account == c.Account && other.failure != nil && other.failure.code == c.failure.code
	})
}
