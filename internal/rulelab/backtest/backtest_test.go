package backtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
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
	set, err := rulefile.Load("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
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

func TestMessagesAreGroupedAsInSlack(t *testing.T) {
	r := New(Options{Rules: parse(t, onlyRed), Space: spaceOf})
	var events []alert.Event
	add := func(at time.Time, number, from, to string) {
		events = append(events, event(uint64(len(events)+1), at, number, phone.QualityRating, from, to))
	}
	for n := range 5 { // one poll: one message
		add(monday, fmt.Sprintf("86%d", n), "GREEN", "RED")
	}
	add(monday.Add(time.Hour), "860", "RED", "GREEN")               // a reply
	add(monday.Add(80*time.Minute), "860", "GREEN", "RED")          // reopened: a broadcast
	add(monday.Add(90*time.Minute), "860", "RED", "GREEN")          // a reply
	add(monday.Add(5*time.Hour), "860", "GREEN", "RED")             // a new message
	add(monday.Add(5*time.Hour+time.Minute), "869", "GREEN", "RED") // another
	r.Feed(events)
	report := r.Report(monday.Add(6 * time.Hour))
	require.Equal(t, 8, report.Alerts)
	require.Equal(t, 3, report.Messages)
	require.Equal(t, 1, report.Broadcasts)
	require.Equal(t, 2, report.Replies)
	red := report.Rules[0]
	require.Equal(t, RuleCount{
		Rule: "red", Opened: 7, Reopened: 1, Resolved: 2, Open: 6, Messages: 3, Broadcasts: 1, Replies: 2,
		Channels: map[string]int{"ops": 3},
	}, red)
	require.Equal(t, "#wa-ops", report.Channels[2].Title())
	require.Equal(t, "gold", report.Channels[0].Title(), "an id says nothing to people")
	require.Equal(t, []Flap{{
		Rule: "red", Subject: events[0].Change.Subject, Field: phone.QualityRating, Openings: 3, Most: 3, From: monday,
	}}, report.Flapping)
	require.Equal(t, "860", report.Noisiest[0].Subject.PhoneNumber)
}

// A channel that gets digests has one each day, whatever happens, and nothing else.
func TestDigestsAreCounted(t *testing.T) {
	r := New(Options{Since: monday, Space: spaceOf, Rules: parse(t, `
version: 1
channels: {ops: {slack: "#ops"}, day: {slack: "#day", mode: digest, at: "09:00"}}
rules: [{name: red, on: QualityRating, to: [RED], severity: high, notify: [ops, day], summary: x}]`)})
	for n := range 3 {
		r.Feed([]alert.Event{event(uint64(n+1), monday.Add(time.Duration(n)*time.Hour), fmt.Sprintf("86%d", n), phone.QualityRating, "GREEN", "RED")})
	}
	report := r.Report(monday.Add(72 * time.Hour))
	require.Equal(t, "day", report.Channels[0].Channel)
	require.Equal(t, []int{3, 0, 0, 1}, []int{report.Channels[0].Messages, report.Channels[0].Replies, report.Channels[0].Reminds, report.Channels[0].Most})
	require.Equal(t, 3, report.Channels[1].Messages)
	require.Equal(t, 6, report.Messages)
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

// A first sight is over half a minute after its last change: then its message is
// posted, so that what recovers later is a reply.
func TestAFirstSightIsShownWhenItIsOver(t *testing.T) {
	var events []alert.Event
	for n := range 3 { // polls of the first round, each within half a minute of the one before
		e := event(uint64(n+1), monday.Add(time.Duration(n)*20*time.Second), fmt.Sprintf("86%d", n), phone.QualityRating, "", "RED")
		e.Change.Baseline = true
		events = append(events, e)
	}
	events = append(events, event(4, monday.Add(90*time.Second), "860", phone.QualityRating, "RED", "GREEN"))
	r := New(Options{Rules: parse(t, onlyRed), Space: spaceOf})
	r.Feed(events)
	report := r.Report(monday.Add(time.Hour))
	require.Equal(t, 1, report.Messages, "one message for the round")
	require.Equal(t, 1, report.Replies)
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
		if reports[0].Alerts > 0 {
			require.Contains(t, html, "<h2>Rules")
			require.Contains(t, html, "<td>red</td>")
		}
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
