package rules_test

import (
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
channels:
  ops: {slack: "#ops"}
  gold: {slack: "#gold", where: 'Labels.tier == "gold"'}
  oncall: {slack: "#oncall", where: 'Severity == "critical"'}
`

func parse(t testing.TB, text string) *rules.Set {
	t.Helper()
	set, err := rulefile.Load("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

// testbed is one number of one space, watched by a set of rules.
type testbed struct {
	t      testing.TB
	set    *rules.Set
	st     *rules.State
	now    time.Time
	space  phone.Space
	number phone.Number
}

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// newTestbed has the rules (the list under `rules:`) watch a number that is well.
func newTestbed(t testing.TB, list string) *testbed {
	t.Helper()
	w := &testbed{
		t: t, set: parse(t, header+"rules:\n"+list), st: rules.NewState(nil), now: start,
		space:  phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "293"}, Name: "Acme", Labels: map[string]string{"tier": "gold"}},
		number: phone.Number{PhoneNumber: "8613800001111"},
	}
	w.number.Set(phone.VerifiedName, "Acme Shop")
	w.number.Set(phone.Status, "CONNECTED")
	w.number.Set(phone.QualityRating, "GREEN")
	w.number.Set(phone.StatusCallbackUrl, "https://a.example/cb?token=s3cret")
	return w
}

func (w *testbed) step(in rules.Input) []alert.Alert {
	w.t.Helper()
	out := w.set.Step(w.st, in, w.now)
	for _, a := range out {
		w.st.Apply(a)
	}
	return out
}

// later lets time pass.
func (w *testbed) later(d time.Duration) *testbed {
	w.now = w.now.Add(d)
	return w
}

func (w *testbed) tick() []alert.Alert { w.t.Helper(); return w.step(rules.Tick{}) }

// change makes the change of a field, the number being as it is now.
func (w *testbed) change(f phone.Field, from, to string) phone.Change {
	n := w.number
	return phone.Change{
		Subject: phone.SubjectOf(w.space.SpaceKey, n.PhoneNumber), Field: f, Old: from, New: to,
		Direction: f.Direction(from, to), SeenAt: w.now, RequestId: "R", Number: &n,
	}
}

// set gives fields new values: field, value, field, value, …
func (w *testbed) see(fieldsAndValues ...any) []alert.Alert {
	w.t.Helper()
	old := w.number
	for i := 0; i < len(fieldsAndValues); i += 2 {
		w.number.Set(fieldsAndValues[i].(phone.Field), fieldsAndValues[i+1].(string))
	}
	in := rules.Seen{Space: w.space}
	for f, v := range w.number.All() {
		if old.Get(f) != v {
			in.Changes = append(in.Changes, w.change(f, old.Get(f), v))
		}
	}
	return w.step(in)
}

// presence says that the number appeared, or is gone.
func (w *testbed) presence(old, now string, baseline bool) []alert.Alert {
	w.t.Helper()
	c := w.change(phone.Presence, old, now)
	c.Baseline = baseline
	return w.step(rules.Seen{Space: w.space, Changes: []phone.Change{c}})
}

// one requires that a single alert came out.
func one(t testing.TB, out []alert.Alert) alert.Alert {
	t.Helper()
	require.Len(t, out, 1)
	return out[0]
}

// transitions lists rule and transition of each.
func transitions(out []alert.Alert) []string {
	list := []string{}
	for _, a := range out {
		list = append(list, a.Rule+" "+a.Transition.String())
	}
	return list
}

const red = `
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "{New} was {Old}", action: "see {StatusCallbackUrl}"}
`

const blocked = `
  - {name: blocked, on: Status, to: [RESTRICTED, BANNED], severity: high, summary: "{New}"}
`
