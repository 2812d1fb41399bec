package digest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify/digest"
	"numwatch/phone"
)

// events is a log.
type events []alert.Event

func (l *events) ReadLog(from uint64, limit int) ([]alert.Event, error) {
	rest := (*l)[min(int(from-1), len(*l)):]
	return rest[:min(limit, len(rest))], nil
}

func (l *events) LastSeq() uint64 { return uint64(len(*l)) }

func (l *events) add(a alert.Alert) alert.Alert {
	*l = append(*l, alert.Event{Seq: l.LastSeq() + 1, Kind: alert.KindAlert, Alert: &a})
	return a
}

func in(space string, severity alert.Severity, i int) alert.Alert {
	a := alerttest.Firing(i)
	a.Subject.Space, a.Severity, a.Rule = space, severity, "rule-"+severity.String()
	return a
}

func pointers(alerts ...alert.Alert) (list []*alert.Alert) {
	for i := range alerts {
		list = append(list, &alerts[i])
	}
	return list
}

func TestWhatADigestSumsUp(t *testing.T) {
	log := &events{}
	old := log.add(in("acme", alert.High, 1))
	before := log.LastSeq()
	*log = append(*log, alert.Event{Seq: log.LastSeq() + 1, Kind: alert.KindChange})
	banned := log.add(in("acme", alert.Critical, 2))
	short := log.add(in("shop", alert.Warning, 3))
	short = log.add(alerttest.Resolved(short, alerttest.Noon.Add(3*time.Hour)))
	again := log.add(in("shop", alert.Warning, 4))
	again = log.add(alerttest.Resolved(again, alerttest.Noon.Add(time.Hour)))
	again.State, again.Transition = alert.Firing, alert.Reopened
	log.add(again)
	elsewhere, drill, silenced := in("acme", alert.Critical, 5), in("acme", alert.Critical, 6), in("acme", alert.Critical, 7)
	elsewhere.Channels, drill.Drill, silenced.HeldBy = []string{"oncall"}, true, []string{"silence:1"}
	for _, a := range []alert.Alert{elsewhere, drill, silenced} {
		log.add(a)
	}
	end := log.LastSeq()
	log.add(in("late", alert.Critical, 8)) // behind it

	d, err := digest.Collect(log, "ops", alert.Digest{After: before, Seq: end}, pointers(old, banned, short, again, elsewhere, drill, silenced))
	require.NoError(t, err)
	require.Equal(t, 3, d.Opened.Total)
	require.Equal(t, []string{banned.ID, short.ID, again.ID}, ids(d.Opened.Worst))
	require.Equal(t, alert.Firing, d.Opened.Worst[1].State, "as it opened")
	require.Equal(t, 1, d.Ended.Total, "what opened again has not ended")
	require.Equal(t, []string{short.ID}, ids(d.Ended.Worst))
	require.Equal(t, 3, d.Open.Total)
	require.Equal(t, []string{banned.ID, old.ID, again.ID}, ids(d.Open.Worst), "the worst first")
	require.Equal(t, 1, d.Held)
	require.Len(t, d.Customers, 2)
	require.Equal(t, phone.SpaceKey{Account: "main", ID: "acme"}, d.Customers[0].Space)
	require.Equal(t, []int{2, 1}, []int{d.Customers[0].Open, d.Customers[0].Opened})
	require.Equal(t, []digest.Rule{{Name: "rule-warning", Opened: 3}, {Name: "rule-critical", Opened: 1}}, d.Rules)
	require.False(t, d.Quiet())
	require.False(t, d.Silent())
	held, err := digest.Collect(log, "ops", alert.Digest{After: end - 1, Seq: end}, pointers(silenced))
	require.NoError(t, err)
	require.Equal(t, 1, held.Held)
	require.True(t, held.Silent(), "nobody is called for what a silence holds back")
	require.False(t, held.Quiet())

	quiet, err := digest.Collect(log, "ops", alert.Digest{After: end + 1, Seq: end + 1}, nil)
	require.NoError(t, err)
	require.True(t, quiet.Quiet())
}

func ids(alerts []alert.Alert) (list []string) {
	for _, a := range alerts {
		list = append(list, a.ID)
	}
	return list
}

// A storm is counted, and its worst is listed.
func TestDigestOfAStorm(t *testing.T) {
	log := &events{}
	var open []alert.Alert
	for i := range 2000 {
		a := in("acme", alert.Warning, i)
		if i == 1500 {
			a.Severity = alert.Critical
		}
		open = append(open, log.add(a))
	}
	d, err := digest.Collect(log, "ops", alert.Digest{Seq: log.LastSeq()}, pointers(open...))
	require.NoError(t, err)
	require.Equal(t, []int{2000, 2000}, []int{d.Opened.Total, d.Open.Total})
	require.Equal(t, open[1500].ID, d.Opened.Worst[0].ID)
	require.Equal(t, open[1500].ID, d.Open.Worst[0].ID)
	require.LessOrEqual(t, len(d.Open.Worst)+len(d.Opened.Worst), 30)
}
