package backtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/rules"
	"numwatch/store"
)

const header = `
version: 1
defaults: {notify: [ops]}
channels:
  ops: {slack: "#wa-ops"}
  oncall: {slack: "#wa-oncall", where: 'Severity == "critical"'}
  gold: {slack: C0000000001, where: 'Labels.tier == "gold"'}
mute_times:
  nights: {times: ["22:00-07:00"]}
rules:
`

// everyKind is a rule of each kind.
const everyKind = header + `
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}", notify: [oncall, gold]}
  - {name: yellow, on: QualityRating, to: [YELLOW], for: 20m, severity: warning, summary: "{PhoneNumber} is {New}", mute: [nights]}
  - {name: blocked, on: Status, to: [RESTRICTED, BANNED], severity: critical, summary: "{PhoneNumber} is {New}", escalate: {after: 30m, to: [oncall]}}
  - {name: limit, on: MessagingLimitTier, direction: worse, severity: warning, summary: "{PhoneNumber}: {New}", inhibited_by: [blocked]}
  - {name: standing, on: QualityRating, to: [RED], where: 'Status == "CONNECTED"', severity: high, summary: "{PhoneNumber}"}
  - {name: renamed, on: VerifiedName, once: true, severity: info, summary: "{PhoneNumber} is {New}"}
  - {name: missing, on: Number, to: [MISSING], severity: high, summary: "{PhoneNumber} is gone"}
  - {name: appeared, on: Number, to: [APPEARED], once: true, where: "not Baseline", severity: info, summary: "{PhoneNumber}"}
  - {name: blind, on: Poll, to: [FAILING, DENIED], severity: high, summary: "{Space} is {New}: {Code}"}
  - {name: parked, on: Sink, to: [PARKED], severity: high, summary: "{Part} is {New}"}
`

func parse(t testing.TB, text string) *rules.Set {
	t.Helper()
	set, err := rules.Parse("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

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

// nobody is a board that shows nothing.
type nobody struct{}

func (nobody) Update([]alert.Alert)     {}
func (nobody) BaselineDone(string)      {}
func (nobody) Notice(string)            {}
func (nobody) Channels([]rules.Channel) {}

// life is a bot on a real store, in a time of its own, whose fleet does what
// chance wants.
type life struct {
	t     testing.TB
	rand  *rand.Rand
	now   time.Time
	loop  *watch.Loop
	store *store.Store
	cloud map[phone.SpaceKey]map[string]phone.Number
	polls int
}

// newLife starts a bot; it ends with the test.
func newLife(t testing.TB, set *rules.Set, seed uint64) *life {
	t.Helper()
	l := &life{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: monday, cloud: map[phone.SpaceKey]map[string]phone.Number{}}
	var err error
	l.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	l.loop, err = watch.New(watch.Options{
		Store: l.store, Rules: set, Directory: watch.NewDirectory(), Board: nobody{}, Wake: func() {},
		Diff: diff.Options{MissingAfter: 2, MissingFor: time.Minute}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return l.now },
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
	require.NoError(t, l.loop.SetSpaces(ctx, "main", spaces))
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
	_, err := l.loop.Deliver(context.Background(), poller.Result{Space: k, Snapshot: snap, At: l.now})
	require.NoError(l.t, err)
}

func (l *life) fail(k phone.SpaceKey, code string) {
	_, err := l.loop.Deliver(context.Background(), poller.Result{Space: k, Err: poller.Refused(k, 503, code, ""), At: l.now})
	require.NoError(l.t, err)
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
		report := &alert.SinkReport{Part: "slack:ops", Value: pick(l.rand, phone.OK, phone.Parked), Code: "x", At: l.now}
		require.NoError(l.t, l.loop.Keep(context.Background(), alert.Receipt{Sink: report}))
	case what == 3:
		rest := spaces[:2+l.rand.IntN(2)]
		require.NoError(l.t, l.loop.SetSpaces(context.Background(), "main", rest))
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

func turns() int {
	if testing.Short() {
		return 60
	}
	return 150
}

// said lists the transitions that the log tells, as the tally counts them.
func said(events []alert.Event) map[alert.Key][]time.Time {
	openings := map[alert.Key][]time.Time{}
	for _, e := range events {
		if e.Kind == alert.KindAlert && (e.Alert.Transition == alert.Opened || e.Alert.Transition == alert.Reopened) {
			openings[e.Alert.Key()] = append(openings[e.Alert.Key()], e.Time)
		}
	}
	return openings
}

func TestAReplayJudgesAsTheLoopDid(t *testing.T) {
	for seed := range uint64(3) {
		events, until := lived(t, seed, turns())
		r := New(Options{Rules: parse(t, everyKind), Space: spaceOf})
		r.Feed(events)
		report := r.Report(until)
		want, got := said(events), r.tally.openings
		require.Len(t, got, len(want))
		for k, times := range want {
			require.Len(t, got[k], len(times), "%v", k)
			for i := range times {
				require.WithinDuration(t, times[i], got[k][i], 0, "opening %d of %v", i, k)
			}
		}
		counts := map[string]map[alert.Transition]int{}
		for _, e := range events {
			if e.Kind == alert.KindAlert {
				if counts[e.Alert.Rule] == nil {
					counts[e.Alert.Rule] = map[alert.Transition]int{}
				}
				counts[e.Alert.Rule][e.Alert.Transition]++
			}
		}
		for _, c := range report.Rules {
			n := counts[c.Rule]
			require.Equal(t, [5]int{n[alert.Opened], n[alert.Reopened], n[alert.GotWorse], n[alert.WasResolved], n[alert.WasEnded]},
				[5]int{c.Opened, c.Reopened, c.Worse, c.Resolved, c.Ended}, c.Rule)
			require.Positive(t, c.Opened, "the life shows nothing of %s", c.Rule)
		}
	}
}

func TestALogInPiecesGivesTheSame(t *testing.T) {
	events, until := lived(t, 7, turns())
	set := parse(t, everyKind)
	since := monday.Add(24 * time.Hour)
	replay := func(piece func() int) string {
		r := New(Options{Name: "r", Rules: set, Space: spaceOf, Since: since})
		for rest := events; len(rest) > 0; {
			n := min(piece(), len(rest))
			r.Feed(rest[:n])
			rest = rest[n:]
		}
		b, err := json.Marshal(r.Report(until))
		require.NoError(t, err)
		return string(b)
	}
	whole := replay(func() int { return len(events) })
	require.Contains(t, whole, `"messages":`)
	require.Equal(t, whole, replay(func() int { return 1 }))
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 2))
		require.Equal(t, whole, replay(func() int { return 1 + random.IntN(50) }))
	}
}

// event makes an event of a number's change.
func event(seq uint64, at time.Time, number string, f phone.Field, from, to string) alert.Event {
	n := phone.Number{PhoneNumber: number}
	n.Set(phone.Status, "CONNECTED")
	n.Set(f, to)
	return alert.Event{Seq: seq, Time: at, Kind: alert.KindChange, Change: phone.Change{
		Subject: phone.SubjectOf(spaces[0].SpaceKey, number), Field: f, Old: from, New: to,
		Direction: f.Direction(from, to), SeenAt: at, RequestId: at.String(), Number: &n,
	}}
}

const onlyRed = header + `
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}"}
`

func TestMessagesAreGroupedAsTheBoardDoes(t *testing.T) {
	r := New(Options{Rules: parse(t, onlyRed), Space: spaceOf})
	var events []alert.Event
	add := func(at time.Time, number, from, to string) {
		events = append(events, event(uint64(len(events)+1), at, number, phone.QualityRating, from, to))
	}
	for n := range 5 { // one poll: one message
		add(monday, fmt.Sprintf("86%d", n), "GREEN", "RED")
	}
	add(monday.Add(time.Hour), "860", "RED", "GREEN")               // a reply
	add(monday.Add(80*time.Minute), "860", "GREEN", "RED")          // reopened: an edit only
	add(monday.Add(90*time.Minute), "860", "RED", "GREEN")          // a reply
	add(monday.Add(5*time.Hour), "860", "GREEN", "RED")             // a new message
	add(monday.Add(5*time.Hour+time.Minute), "869", "GREEN", "RED") // another
	r.Feed(events)
	report := r.Report(monday.Add(6 * time.Hour))
	require.Equal(t, 8, report.Alerts)
	require.Equal(t, 3, report.Messages)
	require.Equal(t, 2, report.Replies)
	red := report.Rules[0]
	require.Equal(t, RuleCount{
		Rule: "red", Opened: 7, Reopened: 1, Resolved: 2, Open: 6, Messages: 3, Replies: 2,
		Channels: map[string]int{"ops": 3},
	}, red)
	require.Equal(t, "#wa-ops", report.Channels[2].Title())
	require.Equal(t, "gold", report.Channels[0].Title(), "an id says nothing to people")
	require.Equal(t, []Flap{{
		Rule: "red", Subject: events[0].Change.Subject, Field: phone.QualityRating, Openings: 3, Most: 3, From: monday,
	}}, report.Flapping)
	require.Equal(t, "860", report.Noisiest[0].Subject.PhoneNumber)
}

func TestAStormIsFoldedInAFullChannel(t *testing.T) {
	r := New(Options{Rules: parse(t, onlyRed)})
	var events []alert.Event
	for n := range 100 { // a poll each, ten a second
		at := monday.Add(time.Duration(n) * 100 * time.Millisecond)
		events = append(events, event(uint64(n+1), at, fmt.Sprintf("86%d", n), phone.QualityRating, "GREEN", "RED"))
	}
	r.Feed(events)
	report := r.Report(monday.Add(time.Hour))
	require.Equal(t, 100, report.Alerts)
	require.Less(t, report.Messages, 15, "what waits for the channel is one message")
}

func TestWhatCameBeforeCountsForNothing(t *testing.T) {
	events := []alert.Event{
		event(1, monday, "861", phone.QualityRating, "GREEN", "RED"),
		event(2, monday.Add(48*time.Hour), "862", phone.QualityRating, "GREEN", "RED"),
		event(3, monday.Add(49*time.Hour), "861", phone.QualityRating, "RED", "GREEN"),
	}
	r := New(Options{Rules: parse(t, onlyRed), Since: monday.Add(24 * time.Hour)})
	r.Feed(events)
	report := r.Report(monday.Add(50 * time.Hour))
	require.Equal(t, 1, report.Alerts)
	require.Equal(t, 1, report.Messages)
	require.Equal(t, 1, report.Replies, "the end of what opened before")
	require.Equal(t, 2, report.Events)
	require.Len(t, report.Days, 2)
}

func TestDifference(t *testing.T) {
	before := parse(t, header+`
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "x"}
`)
	after := parse(t, strings.ReplaceAll(header, "#wa-ops", "#wa-all")+`
  - {name: yellow, on: QualityRating, to: [YELLOW, RED], severity: critical, summary: "x"}
`)
	a, b := New(Options{Rules: before}), New(Options{Rules: after})
	for n := range 50 {
		at := monday.Add(time.Duration(n) * time.Hour)
		e := []alert.Event{event(1, at, fmt.Sprint(n), phone.QualityRating, "GREEN", pick(rand.New(rand.NewPCG(uint64(n), 0)), "YELLOW", "YELLOW", "RED"))}
		a.Feed(e)
		b.Feed(e)
	}
	until := monday.Add(50 * time.Hour)
	d := Differ(a.Report(until), b.Report(until))
	require.Equal(t, 50, d.After)
	require.Len(t, d.Lines, 2)
	require.Equal(t, "yellow: 0 → 50 messages in #wa-all", d.Lines[0].String())
	require.True(t, d.Large())
	require.Contains(t, d.String(), "in the last 2 days the new rules would have sent 50 messages, the old ones")
	same := Differ(a.Report(until), a.Report(until))
	require.False(t, same.Large())
	require.Contains(t, same.String(), "as much as the old ones")

	for _, c := range []struct {
		before, after int
		large         bool
	}{{0, 19, false}, {0, 20, true}, {5, 25, true}, {6, 29, false}, {100, 499, false}, {100, 500, true}, {500, 1, false}} {
		l := Line{Before: c.before, After: c.after}
		require.Equal(t, c.large, l.Large(), "%v", c)
	}
}

func TestThePageNeedsNothingElseAndEscapes(t *testing.T) {
	events, until := lived(t, 3, 60)
	set := parse(t, everyKind)
	one, two := New(Options{Name: "<script>alert(1)</script>\u202e", Rules: set, Space: spaceOf}), New(Options{Name: "new.yaml", Rules: parse(t, onlyRed)})
	one.Feed(events)
	two.Feed(events)
	for _, reports := range [][]*Report{{one.Report(until)}, {one.Report(until), two.Report(until)}, {New(Options{Name: "empty", Rules: set}).Report(monday)}} {
		var b bytes.Buffer
		require.NoError(t, WriteHTML(&b, reports...))
		html := b.String()
		require.NotContains(t, html, "<script")
		require.NotContains(t, html, "<b>&")
		require.NotContains(t, html, "\u202e")
		require.NotContains(t, html, "NaN")
		require.NotContains(t, html, "Inf")
		require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)\s*=|url\(|@import|https?://`), html)
	}
}

func TestAnEmptyLogGivesAnEmptyReport(t *testing.T) {
	r := New(Options{Rules: parse(t, everyKind), Since: monday})
	report := r.Report(monday.Add(time.Hour))
	require.Zero(t, report.Alerts)
	require.Len(t, report.Rules, 10)
	require.Len(t, report.Days, 1)
}

func BenchmarkReplay(b *testing.B) {
	events, until := lived(b, 1, 400)
	set := parse(b, everyKind)
	for b.Loop() {
		r := New(Options{Rules: set, Space: spaceOf})
		r.Feed(events)
		r.Report(until)
	}
	b.ReportMetric(float64(len(events))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
