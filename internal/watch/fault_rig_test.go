package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	camssim "numwatch/internal/sim/cams"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const (
	rigRate     = 60 // requests a second
	rigInterval = 20 * time.Millisecond
	rigMaxAge   = 400 * time.Millisecond
	rigTimeout  = 5 * time.Second
)

// rig is everything between the cloud and the sinks as it is: signed requests to
// a strict cloud, the poller, the loop, the shipped rules, the store. Only its
// intervals are short.
type rig struct {
	t         *testing.T
	cloud     *camssim.Server
	url       string
	store     *store.Store
	directory *watch.Directory
	loop      *watch.Loop
	messenger *messenger
	health    atomic.Pointer[health.Account]
	poller    *poller.Poller
	interval  time.Duration // the least between two polls of a space
	timeout   time.Duration // of one request
	halt      func()
}

var rigKey = camssim.Key{AccessKeyId: "LTAI-rig", AccessKeySecret: "the-secret-of-the-rig"}

// rigSpaces are the spaces a, b and c, with two numbers each.
func rigSpaces() (cloud []camssim.Space, known []phone.Space) {
	for i, id := range []string{"a", "b", "c"} {
		s := camssim.Space{Id: id}
		for j := range 2 {
			s.Numbers = append(s.Numbers, healthy(fmt.Sprintf("86%d%d", i, j)))
		}
		cloud = append(cloud, s)
		known = append(known, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: id}, Name: "Customer " + id})
	}
	return cloud, known
}

func healthy(number string) camssim.Number {
	return camssim.Number{
		"PhoneNumber": number, "VerifiedName": "Acme", "Status": "CONNECTED", "QualityRating": "GREEN",
		"CodeVerificationStatus": "VERIFIED", "NewNameStatus": "NONE", "NameStatus": "APPROVED",
		"MessagingLimitTier": "TIER_10K", "StatusQueue": "q", "UpQueue": "q", "IsOfficial": "N",
		"StatusCallbackUrl": "https://hooks.example.com/s", "UpCallbackUrl": "https://hooks.example.com/u\n",
	}
}

func newRig(t *testing.T, interval, timeout time.Duration) *rig {
	r := &rig{t: t, interval: interval, timeout: timeout, messenger: &messenger{}, directory: watch.NewDirectory()}
	inCloud, known := rigSpaces()
	r.cloud = camssim.New(camssim.Config{Limit: rigRate + 20, Accounts: []camssim.Account{{Name: "main", Key: rigKey, Spaces: inCloud}}})
	web := httptest.NewServer(r.cloud)
	t.Cleanup(web.Close)
	r.url = web.URL
	var err error
	r.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", shipped)
	require.NoError(t, err)
	r.loop, err = watch.New(watch.Options{
		Store: r.store, Rules: set, Directory: r.directory, Messenger: r.messenger, Wake: func() {},
		Health: func(string) *health.Account { return r.health.Load() },
		Diff:   diff.Options{MissingAfter: 30, MissingFor: 30 * rigInterval}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.loop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, r.store.Close())
	})
	require.NoError(t, r.loop.SetSpaces(ctx, "main", known))
	require.NoError(t, r.loop.Started(ctx))
	r.poll()
	t.Cleanup(func() { r.halt() })
	r.eventually("every space is known", func() bool { return len(r.changes()) == 6 })
	return r
}

// poll starts the poller, as a start of the bot does.
func (r *rig) poll() {
	pace := ratelimit.NewPace(rigRate)
	client, err := cams.NewClient(cams.ClientOptions{
		Account: "main", Endpoint: r.url, Timeout: r.timeout, Pace: pace,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: rigKey.AccessKeyId, AccessKeySecret: rigKey.AccessKeySecret},
	})
	require.NoError(r.t, err)
	stored, err := r.store.Conditions()
	require.NoError(r.t, err)
	r.health.Store(health.New("main", stored))
	r.poller = poller.New(poller.Options{
		Account: "main", Fetcher: client, Pace: pace, Deliver: r.loop.Deliver, Health: r.health.Load(),
		MaxAge: rigMaxAge, MinInterval: r.interval, Timeout: 2 * r.timeout,
	})
	var keys []phone.SpaceKey
	for k := range r.directory.Keys() {
		keys = append(keys, k)
	}
	r.poller.SetSpaces(keys)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.poller.Run(ctx) }()
	r.halt = sync.OnceFunc(func() {
		cancel()
		require.NoError(r.t, <-done)
		client.Close()
	})
}

func (r *rig) eventually(what string, happened func() bool) {
	r.t.Helper()
	require.Eventually(r.t, happened, 10*time.Second, 5*time.Millisecond, what)
}

// asked is how often a space was polled so far.
func (r *rig) asked(space string) int { return r.cloud.Stats("main").Spaces[space] }

// further waits until a space was polled so many times more.
func (r *rig) further(space string, times int) {
	r.t.Helper()
	from := r.asked(space)
	r.eventually("space "+space+" is polled", func() bool { return r.asked(space) >= from+times })
}

// failures is how many polls in a row failed of the one space that fails.
func (r *rig) failures() int {
	failing := r.poller.Status().Failing
	require.Len(r.t, failing, 1)
	return failing[0].Failures
}

// changes lists the changes of numbers in the log.
func (r *rig) changes() (out []string) {
	events, err := r.store.ReadLog(1, 1000)
	require.NoError(r.t, err)
	for _, e := range events {
		if e.Kind == alert.KindChange && e.Change.Subject.Kind() == phone.OfNumber {
			c := e.Change
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s→%s %s", c.Subject, c.Field, c.Old, c.New, c.MovedFrom)))
		}
	}
	return out
}

// said lists the transitions of alerts in the log.
func (r *rig) said() (out []string) {
	events, err := r.store.ReadLog(1, 1000)
	require.NoError(r.t, err)
	for _, e := range events {
		if e.Kind == alert.KindAlert {
			out = append(out, fmt.Sprintf("%s %s %s", e.Alert.Rule, e.Alert.Subject, e.Alert.Transition))
		}
	}
	return out
}

// condition is the Poll of a subject, OK if nothing else is stored.
func (r *rig) condition(s phone.Subject) phone.Condition {
	all, err := r.store.Conditions()
	require.NoError(r.t, err)
	i := slices.IndexFunc(all, func(c phone.Condition) bool { return c.Subject == s })
	if i < 0 {
		return phone.Condition{Subject: s, Value: phone.OK}
	}
	return all[i]
}

// alerts are the alerts that are not closed.
func (r *rig) alerts() []alert.Alert {
	all, err := r.store.Alerts()
	require.NoError(r.t, err)
	return slices.DeleteFunc(all, func(a alert.Alert) bool { return a.State.Closed() })
}
