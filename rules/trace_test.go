package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

// explain judges a change of the world's number without applying it.
func (w *world) explain(f phone.Field, to string) map[string]Decision {
	w.t.Helper()
	old := w.number.Get(f)
	n := w.number
	n.Set(f, to)
	c := phone.Change{
		Subject: phone.SubjectOf(w.space.SpaceKey, n.PhoneNumber), Field: f, Old: old, New: n.Get(f),
		Direction: f.Direction(old, n.Get(f)), SeenAt: w.now, RequestId: "R", Number: &n,
	}
	in := Seen{Space: w.space, Changes: []phone.Change{c}}
	out, decisions := w.set.Explain(w.st, in, w.now)
	require.Equal(w.t, w.set.Step(w.st, in, w.now), out)
	found := map[string]Decision{}
	for _, d := range decisions {
		if len(w.set.byName[d.Rule].fields) > 1 {
			d.Rule += " " + d.Field.String()
		}
		found[d.Rule] = d
	}
	require.Len(w.t, found, len(w.set.watches), "every rule decides")
	return found
}

func TestExplain(t *testing.T) {
	w := newWorld(t, `
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
	is := func(d Decision, result, clause, text string) {
		t.Helper()
		require.Equal(t, []string{result, clause, text}, []string{d.Result, d.Clause, d.Text})
		require.Equal(t, result == Silent, d.Alert == nil)
	}
	d := w.explain(phone.QualityRating, "RED")
	is(d["red"], "opened", "", "QualityRating is RED")
	require.Equal(t, []Hearing{{Channel: "oncall", Text: `Severity == "critical" is false: Severity is high`}, {Channel: "ops", Told: true}}, d["red"].Channels)
	is(d["fell"], "opened", "", "QualityRating is RED")
	is(d["rose"], Silent, "direction", "the way from GREEN to RED is worse, and direction is better")
	is(d["from-yellow"], Silent, "from", "QualityRating was GREEN, and from is YELLOW")
	is(d["silver"], Silent, "where", `Labels.tier == "silver" && Status == "CONNECTED" is false: Labels.tier is gold, Status is CONNECTED`)
	is(d["banned"], Silent, "on", "Status did not change")
	is(d["slow"], "pending", "for", "QualityRating is RED: told if it is still so in 1h")
	is(d["connected Status"], "opened", "", "Status is CONNECTED")
	is(d["connected NameStatus"], Silent, "on", "NameStatus did not change")
	is(d["moved"], Silent, "on", "UpCallbackUrl did not change")
	is(w.explain(phone.Status, "PAUSED")["banned"], Silent, "to", "Status is PAUSED, and to is BANNED")
	is(w.explain(phone.QualityRating, "UNKNOWN")["fell"], Silent, "to", "QualityRating is UNKNOWN, which says nothing: a rule without to opens on known values")
	w.number.Set(phone.UpCallbackUrl, "https://a/")
	require.NotContains(t, fmt.Sprint(w.explain(phone.UpCallbackUrl, "https://b.example/?token=s3cret")["moved"].Text), "s3cret")

	w.see(phone.QualityRating, "RED")
	is(w.explain(phone.Status, "PAUSED")["red"], Unchanged, "", "QualityRating is RED")
	is(w.explain(phone.QualityRating, "YELLOW")["red"], "better", "", "QualityRating is YELLOW")
	d = w.explain(phone.QualityRating, "GREEN")
	is(d["red"], "resolved", "to", "QualityRating is GREEN, and to is RED, YELLOW")
	is(d["fell"], "resolved", "to", "QualityRating is GREEN, and was GREEN before the alert opened")
	is(d["slow"], Silent, "to", "it was waiting for 1h, and the condition went: QualityRating is GREEN, and to is RED")
	is(w.explain(phone.QualityRating, "UNKNOWN")["red"], Unchanged, "value", "QualityRating is UNKNOWN, which says nothing: it neither opens nor closes")
	is(w.explain(phone.Status, "DELETED")["red"], "ended", "life", "the number's life here is over, and the rule is not about that")

	w.see(phone.QualityRating, "GREEN")
	w.later(10 * time.Minute)
	is(w.explain(phone.QualityRating, "RED")["red"], "reopened", "reopen_within",
		"QualityRating is RED: it closed 10m before, so it goes on in its old message, and is not told anew, because it is no worse")
	w.later(2 * time.Hour)
	is(w.explain(phone.QualityRating, "RED")["red"], "opened", "", "QualityRating is RED: the last one closed 2h10m before, longer than reopen_within")
}

func TestExplainOfANumberThatIsSeenForTheFirstTime(t *testing.T) {
	w := newWorld(t, `
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: fell, on: QualityRating, direction: worse, severity: high, summary: x}
`)
	w.number.Set(phone.QualityRating, "RED")
	c := w.change(phone.Presence, "", phone.Appeared)
	_, decisions := w.set.Explain(w.st, Seen{Space: w.space, Changes: []phone.Change{c}}, w.now)
	require.Equal(t, Silent, decisions[0].Result)
	require.Equal(t, "QualityRating is RED, but did not change to it now", decisions[0].Text)
	require.Equal(t, "opened", decisions[1].Result)
	out, decisions := w.set.Explain(w.st, Seen{}, w.now)
	require.Empty(t, out)
	require.Empty(t, decisions)
}

// Explaining changes nothing, and says nothing else than what happens.
func TestExplainIsWhatStepDoes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := shippedWorld(t)
		for range 30 {
			w.later(time.Duration(r.IntN(40)) * time.Minute)
			f := phone.Field(r.IntN(phone.NumberFields))
			values := append(f.Values(), "X", "https://x/")
			v := values[r.IntN(len(values))]
			if w.number.Get(f) == f.Canonical(v) {
				continue
			}
			decisions := w.explain(f, v)
			moved := map[string]alert.Transition{}
			for _, a := range w.see(f, v) {
				name := a.Rule
				if len(w.set.byName[a.Rule].fields) > 1 {
					name += " " + a.Field.String()
				}
				moved[name] = a.Transition
			}
			for name, d := range decisions {
				if transition, ok := moved[name]; ok {
					require.Equal(t, transition.String(), d.Result, name)
				} else {
					require.Contains(t, []string{Silent, Unchanged}, d.Result, name)
				}
				require.NotEmpty(t, d.Text, name)
			}
		}
	}
}
