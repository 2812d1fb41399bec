package display

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func plainNumber(number, name string) phone.Number {
	n := phone.Number{PhoneNumber: number}
	for f, v := range map[phone.Field]string{
		phone.VerifiedName: name, phone.Status: "CONNECTED", phone.QualityRating: "GREEN", phone.MessagingLimitTier: "TIER_10K",
	} {
		n.Set(f, v)
	}
	return n
}

// texts returns what a lane says, the newest first, with the share of the whole
// that each value takes.
func texts(t Timeline, name string) (all []string) {
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
	line := NewTimeline(&n, events, noon, "") // 10 h
	require.Equal(t, []string{"BANNED 10.00%", "CONNECTED 10.00%", "RESTRICTED 10.00%", "FLAGGED 50.00%"}, texts(line, "Status"), "it was away for two hours")
	require.Equal(t, []string{"GREEN 20.00%"}, texts(line, "QualityRating"), "what it was before it was away is not known")
	require.Equal(t, []string{"Acme 20.00%", "Acme 60.00%"}, texts(line, "VerifiedName"), "it has changed from nothing")
	require.Empty(t, texts(line, "UpQueue"), "what never changed has no lane")
	require.Contains(t, line.Described, "Status BANNED from 2026-11-23 11:00 UTC until now")
	require.Equal(t, "2026-11-23 02:00:00 UTC", line.From.Exact, "it begins where the number was seen first")
	require.Equal(t, lane{Name: "Status", Present: "BANNED", Tone: Dire}, head(line.Lanes[0]))
	require.Equal(t, []string{"Status", "QualityRating", "MessagingLimitTier", "NameStatus", "VerifiedName"}, names(line))

	unchanged := NewTimeline(&n, nil, noon, "")
	require.Equal(t, []string{"BANNED 100.00%"}, texts(unchanged, "Status"))
	require.Equal(t, tick{"33.33%", "11:53", "2026-11-23T11:53:20Z", "time"}, unchanged.Ticks[1])
}

// However short the last stretch is, what holds now is written in full beside its lane.
func TestTimelineSaysWhatHoldsNow(t *testing.T) {
	name := strings.Repeat("A very long name ", 5)
	n := plainNumber("6590001111", name)
	line := NewTimeline(&n, []alert.Event{ago(time.Second, phone.VerifiedName, "Acme", name, &n), ago(80*24*time.Hour, phone.Status, "PENDING", "CONNECTED", &n)}, noon, "")
	require.Equal(t, strings.TrimSpace(name), strings.TrimSpace(line.Lanes[4].Present))
}

// A timeline can be of the last day, week or three months, and never begins before the
// number was seen.
func TestTimelineZooms(t *testing.T) {
	n := plainNumber("6590001111", "Acme")
	events := []alert.Event{ago(12*time.Hour, phone.Status, "FLAGGED", "CONNECTED", &n), ago(30*24*time.Hour, phone.Status, "PENDING", "FLAGGED", &n)}
	for over, from := range map[string]string{"": "2026-10-24", "1d": "2026-11-22", "7d": "2026-11-16", "90d": "2026-10-24"} {
		line := NewTimeline(&n, events, noon, over)
		require.Equal(t, from+" 12:00:00 UTC", line.From.Exact, over)
		for _, r := range line.Ranges {
			require.Equal(t, r.Href == "?over="+over+"#past", r.Here)
		}
	}
	require.Equal(t, []string{"CONNECTED 50.00%", "FLAGGED 50.00%"}, texts(NewTimeline(&n, events, noon, "1d"), "Status"))
	require.Equal(t, []string{"", "1d", "7d", "90d"}, TimelineRanges())
}

// head is a lane without its stretches.
func head(l lane) lane {
	l.Stretches = nil
	return l
}

func names(t Timeline) (all []string) {
	for _, l := range t.Lanes {
		all = append(all, l.Name)
	}
	return all
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
	line := NewTimeline(&n, events, noon, "")
	require.Equal(t, []string{"high 10.00%", "high 30.00%"}, texts(line, "alert flagged"), "once for each time that it was open")
	require.Equal(t, []string{"high 20.00%"}, texts(line, "alert quality"))
	require.Equal(t, lane{Name: "alert flagged", Present: "high", Tone: SeverityTone(alert.High), Alert: "a"}, head(line.Lanes[len(line.Lanes)-2]))
	require.Equal(t, lane{Name: "alert quality", Tone: Off, Alert: "b"}, head(line.Lanes[len(line.Lanes)-1]))
	require.Equal(t, "alert flagged", line.Lanes[len(line.Lanes)-2].Name, "the latest first")
}
