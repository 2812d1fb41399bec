package alert_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestTextEscapesValuesOnly(t *testing.T) {
	text := alert.Text{"*", "a*b\x1b[31m", "* fell\n", "x\u202ey"}
	require.Equal(t, "*<a*b\x1b[31m>* fell\n<x\u202ey>", text.Render(func(s string) string { return "<" + s + ">" }))
	require.Equal(t, "*a*b[31m* fell\nxy", text.Plain())
	require.Empty(t, alert.Text(nil).Plain())
}

func TestPlain(t *testing.T) {
	require.Equal(t, "a b c", alert.Plain("a\nb\tc"))
	require.Equal(t, "ab", alert.Plain("a\u200b\u202e\x00\x07\x7f\u009bb"))
	require.Equal(t, "Ünï 名前", alert.Plain("Ünï 名前"))
	require.Equal(t, "bad", alert.Plain("b\xffad"))
}

func TestCut(t *testing.T) {
	require.Equal(t, "short", alert.Cut("short", 5))
	require.Equal(t, "shor…", alert.Cut("shorter", 5))
	require.Equal(t, "名前…", alert.Cut("名前は何ですか", 3))
}

func TestIDFollowsFromKeyAndTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	k := alert.Key{Rule: "r", Subject: phone.Subject{Account: "a", Space: "b"}, Field: phone.Poll}
	require.Regexp(t, `^a-[0-9a-f]{16}$`, alert.ID(k, at))
	require.Equal(t, alert.ID(k, at), alert.ID(k, at.In(time.FixedZone("", 3600))))
	require.NotEqual(t, alert.ID(k, at), alert.ID(k, at.Add(1)))
	shifted := alert.Key{Rule: "r", Subject: phone.Subject{Account: "ab"}, Field: phone.Poll}
	require.NotEqual(t, alert.ID(k, at), alert.ID(shifted, at), "members do not run into each other")
}

func TestRecoveredOnlyWhereTheValueIsAsGoodAsBefore(t *testing.T) {
	resolved := func(before, old, now string) *alert.Alert {
		return &alert.Alert{State: alert.Resolved, Field: phone.QualityRating, Before: before, Change: phone.Change{
			Field: phone.QualityRating, Old: old, New: now, Direction: phone.QualityRating.Direction(old, now),
		}}
	}
	require.True(t, resolved("YELLOW", "RED", "GREEN").Recovered())
	require.True(t, resolved("", "RED", "GREEN").Recovered())
	require.True(t, resolved("YELLOW", "RED", "YELLOW").Recovered(), "as good as before")
	require.True(t, resolved("RED", "UNKNOWN", "YELLOW").Recovered())
	require.False(t, resolved("GREEN", "RED", "YELLOW").Recovered(), "better than it was, and still bad")
	require.False(t, resolved("", "RED", "YELLOW").Recovered())
	require.False(t, resolved("GREEN", "YELLOW", "RED").Recovered())
	require.False(t, resolved("GREEN", "YELLOW", "PURPLE").Recovered(), "nobody knows whether that is better")
	require.False(t, resolved("GREEN", "GREEN", "GREEN").Recovered(), "only the rule no longer applies")
	for _, s := range []alert.State{alert.Firing, alert.Ended} {
		a := resolved("RED", "RED", "GREEN")
		a.State = s
		require.False(t, a.Recovered())
	}
}

func TestAlertSurvivesJSON(t *testing.T) {
	n := phone.Number{PhoneNumber: "86"}
	n.Set(phone.Status, "BANNED")
	a := alert.Alert{
		ID: "a-1", Rule: "banned", Severity: alert.Critical, Field: phone.Status,
		Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: "86"},
		State:   alert.Firing, Transition: alert.GotWorse, Revision: 3,
		Since:   time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
		Change:  phone.Change{Field: phone.Status, Old: "RESTRICTED", New: "BANNED", Direction: phone.Worse, Number: &n},
		Summary: alert.Text{"", "86", " was banned"},
	}
	b, err := json.Marshal(a)
	require.NoError(t, err)
	var back alert.Alert
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, a, back)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"severity":"dire"}`), &back), `unknown severity "dire"`)
}

func TestSinkReportIsAChange(t *testing.T) {
	r := alert.SinkReport{Component: "slack:ops", Value: phone.Parked, Code: "is_archived", Reason: "the channel is archived"}
	condition := r.Condition()
	c := condition.Change(phone.OK)
	require.Equal(t, phone.Worse, c.Direction)
	require.Equal(t, phone.OfBot, c.Subject.Kind())
	require.Equal(t, "is_archived", c.Code)
}
