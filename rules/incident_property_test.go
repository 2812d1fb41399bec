package rules_test

import (
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

// editedSets are rules as people may edit them: some of the rules, and other defaults.
func editedSets(t *testing.T, r *rand.Rand) (sets []*rules.Set, reopenWithin []time.Duration) {
	for _, within := range []time.Duration{0, 2 * time.Minute, 30 * time.Minute, 2 * time.Hour} {
		for range 4 {
			some := slices.DeleteFunc(slices.Clone(ruleTexts), func(string) bool { return r.IntN(5) == 0 })
			if !strings.Contains(strings.Join(some, ""), "{name: red,") {
				for i := range some {
					some[i] = strings.ReplaceAll(some[i], ", inhibited_by: [red]", "")
				}
			}
			for i := range some {
				some[i] = strings.ReplaceAll(some[i], "for: 10m", fmt.Sprintf("for: %dm", 1+r.IntN(60)))
			}
			defaults := fmt.Sprintf(", reopen_within: %s, settle_after: %dm", within, 1+r.IntN(20))
			webhook := []string{"audit", "security"}[r.IntN(2)]
			sets = append(sets, parse(t, wholeFile(randomDials(r, defaults), webhook, some)))
			reopenWithin = append(reopenWithin, within)
		}
	}
	return sets, reopenWithin
}

// lastIncident is what a subject's last incident was, and when it was last open.
type lastIncident struct {
	id     string
	open   map[string]bool // alerts
	flaps  map[string]bool
	closed time.Time // when an alert of it closed last
	moved  time.Time // when an alert of it closed or settled last
}

// incidentsSeen follows the incidents of all subjects.
type incidentsSeen struct {
	last map[phone.Subject]*lastIncident
	ids  map[string]bool
}

// judge checks what a step did to the incidents, whose alerts had these revisions before,
// and reports what is wrong.
func (s *incidentsSeen) judge(out []alert.Alert, before map[string]uint64, now time.Time, within time.Duration) (joined, begun int, wrong string) {
	was := map[phone.Subject]lastIncident{} // before the step
	for i := range out {
		a := &out[i]
		if _, ok := was[a.Subject]; !ok && s.last[a.Subject] != nil {
			was[a.Subject] = *s.last[a.Subject]
		}
		opens := a.Revision > before[a.ID] && (a.Transition == alert.Opened || a.Transition == alert.Reopened)
		last, known := was[a.Subject]
		switch lives := known && (len(last.open) > 0 || within > 0 && now.Sub(last.closed) <= within); {
		case !opens:
		case lives && a.Incident != last.id:
			return joined, begun, fmt.Sprintf("%s %s as %s, and %s lives since %s", a.Rule, a.Transition, a.Incident, last.id, last.closed)
		case lives:
			joined++
		case known && len(last.flaps) == 0 && now.Sub(last.moved) > within && a.Change.SeenAt.Equal(now) && s.ids[a.Incident] && a.Incident != s.last[a.Subject].id:
			return joined, begun, fmt.Sprintf("%s %s as %s, which was over", a.Rule, a.Transition, a.Incident)
		default:
			begun++
		}
		s.note(a, opens, now)
	}
	return joined, begun, ""
}

// note takes note of an alert as a step left it.
func (s *incidentsSeen) note(a *alert.Alert, opens bool, now time.Time) {
	if a.Revision == 0 {
		return
	}
	last := s.last[a.Subject]
	if last == nil || opens && a.Incident != last.id {
		last = &lastIncident{id: a.Incident, open: map[string]bool{}, flaps: map[string]bool{}}
		s.last[a.Subject], s.ids[a.Incident] = last, true
	}
	if a.Incident != last.id {
		return
	}
	delete(last.open, a.ID)
	delete(last.flaps, a.ID)
	if a.State == alert.Firing {
		last.open[a.ID] = true
	}
	if a.Flapping {
		last.flaps[a.ID] = true
	}
	if a.State.Closed() && a.Changed.Equal(now) {
		last.moved = now
		if a.Transition != alert.Settled {
			last.closed = now
		}
	}
}

// At no time are two incidents alive on one subject, whatever waits, flaps, is taken, is
// held back, is forgotten or is edited.
func TestASubjectHasOneIncidentAtATime(t *testing.T) {
	var joined, begun int
	sets, within := editedSets(t, rand.New(rand.NewPCG(1, 1)))
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 2))
		current := 0
		st := rules.NewState(nil)
		seen := incidentsSeen{map[phone.Subject]*lastIncident{}, map[string]bool{}}
		for _, s := range randomTimeline(r, 120) {
			for _, in := range disturb(r, st, s, func() { current = r.IntN(len(sets)) }) {
				before := map[string]uint64{}
				out := sets[current].Step(st, in, s.at)
				for _, a := range out {
					old, _ := st.Get(a.ID)
					before[a.ID] = old.Revision
					st.Apply(a)
				}
				j, b, wrong := seen.judge(out, before, s.at, within[current])
				joined, begun = joined+j, begun+b
				require.Empty(t, wrong, "with seed %d at %s", seed, s.at)
				requireOneIncident(t, st)
			}
			forget(st, s.at, 4*time.Hour)
			if r.IntN(10) == 0 {
				st = rules.NewState(slices.Collect(st.All()))
			}
		}
	}
	require.Greater(t, joined, 500)
	require.Greater(t, begun, 300)
}

// disturb has people do something before an input, and returns the inputs that follow.
func disturb(r *rand.Rand, st *rules.State, s scripted, edit func()) []rules.Input {
	switch r.IntN(12) {
	case 0:
		edit()
		return []rules.Input{rules.Reloaded{}, s.in, rules.Tick{}}
	case 1, 2:
		for a := range st.All() {
			if a.State != alert.Firing || r.IntN(2) == 0 {
				continue
			}
			a.Ack, a.HeldBy = &alert.Ack{By: "ada", At: s.at}, []string{alert.SilenceHold + "s"}
			st.Apply(a)
		}
	}
	return []rules.Input{s.in, rules.Tick{}}
}

// forget drops what closed long ago, as the bot does.
func forget(st *rules.State, now time.Time, keep time.Duration) {
	for _, a := range slices.Collect(st.All()) {
		if a.State.Closed() && !a.Flapping && now.Sub(a.Changed) > keep {
			st.Drop(a.ID)
		}
	}
}

func requireOneIncident(t *testing.T, st *rules.State) {
	t.Helper()
	alive := map[phone.Subject]string{}
	for a := range st.All() {
		if a.State != alert.Firing {
			continue
		}
		if other := alive[a.Subject]; other != "" {
			require.Equal(t, other, a.Incident, "two incidents of %v", a.Subject)
		}
		alive[a.Subject] = a.Incident
	}
}
