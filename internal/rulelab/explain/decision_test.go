package explain_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/rulelab/explain"
	"numwatch/phone"
	"numwatch/rules"
)

// testbed is one number of one space, watched by a set of rules.
type testbed struct {
	t      *testing.T
	set    *rules.Set
	state  *rules.State
	now    time.Time
	space  phone.Space
	number phone.Number
}

func newTestbed(t *testing.T, text string) *testbed {
	t.Helper()
	w := &testbed{
		t: t, set: parse(t, text), state: rules.NewState(nil), now: start,
		space:  phone.Space{SpaceKey: space, Name: "Acme", Labels: map[string]string{"tier": "gold"}},
		number: phone.Number{PhoneNumber: subject.PhoneNumber},
	}
	w.number.Set(phone.Status, "CONNECTED")
	w.number.Set(phone.QualityRating, "GREEN")
	return w
}

// change gives a number the value, and returns what the rules see of it.
func (w *testbed) change(n *phone.Number, f phone.Field, to string) rules.Seen {
	old := n.Get(f)
	n.Set(f, to)
	after := *n
	return rules.Seen{Space: w.space, Changes: []phone.Change{{
		Subject: subject, Field: f, Old: old, New: n.Get(f), Direction: f.Direction(old, n.Get(f)), SeenAt: w.now, RequestId: "R", Number: &after,
	}}}
}

// see makes the change.
func (w *testbed) see(f phone.Field, to string) []alert.Alert {
	w.t.Helper()
	out := w.set.Step(w.state, w.change(&w.number, f, to), w.now)
	for _, a := range out {
		w.state.Apply(a)
	}
	return out
}

// explain decides over a change without making it.
func (w *testbed) explain(f phone.Field, to string) map[string]explain.Decision {
	w.t.Helper()
	n := w.number
	in := w.change(&n, f, to)
	out, decisions := explain.Decide(w.set, w.state, in, w.now)
	require.Equal(w.t, w.set.Step(w.state, in, w.now), out)
	fields, found := 0, map[string]explain.Decision{}
	for _, r := range w.set.Rules() {
		fields += len(r.On)
	}
	for _, d := range decisions {
		found[d.Rule+" "+d.Field.String()] = d
	}
	require.Len(w.t, found, fields, "every rule decides")
	return found
}

const header = `
version: 1
channels:
  ops: {slack: "#ops"}
  oncall: {slack: "#oncall", where: 'Severity == "critical"'}
rules:
`

func TestDecide(t *testing.T) {
	w := newTestbed(t, header+`
  - {name: red, on: QualityRating, to: [RED, YELLOW], severity: high, summary: x, notify: [ops, oncall]}
  - {name: fell, on: QualityRating, direction: worse, severity: high, summary: x}
  - {name: rose, on: QualityRating, direction: better, once: true, severity: high, summary: x}
  - {name: from-yellow, on: QualityRating, from: [YELLOW], severity: high, summary: x}
  - {name: silver, on: QualityRating, to: [RED], where: 'Labels.tier == "silver" && Status == "CONNECTED"', severity: high, summary: x}
  - {name: banned, on: Status, to: [BANNED], severity: high, summary: x}
  - {name: slow, on: QualityRating, to: [RED], for: 1h, severity: high, summary: x}
  - {name: connected, on: [Status, NameStatus], to: [CONNECTED], where: 'QualityRating == "RED"', severity: high, summary: x}
  - {name: moved, on: UpCallbackUrl, once: true, severity: high, summary: x}
`)
	is := func(d explain.Decision, result, clause, text string) {
		t.Helper()
		require.Equal(t, []string{result, clause, text}, []string{d.Result, d.Clause, d.Text})
		require.Equal(t, result == explain.Silent, d.Alert == nil)
	}
	d := w.explain(phone.QualityRating, "RED")
	is(d["red QualityRating"], "opened", "", "QualityRating is RED")
	require.Equal(t, []rules.ChannelVerdict{{Channel: "oncall", Text: `Severity == "critical" is false: Severity is high`}, {Channel: "ops", Notified: true}}, d["red QualityRating"].Channels)
	is(d["fell QualityRating"], "opened", "", "QualityRating is RED")
	is(d["rose QualityRating"], explain.Silent, "direction", "the change from GREEN to RED is worse, and direction is better")
	is(d["from-yellow QualityRating"], explain.Silent, "from", "QualityRating was GREEN, and from is YELLOW")
	is(d["silver QualityRating"], explain.Silent, "where", `Labels.tier == "silver" && Status == "CONNECTED" is false: Labels.tier is gold, Status is CONNECTED`)
	is(d["banned Status"], explain.Silent, "on", "Status did not change")
	is(d["slow QualityRating"], "pending", "for", "QualityRating is RED: notifies if it is still so in 1h")
	is(d["connected Status"], "opened", "", "Status is CONNECTED")
	is(d["connected NameStatus"], explain.Silent, "on", "NameStatus did not change")
	is(d["moved UpCallbackUrl"], explain.Silent, "on", "UpCallbackUrl did not change")
	is(w.explain(phone.Status, "PAUSED")["banned Status"], explain.Silent, "to", "Status is PAUSED, and to is BANNED")
	is(w.explain(phone.QualityRating, "UNKNOWN")["fell QualityRating"], explain.Silent, "to", "QualityRating is UNKNOWN, which says nothing: a rule without to opens on known values")
	w.number.Set(phone.UpCallbackUrl, "https://a/")
	require.NotContains(t, fmt.Sprint(w.explain(phone.UpCallbackUrl, "https://b.example/?token=s3cret")["moved UpCallbackUrl"].Text), "s3cret")

	w.see(phone.QualityRating, "RED")
	is(w.explain(phone.Status, "PAUSED")["red QualityRating"], explain.Unchanged, "", "QualityRating is RED")
	is(w.explain(phone.QualityRating, "YELLOW")["red QualityRating"], "better", "", "QualityRating is YELLOW")
	d = w.explain(phone.QualityRating, "GREEN")
	is(d["red QualityRating"], "resolved", "to", "QualityRating is GREEN, and to is RED, YELLOW")
	is(d["fell QualityRating"], "resolved", "to", "QualityRating is GREEN, and was GREEN before the alert opened")
	is(d["slow QualityRating"], explain.Silent, "to", "it was waiting for 1h, and the condition cleared: QualityRating is GREEN, and to is RED")
	is(w.explain(phone.QualityRating, "UNKNOWN")["red QualityRating"], explain.Unchanged, "value", "QualityRating is UNKNOWN, which says nothing: it neither opens nor closes")
	is(w.explain(phone.Status, "DELETED")["red QualityRating"], "ended", "life", "the number has left this space, and the rule is not about that")

	w.see(phone.QualityRating, "GREEN")
	w.now = w.now.Add(10 * time.Minute)
	is(w.explain(phone.QualityRating, "RED")["red QualityRating"], "reopened", "reopen_within",
		"QualityRating is RED: it closed 10m before, so its old message is reused")
	w.now = w.now.Add(2 * time.Hour)
	is(w.explain(phone.QualityRating, "RED")["red QualityRating"], "opened", "", "QualityRating is RED: the last one closed 2h10m before, longer than reopen_within")
}

func TestDecideOverANumberThatIsSeenForTheFirstTime(t *testing.T) {
	w := newTestbed(t, header+`
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: fell, on: QualityRating, direction: worse, severity: high, summary: x}
`)
	w.number.Set(phone.QualityRating, "RED")
	c := phone.Change{Subject: subject, Field: phone.Presence, New: phone.Appeared, SeenAt: w.now, Number: &w.number}
	_, decisions := explain.Decide(w.set, w.state, rules.Seen{Space: w.space, Changes: []phone.Change{c}}, w.now)
	require.Equal(t, explain.Silent, decisions[0].Result)
	require.Equal(t, "QualityRating is RED, but did not change to it now", decisions[0].Text)
	require.Equal(t, "opened", decisions[1].Result)
	out, decisions := explain.Decide(w.set, w.state, rules.Seen{}, w.now)
	require.Empty(t, out)
	require.Empty(t, decisions)
}

// Explaining changes nothing, and says nothing else than what happens.
func TestDecisionsAreWhatStepDoes(t *testing.T) {
	shipped, err := os.ReadFile("../../../rules.yaml")
	require.NoError(t, err)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newTestbed(t, string(shipped))
		for range 30 {
			w.now = w.now.Add(time.Duration(r.IntN(40)) * time.Minute)
			f := phone.Field(r.IntN(phone.NumberFields))
			values := append(f.Values(), "X", "https://x/")
			v := values[r.IntN(len(values))]
			if w.number.Get(f) == f.Canonical(v) {
				continue
			}
			decisions := w.explain(f, v)
			moved := map[string]alert.Transition{}
			for _, a := range w.see(f, v) {
				moved[a.Rule+" "+a.Field.String()] = a.Transition
			}
			for name, d := range decisions {
				if transition, ok := moved[name]; ok {
					require.Equal(t, transition.String(), d.Result, name)
				} else {
					require.Contains(t, []string{explain.Silent, explain.Unchanged}, d.Result, name)
				}
				require.NotEmpty(t, d.Text, name)
			}
		}
	}
}
