package explain_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/rulelab/explain"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const rulesFile = `
version: 1
defaults: {notify: ops}
channels:
  ops: {slack: C0123456789}
  gold: {slack: C1123456789, where: 'Labels.tier == "gold"'}
rules:
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: "{New}", notify: gold}
  - {name: routing, on: UpCallbackUrl, once: true, severity: high, summary: "{New}"}
`

var (
	start   = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	space   = phone.SpaceKey{Account: "main", ID: "293"}
	subject = phone.SubjectOf(space, "8613800001111")
)

// bot is one number of a real store, judged by rules as the loop does it.
type bot struct {
	t      *testing.T
	store  *store.Store
	set    *rules.Set
	state  *rules.State
	number phone.Number
	now    time.Time
}

func newBot(t *testing.T) *bot {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "numwatch.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	b := &bot{t: t, store: s, set: parse(t, rulesFile), state: rules.NewState(nil), number: phone.Number{PhoneNumber: subject.PhoneNumber}, now: start}
	b.number.Set(phone.QualityRating, "GREEN")
	b.number.Set(phone.UpCallbackUrl, "https://a.example/?token=s3cret")
	return b
}

func parse(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, err := rulefile.Load("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

// see lets a minute pass and a field get a value; it returns the sequence of the
// change.
func (b *bot) see(f phone.Field, v string, messages ...alert.Message) uint64 {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	c := phone.Change{Subject: subject, Field: f, Old: b.number.Get(f), New: v, Direction: f.Direction(b.number.Get(f), v), SeenAt: b.now, RequestId: "R"}
	b.number.Set(f, v)
	n := b.number
	c.Number = &n
	first := b.store.LastSeq() + 1
	commit := &store.Commit{
		Events:      []alert.Event{{Seq: first, Time: b.now, Kind: alert.KindChange, Change: c}},
		SpaceStates: []phone.SpaceState{{Space: space, Numbers: []phone.TrackedNumber{{Number: n}}, At: b.now}},
		Messages:    messages,
	}
	b.judge(rules.Seen{Space: phone.Space{SpaceKey: space}, Changes: []phone.Change{c}}, commit)
	return first
}

// judge commits what the rules make of an input, beside what is there already.
func (b *bot) judge(in rules.Input, commit *store.Commit) {
	b.t.Helper()
	for _, a := range b.set.Step(b.state, in, b.now) {
		b.state.Apply(a)
		if rules.Unsaid(&a) {
			commit.DropAlerts = append(commit.DropAlerts, a.ID)
			continue
		}
		commit.Alerts = append(commit.Alerts, a)
		if a.State != alert.Pending {
			seq := b.store.LastSeq() + uint64(len(commit.Events)) + 1
			commit.Events = append(commit.Events, alert.Event{Seq: seq, Time: b.now, Kind: alert.KindAlert, Change: a.Change, Alert: &a})
		}
	}
	require.NoError(b.t, b.store.Commit(commit))
}

// wait lets time pass and the rules know of it; it returns the sequence of the
// last event.
func (b *bot) wait(d time.Duration) uint64 {
	b.t.Helper()
	b.now = b.now.Add(d)
	b.judge(rules.Tick{}, &store.Commit{})
	return b.store.LastSeq()
}

func (b *bot) explainer(text string) *explain.Explainer {
	return &explain.Explainer{History: b.store, Rules: parse(b.t, text), Space: func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k} }}
}

func (b *bot) open() alert.Alert {
	b.t.Helper()
	alerts, err := b.store.Alerts()
	require.NoError(b.t, err)
	require.NotEmpty(b.t, alerts)
	return alerts[0]
}

func TestExplainChange(t *testing.T) {
	b := newBot(t)
	seq := b.see(phone.QualityRating, "RED")
	b.see(phone.UpCallbackUrl, "https://b.example/?token=s3cret")
	back := b.see(phone.QualityRating, "GREEN")

	x := b.explainer(rulesFile)
	c, err := x.Event("1")
	require.NoError(t, err)
	require.Equal(t, subject, c.Subject)
	require.Equal(t, seq, uint64(1))
	require.Len(t, c.Decisions, 2)
	require.Equal(t, "opened", c.Decisions[0].Result)
	require.Equal(t, []rules.ChannelVerdict{{Channel: "gold", Text: `Labels.tier == "gold" is false: Labels.tier is empty`}, {Channel: "ops", Notified: true}}, c.Decisions[0].Channels)
	require.Equal(t, explain.Silent, c.Decisions[1].Result)
	require.Len(t, c.Log, 1)
	require.Equal(t, alert.Opened, c.Log[0].Transition)
	require.True(t, c.Log[0].Notified)
	require.Empty(t, c.Differences)

	// The alert that the change opened was open when the value went back.
	c, err = x.Event(fmt.Sprintf("%s-%d", b.store.Epoch(), back))
	require.NoError(t, err)
	require.Equal(t, "resolved", c.Decisions[0].Result)
	require.Empty(t, c.Differences)

	other := b.explainer(`{version: 1, rules: [{name: green, on: QualityRating, to: [RED], severity: high, summary: x}]}`)
	c, err = other.Event("2") // the alert's own event: the same turn
	require.NoError(t, err)
	require.Equal(t, []string{
		"green on QualityRating: nothing then, opened with the current rules",
		"red on QualityRating: opened then, nothing with the current rules",
	}, c.Differences)
}

// An alert of a rule with `for` opens as time passes: what it goes back to is the
// change with which the wait began.
func TestExplainWhatOpenedLater(t *testing.T) {
	const patient = `{version: 1, defaults: {notify: ops}, channels: {ops: {slack: C0123456789}}, rules: [
  {name: bad, on: QualityRating, to: [YELLOW, RED], from: [GREEN], for: 10m, severity: high, summary: x},
  {name: red, on: QualityRating, to: [RED], severity: high, summary: x},
  {name: slow, on: QualityRating, to: [YELLOW, RED], for: 2h, severity: high, summary: x}]}`
	b := newBot(t)
	b.set = parse(t, patient)
	began := b.see(phone.QualityRating, "RED")
	opened := b.wait(10 * time.Minute)
	require.Equal(t, began+2, opened, "red opened with the change, bad with the time")
	x := b.explainer(patient)
	check := func(c *explain.Change, result, text string) {
		t.Helper()
		require.Equal(t, "bad", c.Decisions[0].Rule)
		require.Equal(t, []string{result, text}, []string{c.Decisions[0].Result, c.Decisions[0].Text})
		require.Equal(t, []rules.ChannelVerdict{{Channel: "ops", Notified: true}}, c.Decisions[0].Channels)
		require.Equal(t, "opened", c.Decisions[1].Result, "as the change was seen")
		require.Equal(t, "pending", c.Decisions[2].Result)
	}
	event := func(x *explain.Explainer, seq uint64) *explain.Change {
		t.Helper()
		c, err := x.Event(fmt.Sprint(seq))
		require.NoError(t, err)
		return c
	}
	c := event(x, opened)
	check(c, "opened", "QualityRating is RED: the condition has held for 10m")
	require.Len(t, c.Log, 2)
	require.Empty(t, c.Differences)
	c = event(x, began)
	check(c, "pending", "QualityRating is RED: notifies if it is still so in 10m")
	require.Empty(t, c.Differences)

	longer := strings.Replace(patient, "for: 10m", "for: 1h", 1)
	require.Equal(t, []string{"bad on QualityRating: opened then, pending with the current rules"}, event(b.explainer(longer), opened).Differences)
	stored, err := b.store.Alerts()
	require.NoError(t, err)
	bad := slices.IndexFunc(stored, func(a alert.Alert) bool { return a.Rule == "bad" })
	a, err := x.AlertByID(stored[bad].ID)
	require.NoError(t, err)
	check(a.Opening, "opened", "QualityRating is RED: the condition has held for 10m")
	require.Empty(t, a.Opening.Differences)

	// The value went on while it waited.
	b.see(phone.QualityRating, "GREEN")
	b.wait(2 * time.Hour)
	b.see(phone.QualityRating, "YELLOW")
	b.wait(8 * time.Minute)
	b.see(phone.QualityRating, "RED")
	c = event(x, b.wait(time.Minute))
	require.Equal(t, "opened", c.Decisions[0].Result)
	require.Equal(t, "QualityRating is YELLOW: the condition has held for 10m", c.Decisions[0].Text)
	require.Equal(t, "YELLOW", c.Changes[0].New)
	require.Empty(t, c.Differences)

	// A drill is no judgement.
	drill, ok := b.set.Drill("bad", phone.Space{SpaceKey: space}, b.now)
	require.True(t, ok)
	last := b.store.LastSeq() + 1
	require.NoError(t, b.store.Commit(&store.Commit{Events: []alert.Event{{Seq: last, Time: b.now, Kind: alert.KindAlert, Change: drill.Change, Alert: &drill}}}))
	require.Empty(t, event(x, last).Differences)
}

func TestExplainWithoutTokens(t *testing.T) {
	b := newBot(t)
	b.see(phone.UpCallbackUrl, "https://b.example/?token=s3cret")
	x := b.explainer(rulesFile)
	c, err := x.Event("1")
	require.NoError(t, err)
	a, err := x.AlertByID(b.open().ID)
	require.NoError(t, err)
	n, err := x.Numbers(subject.PhoneNumber)
	require.NoError(t, err)
	raw, err := json.Marshal([]any{c, a, n})
	require.NoError(t, err)
	require.Contains(t, string(raw), "b.example")
	require.NotContains(t, string(raw), "s3cret")
}

func TestExplainAnAlertInADigest(t *testing.T) {
	b := newBot(t)
	b.see(phone.QualityRating, "RED")
	a, err := b.explainer(strings.ReplaceAll(rulesFile, "ops: {slack: ", "ops: {mode: digest, at: '09:00', slack: ")).AlertByID(b.open().ID)
	require.NoError(t, err)
	require.Contains(t, a.Silent, explain.Silence{Channel: "ops", Text: "it gets digests (09:00 UTC), and no message of its own"})
}

func TestExplainAlert(t *testing.T) {
	b := newBot(t)
	b.see(phone.QualityRating, "RED")
	id := b.open().ID
	x := b.explainer(rulesFile)
	a, err := x.AlertByID(id)
	require.NoError(t, err)
	require.Equal(t, alert.Firing, a.Alert.State)
	require.NotNil(t, a.Opening)
	require.Equal(t, []explain.Silence{
		{Channel: "gold", Text: `Labels.tier == "gold" is false: Labels.tier is empty`},
		{Channel: "ops", Text: "it waits to be posted"},
	}, a.Silent)

	b.see(phone.UpCallbackUrl, "", alert.Message{ID: "m-1", Channel: "ops", State: alert.Posted, At: b.now, Alerts: []alert.ShownAlert{{Alert: id, Revision: 1, NotifiedRevision: 1}, {Alert: "a-2"}}})
	a, err = x.AlertByID(id)
	require.NoError(t, err)
	require.Equal(t, []explain.Shown{{Channel: "ops", State: alert.Posted, At: start.Add(time.Minute), Others: 1, Current: true}}, a.Shown)
	require.Len(t, a.Silent, 1)

	held := b.open()
	held.HeldBy = []string{"mute:nights", "rule:banned", "silence:s-1"}
	require.NoError(t, b.store.Commit(&store.Commit{Alerts: []alert.Alert{held}}))
	a, err = x.AlertByID(held.ID)
	require.NoError(t, err)
	require.Equal(t, "mute time nights holds it back until it ends", a.Silent[0].Text)
	require.Equal(t, "rule banned fires for the same number, and holds it back (inhibited_by)", a.Silent[1].Text)
	require.Equal(t, "silence s-1 holds it back", a.Silent[2].Text)

	held.State, held.Transition = alert.Ended, alert.Opened
	require.NoError(t, b.store.Commit(&store.Commit{Alerts: []alert.Alert{held}}))
	a, err = x.AlertByID(held.ID)
	require.NoError(t, err)
	require.Equal(t, "it is a notice (once): nothing is open when the hold ends, so it is not shown then", a.Silent[3].Text)
}

func TestExplainNumber(t *testing.T) {
	b := newBot(t)
	b.see(phone.QualityRating, "RED")
	numbers, err := b.explainer(rulesFile).Numbers(subject.PhoneNumber)
	require.NoError(t, err)
	require.Len(t, numbers, 1)
	require.Equal(t, space, numbers[0].Space)
	require.Len(t, numbers[0].Alerts, 1)
	require.Equal(t, explain.Unchanged, numbers[0].Decisions[0].Result)
	require.Equal(t, explain.Silent, numbers[0].Decisions[1].Result)
	require.Len(t, numbers[0].Log, 1)

	// Rules that are new would open for what is there.
	numbers, err = b.explainer(`{version: 1, rules: [{name: new, on: QualityRating, to: [RED], severity: high, summary: x}]}`).Numbers(subject.PhoneNumber)
	require.NoError(t, err)
	require.Equal(t, "opened", numbers[0].Decisions[0].Result)
	numbers, err = b.explainer(rulesFile).Numbers("1")
	require.NoError(t, err)
	require.Empty(t, numbers)
}

// Of a number's past the last 20 records are shown.
func TestExplainNumberShowsTheLastRecords(t *testing.T) {
	b := newBot(t)
	for range 15 {
		b.see(phone.QualityRating, "RED")
		b.see(phone.QualityRating, "GREEN")
	}
	numbers, err := b.explainer(rulesFile).Numbers(subject.PhoneNumber)
	require.NoError(t, err)
	require.Len(t, numbers[0].Log, 20)
	require.Equal(t, b.now, numbers[0].Log[19].At, "the newest is the last")
}

func TestExplainWhatIsNotThere(t *testing.T) {
	b := newBot(t)
	x := b.explainer(rulesFile)
	_, err := x.Event("1")
	require.ErrorContains(t, err, "not 1")
	b.see(phone.QualityRating, "RED")
	require.NoError(t, b.store.Commit(&store.Commit{Events: []alert.Event{{Seq: 3, Time: b.now, Kind: alert.KindBot, Notice: &alert.Notice{Kind: "start"}}}}))
	for id, text := range map[string]string{
		"x": "is not an event id", "zzzzzz-1": "of another store", "3": "rules do not apply to it", "18446744073709551616": "is not an event id",
	} {
		_, err := x.Event(id)
		require.ErrorContains(t, err, text, id)
	}
	_, err = x.AlertByID("a-1")
	require.ErrorContains(t, err, "there is no alert a-1, neither in the log nor in the store")
}
