package backtest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/rules"
	"numwatch/store"
)

var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

var spaces = []phone.Space{
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}, Name: "Acme", Labels: map[string]string{"tier": "gold"}},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "2"}, Labels: map[string]string{"tier": "silver"}},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "3"}},
}

func spaceOf(k phone.SpaceKey) phone.Space {
	for _, s := range spaces {
		if s.SpaceKey == k {
			return s
		}
	}
	return phone.Space{SpaceKey: k}
}

// nobody is a messenger that shows nothing.
type nobody struct{}

func (nobody) Update([]alert.Alert)     {}
func (nobody) BaselineDone(string)      {}
func (nobody) Notice(string)            {}
func (nobody) Channels([]rules.Channel) {}

// life is a bot on a real store, in a time of its own, whose fleet does what
// chance wants.
type life struct {
	health *health.Account
	t      testing.TB
	rand   *rand.Rand
	now    time.Time
	loop   *watch.Loop
	store  *store.Store
	cloud  map[phone.SpaceKey]map[string]phone.Number
	polls  int
}

// newLife starts a bot; it ends with the test.
func newLife(t testing.TB, set *rules.Set, seed uint64) *life {
	t.Helper()
	l := &life{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: monday, health: health.New("main", nil), cloud: map[phone.SpaceKey]map[string]phone.Number{}}
	var err error
	l.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	l.loop, err = watch.New(watch.Options{
		Store: l.store, Rules: set, Directory: watch.NewDirectory(), Messenger: nobody{}, Wake: func() {},
		Diff: diff.Options{MissingAfter: 2, MissingFor: time.Minute}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return l.now }, Health: func(string) *health.Account { return l.health },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.loop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, l.store.Close())
	})
	l.setSpaces(spaces)
	require.NoError(t, l.loop.Started(ctx))
	for i, s := range spaces {
		l.cloud[s.SpaceKey] = map[string]phone.Number{}
		for n := range 4 {
			p := phone.Number{PhoneNumber: fmt.Sprintf("86%d%d", i, n)}
			p.Set(phone.Status, "CONNECTED")
			p.Set(phone.QualityRating, pick(l.rand, "GREEN", "RED"))
			p.Set(phone.MessagingLimitTier, "TIER_10K")
			p.Set(phone.VerifiedName, "Acme <b>&\u202e")
			l.cloud[s.SpaceKey][p.PhoneNumber] = p
		}
		l.poll(s.SpaceKey)
	}
	return l
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func (l *life) poll(k phone.SpaceKey) {
	l.polls++
	snap := &phone.Snapshot{Space: k, At: l.now, RequestId: fmt.Sprint(l.polls)}
	for i := range 10 {
		for n := range 10 {
			if p, ok := l.cloud[k][fmt.Sprintf("86%d%d", i, n)]; ok {
				snap.Numbers = append(snap.Numbers, p)
			}
		}
	}
	l.deliver(poller.Result{Space: k, Snapshot: snap, At: l.now})
}

func (l *life) fail(k phone.SpaceKey, code string) {
	l.deliver(poller.Result{Space: k, Err: cams.Rejected(k, 503, code, ""), At: l.now})
}

func (l *life) deliver(r poller.Result) {
	poller.Observe(l.health, r)
	_, err := l.loop.Deliver(context.Background(), r)
	require.NoError(l.t, err)
}

func (l *life) setSpaces(spaces []phone.Space) {
	require.NoError(l.t, l.loop.SetSpaces(context.Background(), "main", spaces))
	var ids []string
	for _, s := range spaces {
		ids = append(ids, s.ID)
	}
	l.health.SetSpaces(ids, l.now)
}

// pass lets time pass with a tick every second.
func (l *life) pass(d time.Duration) {
	for end := l.now.Add(d); l.now.Before(end); {
		l.now = l.now.Add(time.Second)
		require.NoError(l.t, l.loop.Tick(context.Background()))
	}
}

// turn does something at random.
func (l *life) turn() {
	i := l.rand.IntN(len(spaces))
	k, home := spaces[i].SpaceKey, i
	if l.rand.IntN(10) == 0 { // a number of another space comes here, too
		home = l.rand.IntN(len(spaces))
	}
	name := fmt.Sprintf("86%d%d", home, l.rand.IntN(4))
	n, there := l.cloud[k][name]
	switch what := l.rand.IntN(20); {
	case what == 4 || what == 5:
		delete(l.cloud[k], name)
		l.poll(k)
		l.pass(time.Minute)
		l.poll(k)
	case what == 1:
		for range 3 {
			l.fail(k, pick(l.rand, "ServiceUnavailable", "Unknown.ResourceOwnerId"))
		}
	case what == 2:
		report := &alert.SinkReport{Component: "slack:ops", Value: pick(l.rand, phone.OK, phone.Parked), Code: "x", At: l.now}
		require.NoError(l.t, l.loop.Record(context.Background(), alert.DeliveryUpdate{Sink: report}))
	case what == 3:
		rest := spaces[:2+l.rand.IntN(2)]
		l.setSpaces(rest)
	default:
		if !there {
			n = phone.Number{PhoneNumber: name}
		}
		for range 1 + l.rand.IntN(3) {
			switch l.rand.IntN(4) {
			case 0:
				n.Set(phone.Status, pick(l.rand, "CONNECTED", "RESTRICTED", "BANNED", "DELETED", "CONNECTED", "NEWVALUE"))
			case 1:
				n.Set(phone.MessagingLimitTier, pick(l.rand, "TIER_10K", "TIER_1K", "TIER_250", ""))
			case 2:
				n.Set(phone.VerifiedName, pick(l.rand, "Acme <b>&\u202e", "Other"))
			default:
				n.Set(phone.QualityRating, pick(l.rand, "GREEN", "YELLOW", "RED", "UNKNOWN"))
			}
		}
		l.cloud[k][name] = n
		l.poll(k)
	}
	l.pass(time.Duration(l.rand.IntN(900)) * time.Second)
}

func (l *life) log() []alert.Event {
	events, err := l.store.ReadLog(1, 1<<20)
	require.NoError(l.t, err)
	return events
}

// lived returns the log of a random life.
func lived(t testing.TB, seed uint64, turns int) ([]alert.Event, time.Time) {
	l := newLife(t, parse(t, everyKind), seed)
	for range turns {
		l.turn()
	}
	return l.log(), l.now
}
