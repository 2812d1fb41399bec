package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

// recordingLoop records what it is asked for.
type recordingLoop struct {
	asked  []string
	until  []time.Time
	refuse map[string]error // by alert or matcher
}

func (c *recordingLoop) Ack(_ context.Context, id, by string) (alert.Alert, error) {
	c.asked = append(c.asked, id+" by "+by)
	return alert.Alert{}, c.refuse[id]
}

func (c *recordingLoop) Silence(_ context.Context, s alert.Silence) (alert.Silence, error) {
	c.asked = append(c.asked, s.Match.String()+" by "+s.By)
	c.until = append(c.until, s.Until)
	return s, c.refuse[s.Match.String()]
}

func alertOn(i int, rule, space, number string) alert.Alert {
	return alert.Alert{ID: fmt.Sprint("a-", i), Rule: rule, Subject: phone.Subject{Account: "main", Space: space, PhoneNumber: number}}
}

func TestAButtonSilencesTheRuleWhereItFired(t *testing.T) {
	synctest.Test(t, testSilenceButton)
}

func testSilenceButton(t *testing.T) {
	c := &recordingLoop{}
	o := operator{c}
	require.NoError(t, o.Silence(t.Context(), []alert.Alert{alertOn(1, "red", "1", "86")}, time.Hour, "ada"))
	require.Equal(t, []string{"account=main space=1 number=86 rule=red by ada"}, c.asked)
	require.Equal(t, time.Now().Add(time.Hour).UTC(), c.until[0], "time stands still in here")

	c.asked = nil
	require.NoError(t, o.Silence(t.Context(), []alert.Alert{
		alertOn(1, "red", "1", "86"), alertOn(2, "red", "1", "87"), alertOn(3, "banned", "1", "86"), alertOn(4, "red", "2", "88"),
	}, 24*time.Hour, "ada"))
	require.Equal(t, []string{
		"account=main space=1,2 rule=red by ada", "account=main space=1 rule=banned by ada",
	}, c.asked)

	c.asked = nil
	parked := alert.Alert{ID: "a-5", Rule: "sink-parked", Subject: phone.Subject{Component: "slack:ops"}}
	require.NoError(t, o.Silence(t.Context(), []alert.Alert{parked}, time.Hour, "ada"))
	require.Equal(t, []string{"part=slack:ops rule=sink-parked by ada"}, c.asked, "not for every sink")

	c.refuse = map[string]error{"account=main space=2 rule=banned": errors.New("no")}
	err := o.Silence(t.Context(), []alert.Alert{alertOn(1, "red", "1", "86"), alertOn(4, "banned", "2", "88")}, time.Hour, "ada")
	require.EqualError(t, err, "1 of 2 silences are in force: no")
}

// However many spaces a message is about, and whatever else the rule spoke of.
func TestOnePressIsOneSilence(t *testing.T) {
	c := &recordingLoop{}
	var alerts []alert.Alert
	for i := range 300 {
		alerts = append(alerts, alertOn(i, "blind", fmt.Sprint(1000+i), ""))
	}
	require.NoError(t, operator{c}.Silence(t.Context(), alerts, time.Hour, "ada"))
	require.Equal(t, []string{"account=main space=1000,1001,1002 and 297 more rule=blind by ada"}, c.asked)
	made := matchersOf(alerts)[0]
	for _, a := range alerts {
		require.True(t, made.Matches(&a, nil))
	}
	other := alertOn(1, "blind", "2000", "")
	require.False(t, made.Matches(&other, nil))
	of := matchersOf(append(alerts, alertOn(300, "blind", "", "")))
	require.Len(t, of, 2, "one silence of the account must not widen that of its spaces, nor be narrowed by it")
}

func TestAButtonAcknowledgesWhatIsStillOpen(t *testing.T) {
	closed := fmt.Errorf("%w: alert a-1 is resolved", alert.ErrRejected)
	c := &recordingLoop{refuse: map[string]error{"a-1": closed}}
	o := operator{c}
	both := []alert.Alert{alertOn(1, "red", "1", "86"), alertOn(2, "red", "1", "87")}
	require.NoError(t, o.Ack(t.Context(), both, "ada"))
	require.Equal(t, []string{"a-1 by ada", "a-2 by ada"}, c.asked)
	require.ErrorIs(t, o.Ack(t.Context(), both[:1], "ada"), alert.ErrRejected)
	c.refuse["a-1"], c.refuse["a-2"] = nil, context.DeadlineExceeded
	require.EqualError(t, o.Ack(t.Context(), both, "ada"), "1 of 2 alerts are acknowledged: context deadline exceeded")
}
