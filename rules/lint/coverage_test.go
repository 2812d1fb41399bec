package lint_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/lint"
	"numwatch/rules/rulefile"
)

func load(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, err := rulefile.Load("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

func shipped(t *testing.T) *rules.Set {
	t.Helper()
	data, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	return load(t, string(data))
}

// valuesOf lists the values of a field that a coverage of the set has.
func valuesOf(set *rules.Set, f phone.Field) []string {
	var on []string
	for _, r := range set.Rules() {
		if slices.Contains(r.On, f) {
			on = append(on, r.Name)
		}
	}
	return set.Values(f, on...)
}

// covered finds what covers a value.
func covered(t *testing.T, set *rules.Set, f phone.Field, v string) lint.ValueCoverage {
	t.Helper()
	for _, fc := range lint.Cover(set).Fields {
		for _, vc := range fc.Values {
			if fc.Field == f && vc.Value == v {
				return vc
			}
		}
	}
	require.Fail(t, "no such value", "%s %q", f, v)
	return lint.ValueCoverage{}
}

func TestCoverage(t *testing.T) {
	set := load(t, `
version: 1`+`
rules:
  - {name: always, on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: gold, on: QualityRating, to: [RED], where: 'Labels.tier == "gold"', severity: high, summary: x}
  - {name: fell, on: MessagingLimitTier, direction: worse, severity: high, summary: x}
  - {name: from, on: Status, to: [PENDING, TEAPOT], from: [CONNECTED], severity: high, summary: x}
  - {name: ruled-out, on: Status, to: [BANNED], where: 'Status == "CONNECTED"', severity: high, summary: x}
  - {name: odd, on: [Status], to: [unlisted], once: true, severity: high, summary: x}
  - {name: name, on: VerifiedName, to: [""], severity: high, summary: x}
`)
	limits := func(rule string, limits ...string) lint.RuleCoverage {
		return lint.RuleCoverage{Rule: rule, Limits: append([]string{}, limits...)}
	}
	for _, row := range []struct {
		field phone.Field
		value string
		rules []lint.RuleCoverage
		hole  bool
	}{
		{phone.QualityRating, "RED", []lint.RuleCoverage{limits("always"), limits("gold", "where")}, false},
		{phone.QualityRating, "YELLOW", nil, true},
		{phone.QualityRating, "GREEN", nil, false},
		{phone.QualityRating, "UNKNOWN", nil, false},
		{phone.MessagingLimitTier, "TIER_UNLIMITED", nil, false},
		{phone.MessagingLimitTier, "TIER_50", []lint.RuleCoverage{limits("fell", "direction")}, false},
		{phone.Status, "PENDING", []lint.RuleCoverage{limits("from", "from")}, false},
		{phone.Status, "TEAPOT", []lint.RuleCoverage{limits("from", "from"), limits("odd")}, false},
		{phone.Status, "BANNED", nil, true},
		{phone.Status, "DELETED", nil, true},
		{phone.Status, "unlisted", []lint.RuleCoverage{limits("odd")}, false},
		{phone.VerifiedName, "", []lint.RuleCoverage{limits("name")}, false},
		{phone.VerifiedName, "any", nil, true},
		{phone.Presence, phone.Missing, nil, true},
		{phone.Presence, phone.Moved, nil, false},
		{phone.Sink, phone.Parked, nil, true},
	} {
		t.Run(row.field.String()+" "+row.value, func(t *testing.T) {
			vc := covered(t, set, row.field, row.value)
			require.Equal(t, append([]lint.RuleCoverage{}, row.rules...), vc.Rules)
			require.Equal(t, row.hole, vc.Hole)
		})
	}
}

// What coverage promises, judging keeps: a rule without limits opens on every
// change to the value, and one that is not listed on none.
func TestCoverageIsWhatStepDoes(t *testing.T) {
	set := shipped(t)
	for _, fc := range lint.Cover(set).Fields {
		if !fc.Field.OfNumber() {
			continue
		}
		domain := valuesOf(set, fc.Field)
		for i, vc := range fc.Values {
			opened := map[string]int{}
			olds := 0
			for _, old := range domain {
				if old == domain[i] {
					continue
				}
				olds++
				n := phone.Number{PhoneNumber: "86"}
				n.Set(fc.Field, domain[i])
				c := phone.Change{
					Subject: phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "293"}, "86"), Field: fc.Field, Old: old, New: domain[i],
					Direction: fc.Field.Direction(old, domain[i]), Number: &n,
				}
				for _, a := range set.Step(rules.NewState(nil), rules.Seen{Changes: []phone.Change{c}}, time.Unix(0, 0)) {
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
	for _, f := range lint.Cover(shipped(t)).Holes() {
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
