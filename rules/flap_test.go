package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/rules"
)

const yellow = `
  - {name: yellow, on: QualityRating, to: [YELLOW], severity: warning, summary: x}
`

// bothFlap has two rules flap on one field, of which red is open in the end.
func bothFlap(t *testing.T) *testbed {
	w := newTestbed(t, red+yellow)
	for range 3 {
		w.later(time.Minute).see(phone.QualityRating, "YELLOW")
		w.later(time.Minute).see(phone.QualityRating, "RED")
	}
	require.Equal(t, map[string]bool{"red": true, "yellow": true}, w.flapping())
	return w
}

// flapping returns the rules of alerts that flap.
func (w *testbed) flapping() map[string]bool {
	all := map[string]bool{}
	for a := range w.st.All() {
		if a.Flapping {
			all[a.Rule] = true
		}
	}
	return all
}

// Nothing flaps for ever, whatever else flapped on the field, and however that ended.
func TestNothingFlapsForEver(t *testing.T) {
	for name, end := range map[string]func(w *testbed){
		"the number is gone": func(w *testbed) { w.presence(phone.Appeared, phone.Missing, false) },
		"the space leaves": func(w *testbed) {
			w.step(rules.Left{Spaces: []phone.SpaceKey{w.space.SpaceKey}})
		},
		"a rule is removed": func(w *testbed) {
			w.set = parse(t, header+"rules:\n"+red)
			w.step(rules.Reloaded{})
		},
		"the other rule is removed": func(w *testbed) {
			w.set = parse(t, header+"rules:\n"+yellow)
			w.step(rules.Reloaded{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := bothFlap(t)
			end(w)
			w.later(15 * time.Minute).tick()
			w.later(time.Minute).tick()
			require.Empty(t, w.flapping())
			for a := range w.st.All() {
				require.True(t, notified(a), "%s: how it ended was told", a.Rule)
			}
		})
	}
}

// Of notices each is an alert of its own: the one that flapped is not the last one.
func TestNoNoticeFlapsForEver(t *testing.T) {
	w := newTestbed(t, `
  - {name: up, on: MessagingLimitTier, direction: better, once: true, severity: info, summary: x}
  - {name: down, on: MessagingLimitTier, direction: worse, once: true, severity: warning, summary: x}
`)
	w.number.Set(phone.MessagingLimitTier, "TIER_1K")
	for i := range 10 {
		w.later(time.Minute).see(phone.MessagingLimitTier, []string{"TIER_10K", "TIER_1K"}[i%2])
	}
	require.Equal(t, map[string]bool{"up": true, "down": true}, w.flapping())
	out := w.later(15 * time.Minute).tick()
	require.Equal(t, []string{"down settled", "up opened"}, transitions(out))
	require.Equal(t, "TIER_1K", out[0].Change.New)
	require.Empty(t, w.flapping())
	w.restart()
	require.Empty(t, w.later(time.Minute).tick())
}
