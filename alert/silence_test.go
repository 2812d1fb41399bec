package alert_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestMatcher(t *testing.T) {
	a := alert.Alert{Rule: "banned", Severity: alert.High, Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: "86"}}
	labels := map[string]string{"tier": "gold"}
	for text, matches := range map[string]bool{
		"account=main": true, "account=other": false, "space=1": true, "space=2": false, "number=86": true, "number=87": false,
		"rule=banned": true, "rule=red": false, "severity=high": true, "severity=info": false, "label.tier=gold": true, "label.tier=": false,
		"label.env=test": false,
	} {
		var m alert.Matcher
		name, value, _ := strings.Cut(text, "=")
		require.NoError(t, m.Set(name, value))
		require.Equal(t, matches, m.Matches(&a, labels), text)
		require.False(t, m.Empty())
		require.Equal(t, text, m.String())
	}
	var all alert.Matcher
	require.True(t, all.Matches(&a, nil))
	require.True(t, all.Empty())
	require.Equal(t, "everything", all.String())
	require.ErrorContains(t, all.Set("severity", "dire"), `unknown severity "dire"`)
	require.ErrorContains(t, all.Set("colour", "red"), `"colour"`)
	require.Error(t, all.Set("label.", "x"))
}

// One silence may be for several subjects.
func TestMatcherOfSeveral(t *testing.T) {
	a := alert.Alert{Rule: "banned", Severity: alert.High, Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: "86"}}
	for text, matches := range map[string]bool{
		"space=1,2": true, "space=2,1": true, "space=2,3,1": true, "space=11,12": false, "space=2,3": false, "number=85,86": true,
		"rule=red,banned": true, "severity=critical,high": true, "severity=info,warning": false, "part=nats,slack:ops": false,
	} {
		var m alert.Matcher
		name, value, _ := strings.Cut(text, "=")
		require.NoError(t, m.Set(name, value))
		require.Equal(t, matches, m.Matches(&a, nil), text)
		require.Equal(t, text, m.String())
	}
	var m alert.Matcher
	require.ErrorContains(t, m.Set("severity", "high,dire"), `"dire"`)
	require.NoError(t, m.Set("space", "1,2,3,4,5,6"))
	require.Equal(t, "space=1,2,3 and 3 more", m.String())
}

// A silence of one sink's alert is no silence of the rule for every sink.
func TestMatcherOfOneComponent(t *testing.T) {
	ops := &alert.Alert{Rule: "sink-parked", Subject: phone.Subject{Component: "slack:ops"}}
	nats := &alert.Alert{Rule: "sink-parked", Subject: phone.Subject{Component: "nats"}}
	m := alert.MatchSubject(ops.Rule, ops.Subject)
	require.True(t, m.Matches(ops, nil))
	require.False(t, m.Matches(nats, nil))
	require.False(t, m.Empty())
	require.Equal(t, "part=slack:ops rule=sink-parked", m.String())
	var typed alert.Matcher
	require.NoError(t, typed.Set("part", "slack:ops"))
	require.Equal(t, "slack:ops", typed.Component)
}
