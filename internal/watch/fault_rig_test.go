package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	camssim "numwatch/internal/sim/cams"
	simfault "numwatch/internal/sim/fault"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const (
	well         = 20 // spaces beside the sick one
	pace         = 8.0
	leastBetween = 5 * time.Second
	sickNumbers  = 30
)

var (
	sick   = phone.SpaceKey{Account: "main", ID: "sick"}
	rigKey = camssim.Key{AccessKeyId: "LTAI-rig", AccessKeySecret: "the-secret-of-the-rig"}
)

// rig is everything between the cloud and the sinks as it is, in virtual time:
// signed requests to a strict cloud that can be told what is wrong with a space,
// the poller, the loop, the shipped rules, the store.
type rig struct {
	*testing.T
	cloud   *camssim.Server
	network *simfault.Network
	store   *store.Store
	loop    *watch.Loop
	known   []phone.Space
	halt    func()           // stops polling
	numbers []camssim.Number // of the sick space

	mu     sync.Mutex
	health *health.Account
	poller *poller.Poller
	polls  map[string][]time.Time // when each space's polls were handed on
	list   listing                // nil: the sick space lists its numbers
}

// listing is what a space lists at its n-th poll in place of its numbers.
type listing func(n int, numbers []camssim.Number) []camssim.Number

func number12(i int) camssim.Number { return healthy(fmt.Sprintf("1201555%04d", i)) }

func healthy(number string) camssim.Number {
	return camssim.Number{
		"PhoneNumber": number, "VerifiedName": "Acme", "Status": "CONNECTED", "QualityRating": "GREEN",
		"CodeVerificationStatus": "VERIFIED", "NewNameStatus": "NONE", "NameStatus": "APPROVED",
		"MessagingLimitTier": "TIER_10K", "StatusQueue": "q", "UpQueue": "q", "IsOfficial": "N",
		"StatusCallbackUrl": "https://hooks.example.com/s", "UpCallbackUrl": "https://hooks.example.com/u\n",
	}
}

// inRig runs a test on a fleet of which every space is known.
func inRig(t *testing.T, sickNumbers int, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, network: simfault.NewNetwork(), polls: map[string][]time.Time{}}
		for i := range sickNumbers {
			r.numbers = append(r.numbers, number12(i))
		}
		spaces := []camssim.Space{{Id: sick.ID, Numbers: r.numbers}}
		for i := range well {
			spaces = append(spaces, camssim.Space{Id: fmt.Sprint("well-", i), Numbers: []camssim.Number{healthy(fmt.Sprintf("8613800%04d", i))}})
		}
		r.cloud = camssim.New(camssim.Config{Limit: 10, Accounts: []camssim.Account{{Name: "main", Key: rigKey, Spaces: spaces}}})
		defer r.start(spaces)()
		time.Sleep(30 * time.Second)
		require.Len(t, r.changes(), sickNumbers+well)
		test(r)
	})
}

func (r *rig) start(spaces []camssim.Space) (stop func()) {
	web := &httptest.Server{Listener: r.network, Config: &http.Server{Handler: r}}
	web.Start()
	var err error
	r.store, err = store.Open(filepath.Join(r.TempDir(), "db"), store.Options{})
	require.NoError(r, err)
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(r, err)
	set, err := rulefile.Load("rules.yaml", shipped)
	require.NoError(r, err)
	r.loop, err = watch.New(watch.Options{
		Store: r.store, Rules: set, Directory: watch.NewDirectory(), Messenger: &messenger{}, Wake: func() {},
		Health:      func(string) *health.Account { account, _ := r.polling(); return account },
		LongestWait: func(string) time.Duration { _, p := r.polling(); return p.LongestWait() },
		Diff:        diff.Options{MissingAfter: 3, MissingFor: 10 * time.Minute}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(r, err)
	for _, s := range spaces {
		r.known = append(r.known, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: s.Id}, Name: "Customer " + s.Id})
	}
	r.poll()
	ctx, cancel := context.WithCancel(context.Background())
	looping := make(chan error, 1)
	go func() { looping <- r.loop.Run(ctx) }()
	require.NoError(r, r.loop.SetSpaces(ctx, "main", r.known))
	require.NoError(r, r.loop.Started(ctx))
	return func() {
		r.halt()
		cancel()
		require.NoError(r, <-looping)
		web.Close()
		require.NoError(r, r.store.Close())
	}
}

// poll polls until halt, with a new poller, as after a start of the bot.
func (r *rig) poll() {
	stored, err := r.store.Conditions()
	require.NoError(r, err)
	account, limit := health.New("main", stored), ratelimit.NewPace(pace)
	client, err := cams.NewClient(cams.ClientOptions{
		Account: "main", Endpoint: "http://cloud", Pace: limit, ClockOff: account.ClockOff, Dial: r.network.DialContext,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: rigKey.AccessKeyId, AccessKeySecret: rigKey.AccessKeySecret},
	})
	require.NoError(r, err)
	p := poller.New(poller.Options{
		Account: "main", Fetcher: client, Pace: limit, Health: account, MinInterval: leastBetween,
		Deliver: func(ctx context.Context, result poller.Result) (schedule.Outcome, error) {
			r.mu.Lock()
			r.polls[result.Space.ID] = append(r.polls[result.Space.ID], result.At)
			r.mu.Unlock()
			return r.loop.Deliver(ctx, result)
		},
	})
	r.mu.Lock()
	r.health, r.poller = account, p
	r.mu.Unlock()
	var keys []phone.SpaceKey
	for _, s := range r.known {
		keys = append(keys, s.SpaceKey)
	}
	p.SetSpaces(keys)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	r.halt = func() {
		cancel()
		require.NoError(r, <-done)
		client.Close()
	}
}

func (r *rig) polling() (*health.Account, *poller.Poller) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health, r.poller
}

// ServeHTTP answers as the cloud does, once the sick space lists what it should.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	if r.list != nil && req.URL.Query().Get("CustSpaceId") == sick.ID {
		_ = r.cloud.SetSpace("main", camssim.Space{Id: sick.ID, Numbers: r.list(len(r.polls[sick.ID]), slices.Clone(r.numbers))})
	}
	r.mu.Unlock()
	r.cloud.ServeHTTP(w, req)
}

// lists has the sick space list something else; nil: its numbers.
func (r *rig) lists(l listing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = l
	_ = r.cloud.SetSpace("main", camssim.Space{Id: sick.ID, Numbers: r.numbers})
}

// polled is how often the space was polled from one time to another.
func (r *rig) polled(space string, from, to time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.polls[space] {
		if at.After(from) && !at.After(to) {
			n++
		}
	}
	return n
}

// polledAll is how often any space was polled.
func (r *rig) polledAll(from, to time.Time) int {
	return r.polled(sick.ID, from, to) + r.polledWell(from, to)
}

// polledWell is how often the spaces that are well were polled.
func (r *rig) polledWell(from, to time.Time) (n int) {
	for i := range well {
		n += r.polled(fmt.Sprint("well-", i), from, to)
	}
	return n
}

func (r *rig) events() []alert.Event {
	events, err := r.store.ReadLog(1, 100_000)
	require.NoError(r, err)
	return events
}

// changes lists the changes of numbers in the log.
func (r *rig) changes() (out []string) {
	for _, e := range r.events() {
		if c := e.Change; e.Kind == alert.KindChange && c.Subject.Kind() == phone.OfNumber {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s→%s %s", c.Subject, c.Field, c.Old, c.New, c.MovedFrom)))
		}
	}
	return out
}

// told are the transitions of alerts in the log after a time.
func (r *rig) told(after time.Time) (out []alert.Event) {
	for _, e := range r.events() {
		if e.Kind == alert.KindAlert && e.Time.After(after) {
			out = append(out, e)
		}
	}
	return out
}

// untilTold waits until so many transitions were told, and returns them.
func (r *rig) untilTold(after time.Time, n int, atMost time.Duration) []alert.Event {
	for start := time.Now(); len(r.told(after)) < n && time.Since(start) < atMost; {
		time.Sleep(time.Second)
	}
	return r.told(after)
}

// condition is the Poll of a subject, OK if nothing else is stored.
func (r *rig) condition(s phone.Subject) phone.Condition {
	all, err := r.store.Conditions()
	require.NoError(r, err)
	i := slices.IndexFunc(all, func(c phone.Condition) bool { return c.Subject == s })
	if i < 0 {
		return phone.Condition{Subject: s, Value: phone.OK}
	}
	return all[i]
}
