package rules_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// ruleTexts is a set of rules that between them use the whole language.
var ruleTexts = []string{
	`{name: red, on: QualityRating, to: [RED], severity: critical, summary: "{New} {Old}", notify: [ops, gold, oncall]}`,
	`{name: quality, on: QualityRating, direction: worse, severity: high, summary: "{New}", inhibited_by: [red]}`,
	`{name: slow-red, on: QualityRating, to: [RED, YELLOW], for: 10m, where: 'Status == "CONNECTED"', severity: high, summary: "{New} {Since}"}`,
	`{name: blocked, on: Status, to: [RESTRICTED, BANNED], severity: high, summary: "{New}", mute: [nights]}`,
	`{name: unwell, on: [Status, QualityRating], to: ["!CONNECTED", "!GREEN"], severity: info, summary: "{Field}"}`,
	`{name: odd, on: [Status, QualityRating], to: [unlisted, UNKNOWN], severity: info, summary: "{New}"}`,
	`{name: fell, on: Status, from: [CONNECTED], severity: info, summary: "{New}", escalate: {after: 20m, to: [ops]}}`,
	`{name: gone, on: Number, to: [MISSING], severity: high, summary: "{PhoneNumber}"}`,
	`{name: moved, on: VerifiedName, once: true, severity: high, summary: "{Old} {New}"}`,
	`{name: both, on: QualityRating, to: [RED], where: 'VerifiedName != "B"', severity: high, summary: "x", for: 3m}`,
}

// dials are what defaults and channels may say of when and how much they want, as text
// that begins with a comma, or is empty.
type dials struct{ defaults, ops, gold, oncall string }

// wholeFile has channels in Slack and a webhook, whose channel may have any name.
func wholeFile(d dials, webhook string, list []string) string {
	return fmt.Sprintf(`
version: 1
defaults: {notify: [ops, %[1]s]%[2]s}
channels:
  ops: {slack: "#ops"%[3]s}
  gold: {slack: "#gold", where: 'Labels.tier == "gold"'%[4]s}
  oncall: {slack: "#oncall", where: 'Severity == "critical"'%[5]s}
  %[1]s: {webhook: siem}
mute_times:
  nights: {times: ["22:00-07:00"]}
  pauses: {times: ["08:30-09:00", "10:30-11:00", "12:30-13:00", "14:30-15:00", "16:30-17:00", "18:30-19:00"]}
  lunch: {times: ["12:00-13:00"]}
rules:
  - %[6]s
`, webhook, d.defaults, d.ops, d.gold, d.oncall, strings.Join(list, "\n  - "))
}

func randomSet(t testing.TB, r *rand.Rand) *rules.Set {
	order := slices.Clone(ruleTexts)
	if r != nil {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	return parse(t, wholeFile(dials{", reopen_within: 30m, mute: [lunch], severity: high", ", mute: [pauses]", ", severity: critical", ""}, "audit", order))
}

// randomDials turns some of what can be turned.
func randomDials(r *rand.Rand, defaults string) dials {
	one := func() (out string) {
		if r.IntN(2) == 0 {
			out += ", mute: " + []string{"[pauses]", "[lunch, pauses]", "[nights]"}[r.IntN(3)]
		}
		if r.IntN(2) == 0 {
			out += ", severity: " + alert.Severities()[r.IntN(4)]
		}
		return out
	}
	return dials{defaults + one(), one(), one(), one()}
}

// scripted is an input at a time.
type scripted struct {
	at time.Time
	in rules.Input
}

// randomTimeline plays three numbers of a space through some hours.
func randomTimeline(r *rand.Rand, steps int) []scripted {
	values := map[phone.Field][]string{
		phone.Status:        {"CONNECTED", "CONNECTED", "FLAGGED", "RESTRICTED", "BANNED", "UNKNOWN", "WEIRD", "", "DELETED"},
		phone.QualityRating: {"GREEN", "GREEN", "YELLOW", "RED", "UNKNOWN", "BLUE"},
		phone.VerifiedName:  {"A", "B"},
	}
	fields := []phone.Field{phone.Status, phone.QualityRating, phone.VerifiedName}
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}, Labels: map[string]string{"tier": "gold"}}
	numbers := map[string]*phone.Number{}
	var list []scripted
	now := start
	for range steps {
		now = now.Add(time.Duration(1+r.IntN(600)) * time.Second)
		name := fmt.Sprintf("86%d", r.IntN(3))
		n := numbers[name]
		in := rules.Seen{Space: space}
		add := func(f phone.Field, from, to string) {
			after := *n
			in.Changes = append(in.Changes, phone.Change{
				Subject: phone.SubjectOf(space.SpaceKey, name), Field: f, Old: from, New: to, Direction: f.Direction(from, to), SeenAt: now, Number: &after,
			})
		}
		switch roll := r.IntN(20); {
		case n == nil:
			n = &phone.Number{PhoneNumber: name}
			for _, f := range fields {
				n.Set(f, values[f][r.IntN(len(values[f]))])
			}
			numbers[name] = n
			add(phone.Presence, "", phone.Appeared)
		case roll == 0:
			add(phone.Presence, phone.Appeared, phone.Missing)
			delete(numbers, name)
		case roll == 1:
			list = append(list, scripted{now, rules.Left{Spaces: []phone.SpaceKey{space.SpaceKey}}})
			continue
		case roll < 6:
			list = append(list, scripted{now, rules.Tick{}})
			continue
		default:
			old := *n
			for _, f := range fields {
				if r.IntN(2) == 0 {
					n.Set(f, values[f][r.IntN(len(values[f]))])
				}
			}
			for _, f := range fields {
				if old.Get(f) != n.Get(f) {
					add(f, old.Get(f), n.Get(f))
				}
			}
		}
		list = append(list, scripted{now, in})
	}
	return list
}

// play runs a timeline; restart says before which inputs the state is built
// anew from its alerts, as after a restart.
func play(set *rules.Set, script []scripted, restart func(i int) bool) [][]alert.Alert {
	st := rules.NewState(nil)
	var all [][]alert.Alert
	for i, s := range script {
		if restart != nil && restart(i) {
			st = rules.NewState(slices.Collect(st.All()))
		}
		out := set.Step(st, s.in, s.at)
		for _, a := range out {
			st.Apply(a)
		}
		all = append(all, out)
	}
	return all
}

func eachTimeline(t *testing.T, check func(t *testing.T, r *rand.Rand, script []scripted)) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		script := randomTimeline(r, 120)
		check(t, r, script)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func TestOrderOfRulesDoesNotMatter(t *testing.T) {
	set := randomSet(t, nil)
	eachTimeline(t, func(t *testing.T, r *rand.Rand, script []scripted) {
		require.Equal(t, play(set, script, nil), play(randomSet(t, r), script, nil))
	})
}

func TestReplayInPiecesGivesTheSame(t *testing.T) {
	set := randomSet(t, nil)
	eachTimeline(t, func(t *testing.T, r *rand.Rand, script []scripted) {
		require.Equal(t, play(set, script, nil), play(set, script, func(int) bool { return r.IntN(3) == 0 }))
	})
}

func TestAlertsLiveSoundLives(t *testing.T) {
	set := randomSet(t, nil)
	transitions := map[alert.Transition]int{}
	eachTimeline(t, func(t *testing.T, _ *rand.Rand, script []scripted) {
		known := map[string]alert.Alert{}
		for i, out := range play(set, script, nil) {
			require.True(t, slices.IsSortedFunc(out, inOrder))
			seen, flaps := map[string]bool{}, map[string]alert.Severity{}
			for _, a := range known {
				if k := a.Subject.String() + a.Field.String(); a.Flapping {
					worst, others := flaps[k]
					if flaps[k] = a.Severity; others {
						flaps[k] = min(worst, a.Severity)
					}
				}
			}
			for _, a := range out {
				require.False(t, seen[a.ID], "one Step returns an alert once")
				seen[a.ID] = true
				before, ok := known[a.ID]
				requireSound(t, before, ok, a, script[i].at)
				if a.Revision > before.Revision && a.Transition != alert.WasEnded && a.Transition != alert.Settled {
					worst, flaps := flaps[a.Subject.String()+a.Field.String()]
					require.Equal(t, !flaps || a.Severity < worst || a.Transition == alert.GotWorse, a.Notified == a.Revision, "told unless the field flaps")
				}
				require.Equal(t, a.Revision > 0, a.Incident != "")
				if a.Revision > before.Revision {
					transitions[a.Transition]++
				}
				known[a.ID] = a
				if rules.Unsaid(&a) {
					delete(known, a.ID)
				}
			}
			open := map[alert.Key]bool{}
			for _, a := range known {
				if !a.State.Closed() {
					require.False(t, open[a.Key()], "two open alerts of %v", a.Key())
					open[a.Key()] = true
				}
			}
		}
	})
	for _, want := range []alert.Transition{alert.Opened, alert.GotWorse, alert.GotBetter, alert.WasResolved, alert.WasEnded, alert.Reopened, alert.Settled} {
		require.Greater(t, transitions[want], 20, "the timelines reach %s", want)
	}
}

// inOrder is the order in which Step returns alerts.
func inOrder(a, b alert.Alert) int {
	closes := func(a alert.Alert) int {
		if a.Transition == alert.WasResolved || a.Transition == alert.WasEnded {
			return 1
		}
		return 0
	}
	return cmp.Or(closes(a)-closes(b), strings.Compare(a.Rule, b.Rule), a.Subject.Compare(b.Subject), cmp.Compare(a.Field, b.Field))
}

// requireSound checks one move of an alert against what it was before.
func requireSound(t *testing.T, before alert.Alert, known bool, a alert.Alert, now time.Time) {
	t.Helper()
	require.LessOrEqual(t, a.Notified, a.Revision)
	if a.Revision == before.Revision {
		require.True(t, a.State == alert.Pending || rules.Unsaid(&a) || a.State == before.State, "no move without a revision")
		return
	}
	require.Equal(t, before.Revision+1, a.Revision)
	require.Equal(t, now, a.Changed)
	switch a.Transition {
	case alert.Opened:
		require.True(t, !known || before.State == alert.Pending)
	case alert.Reopened:
		require.True(t, known && before.State.Closed(), "only what was closed reopens")
		require.Equal(t, before.Openings+1, a.Openings)
		require.Empty(t, a.Closing)
	case alert.GotWorse, alert.GotBetter:
		require.Equal(t, alert.Firing, before.State)
		require.Equal(t, alert.Firing, a.State)
	case alert.WasResolved, alert.WasEnded:
		require.Equal(t, alert.Firing, before.State, "no closing without an opening")
		require.True(t, a.State.Closed())
		require.NotEmpty(t, a.Closing)
	case alert.Settled:
		require.True(t, before.Flapping && !a.Flapping)
		require.Equal(t, before.State, a.State)
		require.Equal(t, a.Revision, a.Notified)
	default:
		t.Fatalf("transition %s raised the revision", a.Transition)
	}
}
