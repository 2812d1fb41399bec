package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	sickFor      = 2 * time.Minute
	sickNumbers  = 30
)

var sick = phone.SpaceKey{Account: "main", ID: "sick"}

// fleet is an account in simulated time: a strict cloud that can be told what is
// wrong with a space, and everything between it and the sinks as it is: signed
// requests, the poller, the loop, the shipped rules, the store.
type fleet struct {
	*testing.T
	cloud   *camssim.Server
	store   *store.Store
	poller  *poller.Poller
	numbers []camssim.Number // of the sick space

	mu    sync.Mutex
	polls map[string][]time.Time // when each space's polls were handed on
	list  listing                // nil: the sick space lists its numbers
}

// listing is what a space lists at its n-th poll in place of its numbers.
type listing func(n int, numbers []camssim.Number) []camssim.Number

func number12(i int) camssim.Number { return healthy(fmt.Sprintf("1201555%04d", i)) }

// inFleet runs a test on a fleet of which every space is known.
func inFleet(t *testing.T, sickNumbers int, test func(f *fleet)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{T: t, polls: map[string][]time.Time{}}
		for i := range sickNumbers {
			f.numbers = append(f.numbers, number12(i))
		}
		spaces := []camssim.Space{{Id: sick.ID, Numbers: f.numbers}}
		for i := range well {
			spaces = append(spaces, camssim.Space{Id: fmt.Sprint("well-", i), Numbers: []camssim.Number{healthy(fmt.Sprintf("8613800%04d", i))}})
		}
		f.cloud = camssim.New(camssim.Config{Limit: 10, Accounts: []camssim.Account{{Name: "main", Key: rigKey, Spaces: spaces}}})
		stop := f.start(spaces)
		defer stop()
		time.Sleep(30 * time.Second)
		require.Len(t, f.changes(), sickNumbers+well)
		test(f)
	})
}

func (f *fleet) start(spaces []camssim.Space) (stop func()) {
	network := simfault.NewNetwork()
	web := &httptest.Server{Listener: network, Config: &http.Server{Handler: f}}
	web.Start()
	var err error
	f.store, err = store.Open(filepath.Join(f.TempDir(), "db"), store.Options{})
	require.NoError(f, err)
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(f, err)
	set, err := rulefile.Load("rules.yaml", shipped)
	require.NoError(f, err)
	account, directory := health.New("main", nil), watch.NewDirectory()
	loop, err := watch.New(watch.Options{
		Store: f.store, Rules: set, Directory: directory, Messenger: &messenger{}, Wake: func() {},
		Health: func(string) *health.Account { return account }, Log: slog.New(slog.DiscardHandler),
		LongestWait: func(string) time.Duration { return f.poller.LongestWait() },
		Diff:        diff.Options{MissingAfter: 3, MissingFor: 10 * time.Minute},
	})
	require.NoError(f, err)
	limit := ratelimit.NewPace(pace)
	client, err := cams.NewClient(cams.ClientOptions{
		Account: "main", Endpoint: web.URL, Pace: limit, ClockOff: account.ClockOff, Dial: network.DialContext,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: rigKey.AccessKeyId, AccessKeySecret: rigKey.AccessKeySecret},
	})
	require.NoError(f, err)
	f.poller = poller.New(poller.Options{
		Account: "main", Fetcher: client, Pace: limit, Health: account, MinInterval: leastBetween,
		Deliver: func(ctx context.Context, r poller.Result) (schedule.Outcome, error) {
			f.mu.Lock()
			f.polls[r.Space.ID] = append(f.polls[r.Space.ID], r.At)
			f.mu.Unlock()
			return loop.Deliver(ctx, r)
		},
	})
	var known []phone.Space
	var keys []phone.SpaceKey
	for _, s := range spaces {
		keys = append(keys, phone.SpaceKey{Account: "main", ID: s.Id})
		known = append(known, phone.Space{SpaceKey: keys[len(keys)-1], Name: "Customer " + s.Id})
	}
	ctx, cancel := context.WithCancel(context.Background())
	looping, polling := make(chan error, 1), make(chan error, 1)
	go func() { looping <- loop.Run(ctx) }()
	require.NoError(f, loop.SetSpaces(ctx, "main", known))
	require.NoError(f, loop.Started(ctx))
	f.poller.SetSpaces(keys)
	polls, halt := context.WithCancel(ctx)
	go func() { polling <- f.poller.Run(polls) }()
	return func() {
		halt()
		require.NoError(f, <-polling)
		cancel()
		require.NoError(f, <-looping)
		client.Close()
		web.Close()
		require.NoError(f, f.store.Close())
	}
}

// ServeHTTP answers as the cloud does, once the sick space lists what it should.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if f.list != nil && r.URL.Query().Get("CustSpaceId") == sick.ID {
		_ = f.cloud.SetSpace("main", camssim.Space{Id: sick.ID, Numbers: f.list(len(f.polls[sick.ID]), slices.Clone(f.numbers))})
	}
	f.mu.Unlock()
	f.cloud.ServeHTTP(w, r)
}

// lists has the sick space list something else; nil: its numbers.
func (f *fleet) lists(l listing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = l
	_ = f.cloud.SetSpace("main", camssim.Space{Id: sick.ID, Numbers: f.numbers})
}

// polled is how often the space was polled from one time to another.
func (f *fleet) polled(space string, from, to time.Time) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.polls[space] {
		if at.After(from) && !at.After(to) {
			n++
		}
	}
	return n
}

// polledWell is how often the spaces that are well were polled.
func (f *fleet) polledWell(from, to time.Time) (n int) {
	for i := range well {
		n += f.polled(fmt.Sprint("well-", i), from, to)
	}
	return n
}

func (f *fleet) events() []alert.Event {
	events, err := f.store.ReadLog(1, 100_000)
	require.NoError(f, err)
	return events
}

// changes lists the changes of numbers in the log.
func (f *fleet) changes() (out []string) {
	for _, e := range f.events() {
		if c := e.Change; e.Kind == alert.KindChange && c.Subject.Kind() == phone.OfNumber {
			out = append(out, fmt.Sprintf("%s %s %s→%s", c.Subject, c.Field, c.Old, c.New))
		}
	}
	return out
}

// told are the transitions of alerts in the log after a time.
func (f *fleet) told(after time.Time) (out []alert.Event) {
	for _, e := range f.events() {
		if e.Kind == alert.KindAlert && e.Time.After(after) {
			out = append(out, e)
		}
	}
	return out
}

// untilTold waits until so many transitions were told, and returns them.
func (f *fleet) untilTold(after time.Time, n int, atMost time.Duration) []alert.Event {
	for start := time.Now(); len(f.told(after)) < n && time.Since(start) < atMost; {
		time.Sleep(time.Second)
	}
	return f.told(after)
}

// fault is a line of the matrix: what is wrong with the sick space, and whether
// people must hear of it.
type fault struct {
	name  string
	fault *camssim.Fault
	list  listing
	size  int      // the sick space's numbers; 0: sickNumbers
	tell  []string // what people must read; nil: nothing, the answers are as good as any
}

func refusal(code string, tell ...string) fault {
	return fault{name: code, fault: &camssim.Fault{Kind: camssim.Refuse, Code: code}, tell: append(tell, code)}
}

func broken(kind camssim.Kind, tell ...string) fault {
	return fault{name: string(kind), fault: &camssim.Fault{Kind: kind}, tell: tell}
}

func listed(name string, list listing, tell ...string) fault {
	return fault{name: name, list: list, tell: tell}
}

// each changes every number of a list.
func each(change func(n camssim.Number)) listing {
	return func(_ int, numbers []camssim.Number) []camssim.Number {
		for i := range numbers {
			n := camssim.Number{}
			for k, v := range numbers[i] {
				n[k] = v
			}
			change(n)
			numbers[i] = n
		}
		return numbers
	}
}

// repeated lists the first number once more.
func repeated(change func(n camssim.Number)) listing {
	return func(n int, numbers []camssim.Number) []camssim.Number {
		return append(numbers, each(change)(n, slices.Clone(numbers[:1]))...)
	}
}

const console = "compare with the cloud's console"

// matrix has a line for each fault of one space.
var matrix = []fault{
	refusal("System.LimitControl"), refusal("Throttling.User"), refusal("Throttling.Api"),
	refusal("InternalError"), refusal("ServiceUnavailable"),
	refusal("Unknown.ResourceOwnerId", "check the space's CustSpaceId"), refusal("InvalidParameter", "check the space's CustSpaceId"),
	refusal("InvalidTimeStamp.Expired", "set this machine's clock"), refusal("SignatureNonceUsed", "sends requests twice"),
	refusal("NoPermission", "grant the RAM user"), refusal("Product.Unsubscript", "subscribe"), refusal("InvalidAccessKeyId.NotFound", "access key"),
	{name: "429", fault: &camssim.Fault{Kind: camssim.EmptyError, Status: 429}, tell: []string{"HTTP 429"}},
	{name: "429 with a wait", fault: &camssim.Fault{Kind: camssim.Throttled, RetryAfter: 7 * time.Second}, tell: []string{"Throttling.User"}},
	{name: "503", fault: &camssim.Fault{Kind: camssim.EmptyError, Status: 503}, tell: []string{"HTTP 503"}},
	{
		name:  "503 with a wait",
		fault: &camssim.Fault{Kind: camssim.Refuse, Code: "ServiceUnavailable", Status: 503, RetryAfter: 7 * time.Second},
		tell:  []string{"HTTP 503", "ServiceUnavailable"},
	},
	{name: "an answer after 9 s", fault: &camssim.Fault{Latency: 9 * time.Second}},
	{name: "no answer", fault: &camssim.Fault{Latency: time.Hour}, tell: []string{"no answer within 10s", "check the network"}},
	broken(camssim.EmptyError, "HTTP 500"), broken(camssim.BadGateway, "HTTP 502", "text/html"),
	{name: "HTML with 200", fault: &camssim.Fault{Kind: camssim.BadGateway, Status: 200}, tell: []string{"text/html", "does not parse"}},
	broken(camssim.DropBefore, "EOF"), broken(camssim.DropAfter, "EOF"),
	broken(camssim.Truncated, "unexpected EOF"), broken(camssim.CutJSON, "does not parse"), broken(camssim.EmptyAnswer, "0 bytes"),
	{name: "too large", fault: &camssim.Fault{Kind: camssim.Oversize, Bytes: 17 << 20}, tell: []string{"larger than 16 MiB"}},
	broken(camssim.NotSuccess, "Success is false"), broken(camssim.NumericCode, "200"), broken(camssim.NoList, "without the list"),
	broken(camssim.StringSuccess), broken(camssim.DetailObject), broken(camssim.NullEntries), broken(camssim.RepeatAlike),
	broken(camssim.RepeatUnlike, "twice, with different values"), broken(camssim.EmptyList, "the list is empty", console),

	listed("null members", each(func(n camssim.Number) { n["Status"], n["QualityRating"] = camssim.Null, camssim.Null })),
	listed("absent members", each(func(n camssim.Number) { delete(n, "Status"); delete(n, "UpQueue") })),
	listed("numeric members", each(func(n camssim.Number) { n["PhoneNumber"] = camssim.JSON(n["PhoneNumber"]) })),
	listed("truth values", each(func(n camssim.Number) { n["IsOfficial"] = camssim.JSON("false") })),
	listed("numbers with a plus", each(func(n camssim.Number) { n["PhoneNumber"] = "+" + n["PhoneNumber"] })),
	listed("numbers in groups", each(func(n camssim.Number) { n["PhoneNumber"] = n["PhoneNumber"][:1] + " 201-" + n["PhoneNumber"][4:] })),
	listed("numbers with a prefix", each(func(n camssim.Number) { n["PhoneNumber"] = "00" + n["PhoneNumber"] }), "30 others are new", console),
	listed("the same number twice", repeated(func(camssim.Number) {})),
	listed("the same number twice, unlike", repeated(func(n camssim.Number) { n["Status"] = "BANNED" }), "twice, with different values"),
	listed("another order each time", func(n int, numbers []camssim.Number) []camssim.Number {
		rand.New(rand.NewPCG(1, uint64(n))).Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		return numbers
	}),
	listed("more than half missing", func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:14] }, "lacks 16 of 30", console),
	listed("some missing", func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:20] }),
	{
		name: "cut to 100", size: 250, tell: []string{"lacks 150 of 250", console},
		list: func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:100] },
	},
	{name: "2,500 numbers", size: 2500, list: func(_ int, numbers []camssim.Number) []camssim.Number { return numbers }},
}

// Each fault of one space, beside twenty that are well: these keep their polls, no
// number changes, people hear of it within three polls, and within two of its end.
func TestAFaultOfOneSpace(t *testing.T) {
	for i, line := range matrix {
		if testing.Short() && i%6 != 0 {
			continue // the race detector sees the same code in each
		}
		t.Run(line.name, func(t *testing.T) {
			t.Parallel()
			size := line.size
			if size == 0 {
				size = sickNumbers
			}
			inFleet(t, size, func(f *fleet) { line.run(f) })
		})
	}
}

func (l *fault) run(f *fleet) {
	time.Sleep(sickFor / 4)
	before, began := f.changes(), time.Now()
	usual := 4 * f.polledWell(began.Add(-sickFor/4), began)
	end := func() {}
	if l.fault != nil {
		wrong := *l.fault
		wrong.Space = sick.ID
		end = f.cloud.Inject(wrong)
	}
	if l.list != nil {
		f.lists(l.list)
	}
	time.Sleep(sickFor)
	require.GreaterOrEqual(f, float64(f.polledWell(began, time.Now())), 0.95*float64(usual), "those that are well are polled as ever")
	require.Equal(f, before, f.changes(), "a fault is no change")
	told := f.told(began)
	if l.tell == nil {
		require.Empty(f, told)
		require.Empty(f, f.poller.Status().Failing)
	} else {
		l.isTold(f, told, began)
	}

	end()
	if l.list != nil {
		f.lists(nil)
	}
	ended := time.Now()
	if l.tell != nil {
		again := f.untilTold(ended, 1, 2*time.Hour)
		require.Len(f, again, 1)
		require.Equal(f, alert.WasResolved, again[0].Alert.Transition)
		require.LessOrEqual(f, f.polled(sick.ID, ended, again[0].Time), 2, "it is told at once that all is well")
	}
	time.Sleep(time.Minute)
	require.Equal(f, before, f.changes(), "nor is its end")
	require.Empty(f, f.poller.Status().Failing)
}

// isTold wants one alert of the sick space, in time and with what to do.
func (l *fault) isTold(f *fleet, told []alert.Event, began time.Time) {
	require.Len(f, told, 1)
	opened := told[0].Alert
	require.Equal(f, alert.Opened, opened.Transition)
	require.Equal(f, "space-blind", opened.Rule)
	require.Equal(f, phone.Subject{Account: "main", Space: sick.ID}, opened.Subject)
	require.LessOrEqual(f, f.polled(sick.ID, began, told[0].Time), 3, "three polls are enough")
	require.Contains(f, opened.Summary.Plain(), "Customer sick")
	for _, part := range l.tell {
		require.Contains(f, opened.Summary.Plain()+opened.Action.Plain(), part)
	}
	failing := f.poller.Status().Failing
	require.Len(f, failing, 1)
	require.Equal(f, sick, failing[0].Space)
	require.False(f, strings.HasSuffix(opened.Action.Plain(), ": "))
}

// A number that goes to another space and comes back is reported as moved, and never
// as missing.
func TestANumberThatMovesAndComesBack(t *testing.T) {
	inFleet(t, 3, func(f *fleet) {
		known, began := len(f.changes()), time.Now()
		f.lists(func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[1:] })
		require.NoError(f, f.cloud.SetNumber("main", "well-1", f.numbers[0]))
		time.Sleep(sickFor)
		require.Equal(f, []string{"main/well-1/12015550000 Number →APPEARED"}, f.changes()[known:])
		require.Equal(f, "sick", f.events()[len(f.events())-2].Change.MovedFrom)
		f.lists(nil)
		require.NoError(f, f.cloud.RemoveNumber("main", "well-1", "12015550000"))
		time.Sleep(15 * time.Minute)
		require.Equal(f, []string{"main/well-1/12015550000 Number APPEARED→MOVED"}, f.changes()[known+1:])
		for _, e := range f.told(began) {
			require.Equal(f, "number-appeared", e.Alert.Rule)
		}
	})
}

// What is wrong with every space is one alert, of the account. Its end is told with
// the first answer, and the pace comes back as docs/benchmarks.md says.
func TestAFaultOfTheWholeAccount(t *testing.T) {
	for _, line := range []struct {
		fault camssim.Fault
		lasts time.Duration
		tell  string // "": too short to be told
		known time.Duration
	}{
		{camssim.Fault{Kind: camssim.BadGateway}, 2 * time.Minute, "HTTP 502", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.DropBefore}, 2 * time.Minute, "EOF", 5 * time.Minute},
		{camssim.Fault{Latency: time.Hour}, 3 * time.Minute, "no answer within 10s", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "NoPermission"}, 20 * time.Minute, "grant the RAM user", 10 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "InvalidAccessKeyId.Inactive"}, 2 * time.Minute, "access key", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Throttled}, time.Minute, "", 0},
	} {
		t.Run(string(line.fault.Kind)+line.fault.Code, func(t *testing.T) {
			t.Parallel()
			inFleet(t, 3, func(f *fleet) {
				before, began := f.changes(), time.Now()
				end := f.cloud.Inject(line.fault)
				time.Sleep(line.lasts)
				end()
				ended := time.Now()
				told := f.told(began)
				require.Equal(f, before, f.changes())
				if line.tell == "" {
					require.Empty(f, told)
				} else {
					require.Len(f, told, 1)
					require.Equal(f, "account-blind", told[0].Alert.Rule)
					require.Equal(f, phone.Subject{Account: "main"}, told[0].Alert.Subject)
					require.Contains(f, told[0].Alert.Summary.Plain()+told[0].Alert.Action.Plain(), line.tell)
					again := f.untilTold(ended, 1, line.known)
					require.Len(f, again, 1)
					require.Equal(f, alert.WasResolved, again[0].Alert.Transition)
				}
				time.Sleep(time.Until(ended.Add(150 * time.Second)))
				if line.fault.Code != "NoPermission" { // which is tried every ten minutes
					require.GreaterOrEqual(f, f.poller.Status().Pace, pace/2)
				}
				time.Sleep(time.Until(ended.Add(10 * time.Minute)))
				require.GreaterOrEqual(f, f.poller.Status().Pace, 0.98*pace)
				require.Equal(f, before, f.changes())
				for i := range well {
					require.Positive(f, f.polled(fmt.Sprint("well-", i), time.Now().Add(-30*time.Second), time.Now()))
				}
			})
		})
	}
}
