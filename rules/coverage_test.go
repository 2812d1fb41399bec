package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// covered finds what covers a value.
func covered(t *testing.T, set *Set, f phone.Field, v string) ValueCoverage {
	t.Helper()
	for _, fc := range set.Coverage().Fields {
		for _, vc := range fc.Values {
			if fc.Field == f && vc.Value == v {
				return vc
			}
		}
	}
	require.Fail(t, "no such value", "%s %q", f, v)
	return ValueCoverage{}
}

func TestCoverage(t *testing.T) {
	set := parse(t, header+`
rules:
  - {name: always, on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: gold, on: QualityRating, to: [RED], where: 'Labels.tier == "gold"', severity: high, summary: x}
  - {name: fell, on: MessagingLimitTier, direction: worse, severity: high, summary: x}
  - {name: from, on: Status, to: [PENDING, TEAPOT], from: [CONNECTED], severity: high, summary: x}
  - {name: ruled-out, on: Status, to: [BANNED], where: 'Status == "CONNECTED"', severity: high, summary: x}
  - {name: odd, on: [Status], to: [unlisted], once: true, severity: high, summary: x}
  - {name: name, on: VerifiedName, to: [""], severity: high, summary: x}
`)
	limits := func(rule string, limits ...string) Cover { return Cover{rule, append([]string{}, limits...)} }
	for _, row := range []struct {
		field phone.Field
		value string
		rules []Cover
		hole  bool
	}{
		{phone.QualityRating, "RED", []Cover{limits("always"), limits("gold", "where")}, false},
		{phone.QualityRating, "YELLOW", nil, true},
		{phone.QualityRating, "GREEN", nil, false},
		{phone.QualityRating, "UNKNOWN", nil, false},
		{phone.MessagingLimitTier, "TIER_UNLIMITED", nil, false},
		{phone.MessagingLimitTier, "TIER_50", []Cover{limits("fell", "direction")}, false},
		{phone.Status, "PENDING", []Cover{limits("from", "from")}, false},
		{phone.Status, "TEAPOT", []Cover{limits("from", "from"), limits("odd")}, false},
		{phone.Status, "BANNED", nil, true},
		{phone.Status, "DELETED", nil, true},
		{phone.Status, unlisted, []Cover{limits("odd")}, false},
		{phone.VerifiedName, "", []Cover{limits("name")}, false},
		{phone.VerifiedName, "any", nil, true},
		{phone.Presence, phone.Missing, nil, true},
		{phone.Presence, phone.Moved, nil, false},
		{phone.Sink, phone.Parked, nil, true},
	} {
		t.Run(row.field.String()+" "+row.value, func(t *testing.T) {
			vc := covered(t, set, row.field, row.value)
			require.Equal(t, append([]Cover{}, row.rules...), vc.Rules)
			require.Equal(t, row.hole, vc.Hole)
		})
	}
}

// What coverage promises, judging keeps: a rule without limits opens on every
// change to the value, and one that is not listed on none.
func TestCoverageIsWhatStepDoes(t *testing.T) {
	set := shipped(t)
	for _, fc := range set.Coverage().Fields {
		if !fc.Field.OfNumber() {
			continue
		}
		domain := set.domain(fc.Field)
		for i, vc := range fc.Values {
			opened := map[string]int{}
			olds := 0
			for _, old := range domain {
				if old == domain[i] {
					continue
				}
				olds++
				w := shippedWorld(t)
				w.number.Set(fc.Field, old)
				for _, a := range w.see(fc.Field, domain[i]) {
					opened[a.Rule]++
				}
			}
			for _, c := range vc.Rules {
				if len(c.Limits) == 0 {
					require.Equal(t, olds, opened[c.Rule], "%s %s %s", fc.Field, vc.Value, c.Rule)
				}
				delete(opened, c.Rule)
			}
			require.Empty(t, opened, "%s %s", fc.Field, vc.Value)
		}
	}
}

// The holes of the shipped rules are known ones: states that a number passes
// through, and codes that expire by themselves.
func TestHolesOfTheShippedRules(t *testing.T) {
	var holes []string
	for _, f := range shipped(t).Coverage().Holes() {
		for _, v := range f.Values {
			holes = append(holes, f.Field.String()+" "+v.Value)
		}
	}
	require.Equal(t, []string{
		"CodeVerificationStatus NOT_VERIFIED", "CodeVerificationStatus UNVERIFIED", "CodeVerificationStatus EXPIRED",
		"NewNameStatus PENDING_REVIEW", "NewNameStatus PENDING", "NewNameStatus DEFERRED", "NewNameStatus EXPIRED",
		"NameStatus PENDING_REVIEW", "NameStatus PENDING", "NameStatus DEFERRED",
	}, holes)
}
