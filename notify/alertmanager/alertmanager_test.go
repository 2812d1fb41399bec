package alertmanager

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	sim "numwatch/internal/sim/alertmanager"
	"numwatch/phone"
)

// What fires fires there, for as long as it does, with its labels and texts.
func TestShowsWhatFires(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		opened := b.w.opens(1)
		b.w.change(1, func(a *alert.Alert) {
			a.Reason = &alert.Reason{Level: "account", Text: "too many complaints", Code: "131"}
		}, false)
		b.pass(time.Second)
		require.Equal(t, map[string]sim.Alert{
			"quality-red{account=main, field=QualityRating, number=8613800000001, severity=high, space=1001, tier=gold}": {
				Labels: map[string]string{
					"alertname": "quality-red", "account": "main", "field": "QualityRating", "number": "8613800000001", "severity": "high", "space": "1001", "tier": "gold",
				},
				Annotations: map[string]string{
					"summary": "quality of x is RED", "runbook": "https://wiki.example.com/red", "reason": "account: too many complaints (131)",
				},
				StartsAt: opened.Since.UTC().Round(0), EndsAt: opened.Since.Add(5 * time.Minute).UTC().Round(0), UpdatedAt: b.am.Firing()[onlyName(b)].UpdatedAt,
				GeneratorURL: "https://numwatch.example.com/alerts?state=all&incident=i-1",
			},
		}, b.am.Firing())
		b.pass(time.Hour)
		require.Len(t, b.firing(), 1, "it is posted again and again")
		n, _ := b.am.Posts()
		require.InDelta(t, 61, n, 2)

		ended := b.w.ends(1)
		b.pass(time.Second)
		require.Empty(t, b.firing())
		require.Equal(t, ended.Changed.UTC().Round(0), b.am.Ends()[0].EndsAt)
		b.pass(time.Hour)
		require.Len(t, b.am.Ends(), 1, "an end that is acknowledged is posted once")
		require.Equal(t, "OK", b.w.state("alertmanager:prod:am:9093"))
		require.Zero(t, b.Status().Lag)
	})
}

func onlyName(b *bed) string {
	for name := range b.am.Firing() {
		return name
	}
	return ""
}

// Only what changes is posted at once.
func TestPostsChangesAtOnceAndEverythingEveryMinute(t *testing.T) {
	bubble(t, func(b *bed) {
		for n := range 300 {
			b.w.opens(n)
		}
		b.start()
		before := b.count("ok")
		require.EqualValues(t, 2, before, "the first time all, in two requests")
		b.w.move(7, alert.Firing, alert.GotWorse)
		b.pass(time.Second)
		require.EqualValues(t, before+1, b.count("ok"))
		b.w.change(8, func(a *alert.Alert) { a.Ack = &alert.Ack{By: "ada", At: time.Now()} }, false)
		b.pass(time.Second)
		require.EqualValues(t, before+2, b.count("ok"))
		acknowledged := 0
		for _, a := range b.am.Firing() {
			if a.Annotations["acknowledged_by"] == "ada" {
				acknowledged++
			}
		}
		require.Equal(t, 1, acknowledged)
		b.pass(time.Second)
		require.EqualValues(t, before+2, b.count("ok"), "nothing is new")
		b.pass(time.Minute)
		require.EqualValues(t, before+4, b.count("ok"))
	})
}

// An alert that has not begun for the channel is none of its.
func TestOnlyWhatFollows(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.w.change(2, func(a *alert.Alert) { a.Followers = []string{"siem"} }, false)
		b.w.opens(2)
		b.w.move(3, alert.Pending, alert.NoTransition)
		b.pass(time.Second)
		require.Equal(t, []string{"8613800000001"}, b.firing())
		b.w.ends(2)
		b.pass(time.Hour)
		require.Empty(t, b.am.Ends())
	})
}

// Whoever is gone for long leaves no alert behind.
func TestWithoutNumwatchAlertsEndThemselves(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.pass(time.Second)
		b.stop()
		time.Sleep(4 * time.Minute)
		require.Len(t, b.firing(), 1, "a restart shows nowhere")
		time.Sleep(2 * time.Minute)
		require.Empty(t, b.firing())
		b.start()
		require.Len(t, b.firing(), 1)
	})
}

// What ended while the bot was down, or the Alertmanager, is posted once both are there.
func TestEndsArriveWhateverWasDown(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		for n := range 4 {
			b.w.opens(n)
		}
		b.pass(time.Second)
		b.stop()
		first := b.w.ends(0)
		time.Sleep(time.Minute)
		b.start()
		require.Len(t, b.firing(), 3)
		require.Equal(t, first.Changed.UTC().Round(0), b.am.Ends()[0].EndsAt)

		b.away(http.StatusInternalServerError)
		second := b.w.ends(1)
		b.pass(time.Hour)
		require.Equal(t, "PARKED unavailable", b.w.state("alertmanager:prod:am:9093"))
		require.Contains(t, b.Status().LastError, "500")
		require.EqualValues(t, 1, b.Status().Lag)
		b.stop()
		b.w.ends(2)
		time.Sleep(24 * time.Hour)
		b.am.Restart()
		b.am.Heal()
		b.start()
		require.Equal(t, []string{"8613800000003"}, b.firing())
		require.Len(t, b.am.Ends(), 3)
		var at []time.Time
		for _, a := range b.am.Ends() {
			at = append(at, a.EndsAt)
		}
		require.Contains(t, at, second.Changed.UTC().Round(0))
		require.Equal(t, "OK", b.w.state("alertmanager:prod:am:9093"))
	})
}

// An address that is down does not have the log read again at every try.
func TestReadsTheLogOnce(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		for n := range 3 {
			b.w.opens(n)
		}
		b.pass(time.Second)
		b.away(0)
		b.w.ends(0)
		b.pass(time.Minute)
		before := b.w.reads
		b.pass(time.Hour)
		require.Equal(t, before, b.w.reads)
		require.EqualValues(t, 1, b.Status().Lag, "it is not done with what it has read")
		b.w.ends(1)
		b.pass(time.Hour)
		require.Equal(t, before+1, b.w.reads)
		b.stop() // what it knows is gone, and is read again
		b.am.Heal()
		b.start()
		require.Equal(t, []string{"8613800000002"}, b.firing())
		require.Len(t, b.am.Ends(), 2)
	})
}

// An end that is read late does not end what has opened again since.
func TestAnOldEndDoesNotEndWhatFiresAgain(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.pass(time.Second)
		b.away(0)
		b.w.ends(1)
		b.pass(time.Minute)
		b.w.move(1, alert.Firing, alert.Reopened)
		b.pass(time.Minute)
		b.am.Heal()
		b.pass(5 * time.Minute)
		require.Len(t, b.firing(), 1)
		require.Empty(t, b.am.Ends())
		b.w.ends(1)
		b.pass(time.Second)
		require.Empty(t, b.firing())
	})
}

// The log may be ahead of the alerts: an end counts all the same.
func TestAnEndThatTheAlertsDoNotShowYet(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		fires := b.w.opens(1)
		b.pass(time.Second)
		b.w.ends(1)
		b.w.mu.Lock()
		ended := b.w.alerts["a-1"]
		b.w.alerts["a-1"] = fires
		b.w.mu.Unlock()
		b.pass(time.Second)
		require.Empty(t, b.firing())
		b.w.mu.Lock()
		b.w.alerts["a-1"] = ended
		b.w.mu.Unlock()
		b.pass(time.Hour)
		require.Empty(t, b.firing())
		require.Len(t, b.am.Ends(), 1)
	})
}

// A notice, which leaves nothing open, and a drill show for ten minutes.
func TestNoticesShowForAWhile(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.move(1, alert.Ended, alert.Opened)
		b.w.change(2, func(a *alert.Alert) { a.Drill = true }, false)
		b.w.move(2, alert.Ended, alert.Opened)
		b.pass(9 * time.Minute)
		require.Len(t, b.firing(), 2)
		for _, a := range b.am.Firing() {
			require.Equal(t, a.Labels["number"] == "8613800000002", a.Labels["drill"] == "true")
		}
		b.w.move(1, alert.Ended, alert.Settled)
		b.pass(2 * time.Minute)
		require.Empty(t, b.firing())
	})
}

// One address of a cluster that is down for a day does not hold up the other, and has the
// same picture afterwards.
func TestEachAddressOfAClusterGetsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		one, two := newBed(t, w, "one"), newBed(t, w, "two")
		one.start()
		two.start()
		one.away(0)
		for n := range 10 {
			w.opens(n)
			one.Wake()
			two.pass(time.Second)
			require.Len(t, two.firing(), n+1)
		}
		require.Empty(t, one.firing())
		two.pass(time.Hour)
		for n := range 5 {
			w.ends(n)
			one.Wake()
			two.pass(5 * time.Hour)
			require.Len(t, two.firing(), 9-n)
		}
		require.Equal(t, "PARKED unavailable", w.state("alertmanager:prod:one:9093"))
		require.Equal(t, "OK", w.state("alertmanager:prod:two:9093"))
		one.am.Heal()
		one.pass(2 * time.Minute)
		require.Equal(t, two.firing(), one.firing())
		require.Len(t, one.am.Ends(), 5)
		one.stop()
		two.stop()
	})
}

// Where it begins is on disk before anything is posted: what ends after that is told.
func TestWhereItBeginsIsStoredFirst(t *testing.T) {
	bubble(t, func(b *bed) {
		b.w.broken = context.DeadlineExceeded
		b.start()
		b.w.opens(1)
		b.pass(time.Minute)
		require.Empty(t, b.firing())
		b.w.mu.Lock()
		b.w.broken = nil
		b.w.mu.Unlock()
		b.pass(time.Minute)
		require.Len(t, b.firing(), 1)
	})
}

// An Alertmanager that was restarted knows nothing, and is told within a minute.
func TestAnAlertmanagerMayForget(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.pass(time.Second)
		b.am.Restart()
		b.pass(time.Minute)
		require.Len(t, b.firing(), 1)
	})
}

// To an Alertmanager, other labels are another alert: the one before ends by itself.
func TestLabelsOfASpaceMayChange(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.pass(time.Second)
		b.w.mu.Lock()
		b.w.labels = map[string]string{"tier": "silver"}
		b.w.mu.Unlock()
		b.pass(time.Minute)
		require.Len(t, b.firing(), 2)
		b.pass(5 * time.Minute)
		require.Len(t, b.firing(), 1)
		require.Contains(t, onlyName(b), "tier=silver")
		b.w.ends(1)
		b.pass(time.Second)
		require.Empty(t, b.firing())
	})
}

// An alert keeps its name when its rule gets another one.
func TestARenamedRuleKeepsItsAlert(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.pass(time.Second)
		b.w.change(1, func(a *alert.Alert) { a.Rule, a.OpenedAs = "quality-bad", "quality-red" }, false)
		b.pass(2 * time.Minute)
		require.Len(t, b.firing(), 1)
		require.Empty(t, b.am.Ends())
		b.w.ends(1)
		b.pass(time.Second)
		require.Empty(t, b.firing())
	})
}

// 10,000 alerts at once go out in requests that any proxy takes, and so do their ends.
func TestAStorm(t *testing.T) {
	const storm = 10_000
	bubble(t, func(b *bed) {
		b.start()
		for n := range storm {
			b.w.opens(n)
		}
		b.pass(time.Second)
		require.Len(t, b.firing(), storm)
		n, most := b.am.Posts()
		require.LessOrEqual(t, n, storm/maxAlerts+1)
		require.LessOrEqual(t, most, maxBody+2)
		for n := range storm {
			b.w.ends(n)
		}
		b.pass(time.Second)
		require.Empty(t, b.firing())
		require.Len(t, b.am.Ends(), storm)
	})
}

// Answers that are no success, and what becomes of them.
func TestAnswers(t *testing.T) {
	for _, one := range []struct {
		code       int
		fails      bool
		says       string
		deadLetter bool
	}{
		{http.StatusOK, false, "", false},
		{http.StatusServiceUnavailable, true, "503", false},
		{http.StatusUnauthorized, true, "check username and password", false},
		{http.StatusNotFound, true, "below which /api/v2/alerts is", false},
		{http.StatusFound, true, "redirects are not followed", false},
		{http.StatusRequestEntityTooLarge, true, "413", false},
		{http.StatusBadRequest, false, "", true}, // it took the others
		{0, true, "EOF", false},
	} {
		bubble(t, func(b *bed) {
			b.start()
			b.w.opens(1)
			b.am.Fail(sim.Fault{Code: one.code})
			b.pass(10 * time.Millisecond)
			require.Contains(t, b.Status().LastError, one.says)
			require.Equal(t, one.fails, b.Status().LastError != "", one.code)
			b.pass(2 * time.Minute)
			require.Equal(t, one.deadLetter, b.w.state("alertmanager:prod:am:9093:dead-letters") == "PARKED dead_letters", one.code)
			require.Equal(t, "OK", b.w.state("alertmanager:prod:am:9093"))
			require.Len(t, b.firing(), 1)
		})
	}
}

// People may have everything posted now.
func TestRetry(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.away(http.StatusBadGateway)
		b.pass(time.Hour)
		b.am.Heal()
		b.Retry()
		synctest.Wait()
		require.Len(t, b.firing(), 1)
	})
}

// Only a replica that may act posts.
func TestPostsOnlyWhereItMay(t *testing.T) {
	b := newBed(t, newWorld(), "am")
	b.o.Follower.May = func() error { return context.Canceled }
	require.ErrorIs(t, New(b.o).post(t.Context(), []posted{{}}), context.Canceled)
}

// What left the log before it was read cannot be told, and holds nothing up.
func TestWhatLeftTheLog(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start()
		b.w.opens(1)
		b.w.opens(2)
		b.pass(time.Second)
		b.stop()
		b.w.ends(1)
		b.w.mu.Lock()
		b.w.first = uint64(len(b.w.events)) + 1
		b.w.mu.Unlock()
		b.start()
		b.pass(10 * time.Minute)
		require.Equal(t, []string{"8613800000002"}, b.firing(), "it ended by itself")
		require.Zero(t, b.Status().Lag)
	})
}

func TestLabelsAreValidAndUnique(t *testing.T) {
	w := newWorld()
	w.labels = map[string]string{
		"alertname": "mine", "drill": "no", "label_drill": "clash", "cost-center": "7", "cost.center": "8", "2nd": "x", "größe": "L", "empty": "", "": "nameless", "tier": "go\u202eld\n",
	}
	a := &alert.Alert{Rule: "quality-red", Subject: number(1), Field: phone.QualityRating}
	require.Equal(t, map[string]string{
		"alertname": "quality-red", "severity": "critical", "field": "QualityRating", "account": "main", "space": "1001", "number": "8613800000001",
		"label_alertname": "mine", "label_drill": "no", "label_label_drill": "clash", "cost_center": "7", "label_cost_center": "8",
		"_2nd": "x", "gr__e": "L", "_": "nameless", "tier": "gold ",
	}, newBed(t, w, "am").sinkLabels(a))
	sink := &alert.Alert{Rule: "sink-parked", Subject: phone.Subject{Component: "nats"}, Field: phone.Sink}
	require.Equal(t, "nats", newBed(t, newWorld(), "am").sinkLabels(sink)["part"])
}

func (b *bed) sinkLabels(a *alert.Alert) map[string]string { return New(b.o).labels(a) }

func TestComponents(t *testing.T) {
	require.Equal(t, "alertmanager:prod:am:9093", ComponentOf("prod", "http://am:9093/"))
	require.Equal(t, "alertmanager:prod:proxy.example.com/one", ComponentOf("prod", "https://proxy.example.com/one"))
}
