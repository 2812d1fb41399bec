//go:build !race

package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/rules"
)

// What judging a change may allocate: a little more than it does.
func TestAllocationsOfAStep(t *testing.T) {
	w := shippedTestbed(t)
	st := rules.NewState(nil)
	quiet := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "YELLOW", "GREEN")}}
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { w.set.Step(st, quiet, w.now) }), 3.0, "nothing matches")
	w.number.Set(phone.QualityRating, "RED")
	loud := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "YELLOW", "RED")}}
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		if len(w.set.Step(st, loud, w.now)) == 0 {
			t.Fatal("no match")
		}
	}), 29.0, "a rule matches")
}

// A change costs the same among many rules: only those that may match are
// looked at.
func TestAllocationsAmongManyRules(t *testing.T) {
	among := func(n int) float64 {
		w := newTestbed(t, red)
		w.set = benchmarkRules(t, n)
		w.number.Set(phone.QualityRating, "RED")
		in := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "GREEN", "RED")}}
		st := rules.NewState(nil)
		return testing.AllocsPerRun(200, func() { w.set.Step(st, in, w.now) })
	}
	require.InDelta(t, among(10), among(1000), 1)
}
