package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

// texts returns what a lane says, the newest first, with the share of the whole
// that each value takes.
func texts(t timeline, name string) (all []string) {
	for _, l := range t.Lanes {
		if l.Name == name {
			for _, s := range l.Stretches {
				all = append(all, s.Text+" "+s.Width)
			}
		}
	}
	return all
}

func ago(d time.Duration, f phone.Field, old, now string, n *phone.Number) alert.Event {
	return alert.Event{Kind: alert.KindChange, Change: phone.Change{Field: f, Old: old, New: now, SeenAt: noon.Add(-d), Number: n}}
}

func TestTimelineOfValues(t *testing.T) {
	n := plainNumber("6590001111", "Acme")
	n.Set(phone.Status, "BANNED")
	connected := plainNumber("6590001111", "Acme")
	events := []alert.Event{
		ago(time.Hour, phone.Status, "CONNECTED", "BANNED", &n),
		ago(2*time.Hour, phone.Presence, phone.Missing, phone.Appeared, &connected),
		ago(4*time.Hour, phone.Presence, phone.Appeared, phone.Missing, nil),
		ago(5*time.Hour, phone.Status, "FLAGGED", "RESTRICTED", &n),
		ago(10*time.Hour, phone.VerifiedName, "", "Acme", &n),
	}
	line := newTimeline(&n, events, noon) // 10 h 24 min
	require.Equal(t, []string{"BANNED 9.62%", "CONNECTED 9.62%", "RESTRICTED 9.62%", "FLAGGED 51.92%"}, texts(line, "Status"), "it was away for two hours")
	require.Equal(t, []string{"GREEN 19.23%"}, texts(line, "QualityRating"), "what it was before it was away is not known")
	require.Equal(t, []string{"Acme 19.23%", "Acme 57.69%"}, texts(line, "VerifiedName"), "it has changed from nothing")
	require.Empty(t, texts(line, "UpQueue"), "what never changed has no lane")
	require.Contains(t, line.Described, "Status BANNED from Nov 23 11:00 until now")

	unchanged := newTimeline(&n, nil, noon)
	require.Equal(t, []string{"BANNED 100.00%"}, texts(unchanged, "Status"))
	require.Equal(t, []string{"11:00", "11:20", "11:40"}, []string{unchanged.Ticks[0].Text, unchanged.Ticks[1].Text, unchanged.Ticks[2].Text})
}

func TestTimelineOfAlerts(t *testing.T) {
	at := func(id, rule string, state alert.State, since, changed time.Duration) alert.Event {
		a := alert.Alert{ID: id, Rule: rule, State: state, Severity: alert.High, Since: noon.Add(-since), Changed: noon.Add(-changed)}
		return alert.Event{Kind: alert.KindAlert, Alert: &a}
	}
	n := plainNumber("6590001111", "Acme")
	events := []alert.Event{
		at("a", "flagged", alert.Firing, time.Hour, 30*time.Minute), // worse
		at("a", "flagged", alert.Firing, time.Hour, time.Hour),      // reopened
		at("b", "quality", alert.Resolved, 6*time.Hour, 4*time.Hour),
		at("a", "flagged", alert.Resolved, 8*time.Hour, 5*time.Hour),
		at("b", "quality", alert.Firing, 6*time.Hour, 6*time.Hour),
		at("a", "flagged", alert.Firing, 8*time.Hour, 8*time.Hour),
		ago(10*time.Hour, phone.VerifiedName, "", "Acme", &n),
	}
	line := newTimeline(&n, events, noon)
	require.Equal(t, []string{"high 9.62%", "high 28.85%"}, texts(line, "alert flagged"), "once for each time that it was open")
	require.Equal(t, []string{"high 19.23%"}, texts(line, "alert quality"))
	require.Equal(t, "alert flagged", line.Lanes[len(line.Lanes)-2].Name, "the latest first")
}
