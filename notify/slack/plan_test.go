package slack

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify/audience"
	"numwatch/notify/card"
)

func testCards() *card.Maker {
	return &card.Maker{Space: alerttest.Space, Link: "https://numwatch.example.com"}
}

// paper is a planner with a State of its own, and what the bot would do with it.
type paper struct {
	*planner
	state *simulatedState
}

func onPaper(channels []string, alerts []alert.Alert, messages ...alert.Message) *paper {
	p := &paper{state: &simulatedState{}}
	for _, a := range alerts {
		p.state.alerts.Put(&a)
	}
	for _, m := range messages {
		p.state.messages.Put(&m)
	}
	p.planner = newPlanner(p.state, configured(channels), alerttest.Noon)
	return p
}

func opsPaper(alerts ...alert.Alert) *paper { return onPaper([]string{"ops"}, alerts) }

func (p *paper) update(a alert.Alert, now time.Time) {
	p.state.alerts.Put(&a)
	p.planner.update(&a, now)
}

// put notes that a message now shows these alerts.
func (p *paper) put(m alert.Message) {
	p.state.messages.Put(&m)
	p.message(&m)
	for _, s := range m.Alerts {
		delete(p.channel(m.Channel).waiting, s.Alert)
	}
}

// posted does what a post that succeeds does.
func (p *paper) posted(a action, id string, at time.Time) *alert.Message {
	m := alert.Message{ID: id, Channel: "ops", Target: "C1", TS: id, State: alert.Posted, At: at}
	m.Alerts = firstShown("ops", a.alerts)
	p.put(m)
	got, _ := p.state.messages.Get(id)
	return got
}

// edited does what an edit that succeeds does.
func (p *paper) edited(a action, at time.Time) {
	m := *a.messages[0]
	m.Alerts = redrawn(&m, a.alerts)
	p.put(m)
	p.message(&m).editAt = at.Add(editEvery)
}

func (p *paper) post(now, free time.Time) action { return p.next("ops", posting, now, free) }

func (p *paper) edit(now time.Time) action { return p.next("ops", editing, now, time.Time{}) }

// requireIdle checks that nothing is left to be done.
func (p *paper) requireIdle(t *testing.T, now time.Time) {
	t.Helper()
	for l := range lanes {
		require.Equal(t, action{}, p.next("ops", l, now, time.Time{}))
	}
}

var whenever time.Time // a lane that is free

func baseline(i int) alert.Alert {
	a := inSpace(alerttest.Firing(i), i)
	a.Baseline, a.Change.Baseline = true, true
	return a
}

func TestPlanWaitsForTheFirstRound(t *testing.T) {
	b := opsPaper()
	for i := range 20 {
		b.update(baseline(i), alerttest.Noon.Add(time.Duration(i)*time.Minute))
	}
	now := alerttest.Noon.Add(20 * time.Minute)
	a := b.post(now, whenever)
	require.Equal(t, idle, a.kind)
	require.Equal(t, alerttest.Noon.Add(audience.BaselineMax), a.until, "a round that never ends is cut short")
	other := inSpace(alerttest.Firing(1), 99)
	b.update(other, now)
	a = b.post(now, whenever)
	require.Equal(t, []alert.Alert{other}, a.alerts, "what is no baseline does not wait")
	b.posted(a, "m1", now)
	b.baselineDone("main")
	a = b.post(now, whenever)
	require.Equal(t, post, a.kind)
	require.Len(t, a.alerts, 20)
	require.Equal(t, "8613800000000 Shop 0, 8613800000001 Shop 1 and 18 more in the first poll of Acme, Acme and 18 more: QualityRating RED", testCards().Message(a.alerts, now).Title)
	b.posted(a, "m2", now)
	b.requireIdle(t, now)
}

// The first look at a space may come late: it could not be polled before, or its
// rule waits.
func TestPlanShowsALateBaselineSoon(t *testing.T) {
	b := opsPaper()
	b.baselineDone("main")
	b.update(baseline(1), alerttest.Noon)
	b.update(baseline(2), alerttest.Noon.Add(time.Second))
	ready := alerttest.Noon.Add(time.Second + audience.BaselineQuiet)
	require.Equal(t, ready, b.post(alerttest.Noon.Add(time.Second), whenever).until)
	a := b.post(ready, whenever)
	require.Len(t, a.alerts, 2)
	b.posted(a, "m1", ready)
	b.update(baseline(3), alerttest.Noon.Add(time.Hour))
	require.Len(t, b.post(alerttest.Noon.Add(time.Hour+audience.BaselineQuiet), whenever).alerts, 1)
}

func TestPlanShowsAStoredBaselineSoon(t *testing.T) {
	b := opsPaper(baseline(1), baseline(2))
	a := b.post(alerttest.Noon, whenever)
	require.Equal(t, alerttest.Noon.Add(audience.BaselineQuiet), a.until)
	a = b.post(alerttest.Noon.Add(audience.BaselineQuiet), whenever)
	require.Len(t, a.alerts, 2)
}

func TestPlanMergesWhatHadToWait(t *testing.T) {
	b := opsPaper()
	for i := range 5 {
		a := inSpace(alerttest.Firing(i), i)
		a.Severity = alert.Severity(3 - i%4)
		b.update(a, alerttest.Noon)
	}
	first := b.post(alerttest.Noon, whenever)
	require.Len(t, first.alerts, 1)
	require.Equal(t, alert.Critical, first.alerts[0].Severity, "the worst first")
	b.posted(first, "m1", alerttest.Noon)
	free := alerttest.Noon.Add(time.Second)
	a := b.post(alerttest.Noon, free)
	require.Equal(t, idle, a.kind)
	require.Equal(t, free, a.until)
	a = b.post(free, free)
	require.Len(t, a.alerts, 4)
	require.Equal(t, alert.High, a.alerts[0].Severity)
}

// What came to wait again, as its posts failed, is told together.
func TestPlanMergesWhatWasNotPosted(t *testing.T) {
	b := opsPaper()
	var lost []*alert.Message
	for i := range 3 {
		b.update(inSpace(alerttest.Firing(i), i), alerttest.Noon)
		lost = append(lost, b.posted(b.post(alerttest.Noon, whenever), fmt.Sprint("m", i), alerttest.Noon))
	}
	for _, m := range lost {
		b.state.messages.Drop(m.ID)
		b.replace(m, alerttest.Noon)
	}
	require.Len(t, b.post(alerttest.Noon, whenever).alerts, 3)
}

func TestPlanHoldsBack(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	a.HeldBy = []string{"mute:nights"}
	b.update(a, alerttest.Noon)
	b.requireIdle(t, alerttest.Noon)
	a.HeldBy = nil
	b.update(a, alerttest.Noon)
	act := b.post(alerttest.Noon, whenever)
	require.Equal(t, post, act.kind)
	b.posted(act, "m1", alerttest.Noon)

	a.HeldBy = []string{"silence:s-1"}
	b.update(a, alerttest.Noon)
	act = b.edit(alerttest.Noon)
	require.Equal(t, edit, act.kind, "the message says what holds it")
	require.Contains(t, testCards().Message(act.alerts, alerttest.Noon).Footer, "held by silence:s-1")
	b.edited(act, alerttest.Noon)
	a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
	b.update(a, alerttest.Noon)
	require.Equal(t, edit, b.edit(alerttest.Noon.Add(time.Minute)).kind)
	require.Equal(t, idle, b.post(alerttest.Noon.Add(time.Minute), whenever).kind, "worse is shown, not told, while it is held")
	b.update(alerttest.Resolved(a, alerttest.Noon), alerttest.Noon)
	act = b.post(alerttest.Noon.Add(time.Minute), whenever)
	require.Equal(t, reply, act.kind, "who was told of the opening is told of the end")
}

func TestPlanDoesNotShowWhatClosedWhileHeld(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	a.HeldBy = []string{"mute:nights"}
	b.update(a, alerttest.Noon)
	b.update(alerttest.Resolved(a, alerttest.Noon), alerttest.Noon)
	b.requireIdle(t, alerttest.Noon)
	alerts, _ := b.expired(alerttest.Noon.Add(3*time.Hour), 2*time.Hour)
	require.Equal(t, []string{a.ID}, alerts)
}

func TestPlanIgnoresWhatNeverOpened(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	a.State, a.Transition, a.Revision, a.Notified = alert.Pending, alert.NoTransition, 0, 0
	b.update(a, alerttest.Noon)
	a.State = alert.Ended
	b.update(a, alerttest.Noon)
	b.requireIdle(t, alerttest.Noon)
}

func TestPlanShowsANoticeLikeAnOpening(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	a.State, a.Transition, a.Severity = alert.Ended, alert.Opened, alert.Warning
	b.update(a, alerttest.Noon)
	act := b.post(alerttest.Noon, whenever)
	require.Equal(t, post, act.kind)
	made := testCards().Message(act.alerts, alerttest.Noon)
	require.Equal(t, "Warning", made.Mark.Word)
	require.Contains(t, made.Title, "fell from YELLOW to RED")
	m := b.posted(act, "m1", alerttest.Noon)
	b.requireIdle(t, alerttest.Noon)
	alerts, messages := b.expired(alerttest.Noon.Add(3*time.Hour), 2*time.Hour)
	require.Equal(t, []string{a.ID}, alerts)
	require.Equal(t, []*alert.Message{m}, messages)
}

// A message on which a lane works is left alone by the others, and one whose
// outcome is unknown is neither edited nor replied to.
func TestPlanWorksOnAMessageOnceAtATime(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	m := *b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
	a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
	b.update(a, alerttest.Noon)
	b.message(&m).busy = true
	b.requireIdle(t, alerttest.Noon)
	b.message(&m).busy = false
	require.Equal(t, reply, b.post(alerttest.Noon, whenever).kind)
	require.Equal(t, idle, b.edit(alerttest.Noon).kind, "the reply comes first")
	b.channel("ops").postAt = alerttest.Noon.Add(parkFor)
	require.Equal(t, edit, b.edit(alerttest.Noon).kind, "the reply cannot come soon")
	m.State = alert.Sending
	b.put(m)
	require.Equal(t, idle, b.post(alerttest.Noon, whenever).kind)
	require.Equal(t, idle, b.edit(alerttest.Noon).kind)
	require.Equal(t, locate, b.next("ops", locating, alerttest.Noon, whenever).kind)
}

func TestPlanEscalationPostsInTheNewChannel(t *testing.T) {
	b := onPaper([]string{"ops", "oncall"}, nil)
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
	require.Equal(t, action{}, b.next("oncall", posting, alerttest.Noon, whenever))
	a.Channels = []string{"oncall", "ops"}
	b.update(a, alerttest.Noon)
	require.Equal(t, post, b.next("oncall", posting, alerttest.Noon, whenever).kind)
	b.requireIdle(t, alerttest.Noon)
}

func TestPlanEditsOneMessageNotTooOften(t *testing.T) {
	b := opsPaper()
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
	a.Revision = 2
	b.update(a, alerttest.Noon)
	b.edited(b.edit(alerttest.Noon), alerttest.Noon)
	a.Revision = 3
	b.update(a, alerttest.Noon)
	require.Equal(t, alerttest.Noon.Add(editEvery), b.edit(alerttest.Noon).until)
	full := alerttest.Noon.Add(time.Minute)
	act := b.next("ops", editing, alerttest.Noon.Add(editEvery), full)
	require.Equal(t, full, act.until)
	require.True(t, act.queues)
	require.Equal(t, edit, b.edit(alerttest.Noon.Add(editEvery)).kind)
}

// play plays Slack's part at random: posts that get lost, time that passes.
type play struct {
	*paper
	t      *testing.T
	chance *rand.Rand
	now    time.Time
	free   time.Time
	posts  int
}

// step does what is asked for; it returns false when there is nothing.
func (p *play) step() bool {
	var soonest time.Time
	for l := range lanes {
		free := whenever
		if l == posting {
			free = p.free
		}
		a := p.next("ops", l, p.now, free)
		if a.kind != idle {
			p.act(a)
			return true
		}
		if !a.until.IsZero() && (soonest.IsZero() || a.until.Before(soonest)) {
			soonest = a.until
		}
	}
	require.True(p.t, soonest.IsZero() || soonest.After(p.now))
	p.now = later(p.now, soonest)
	return !soonest.IsZero()
}

func (p *play) act(a action) {
	switch a.kind {
	case post:
		p.posts++
		p.free = p.now.Add(time.Second)
		if m := p.posted(a, fmt.Sprint("m", p.posts), p.now); p.chance.IntN(8) == 0 {
			p.state.messages.Drop(m.ID)
			p.replace(m, p.now)
		}
	case reply:
		p.free = p.now.Add(time.Second)
		m := *a.messages[0]
		m.Alerts = afterReply(&m, a.told, p.now)
		p.put(m)
	case edit:
		p.edited(a, p.now)
	}
}

// happen opens an alert, or moves one.
func (p *play) happen() {
	n := p.chance.IntN(12)
	old, known := p.state.Alert(alerttest.Firing(n).ID)
	var a alert.Alert
	switch {
	case !known:
		a = alerttest.Firing(n)
		a.Change.RequestId = fmt.Sprint(p.chance.IntN(4))
		a.Baseline = p.chance.IntN(4) == 0
	case old.State.Closed():
		return
	case p.chance.IntN(2) == 0:
		a = alerttest.Resolved(*old, p.now)
	default:
		a = *old
		a.Revision++
		a.Notified, a.Transition = a.Revision, alert.GotWorse
	}
	p.update(a, p.now)
}

// Whatever comes in whatever order: what is planned ends with every alert shown
// as it is, by one message.
func TestPlanAlwaysEndsInTheTruth(t *testing.T) {
	for seed := range uint64(300) {
		p := &play{paper: opsPaper(), t: t, chance: rand.New(rand.NewPCG(seed, 1)), now: alerttest.Noon}
		for range 60 {
			p.happen()
			for range p.chance.IntN(4) {
				p.step()
			}
		}
		for i := 0; p.step(); i++ {
			require.Less(t, i, 1000, "seed %d does not come to rest", seed)
		}
		for _, a := range p.state.Alerts() {
			require.Len(t, p.state.MessagesOf(a.Incident), 1, "seed %d", seed)
		}
		require.Empty(t, p.needed(), "seed %d", seed)
		require.Empty(t, p.channel("ops").waiting)
	}
}

// After a takeover an edit of the replica before may arrive late: what changed lately is edited once more, and what did
// not is left alone.
func TestPlanRedrawsWhatChangedLately(t *testing.T) {
	early, late := alerttest.Firing(1), alerttest.Firing(2)
	early.Changed, late.Changed = alerttest.Noon.Add(-time.Hour), alerttest.Noon.Add(-time.Minute)
	shown := func(a alert.Alert) alert.Message {
		return alert.Message{ID: a.ID, Channel: "ops", Target: "C1", TS: a.ID, State: alert.Posted, At: a.Changed, Alerts: firstShown("ops", []alert.Alert{a})}
	}
	p := onPaper([]string{"ops"}, []alert.Alert{early, late}, shown(early), shown(late))
	p.redraw(time.Time{})
	p.requireIdle(t, alerttest.Noon)
	p.redraw(alerttest.Noon.Add(-2 * time.Minute))
	a := p.edit(alerttest.Noon)
	require.Equal(t, edit, a.kind)
	require.Equal(t, late.ID, a.messages[0].ID)
	require.Len(t, p.candidates(p.channel("ops")), 1)
}

// The store is committed before the sink hears of it. What was to be told may be settled by then.
func TestPlanWhereTheStoreIsAhead(t *testing.T) {
	heldBack := func(a alert.Alert) alert.Alert {
		a.HeldBy = []string{"night"}
		a.Revision++
		return a
	}
	for name, row := range map[string]struct{ before, after func(alert.Alert) alert.Alert }{
		"a reply": {func(a alert.Alert) alert.Alert { return alerttest.Resolved(a, alerttest.Noon) }, func(a alert.Alert) alert.Alert {
			a = alerttest.Firing(1)
			a.Revision, a.Notified, a.Transition = 3, 3, alert.Reopened
			return a
		}},
		"a reminder": {func(a alert.Alert) alert.Alert { a.RemindEvery = 24 * time.Hour; return a }, heldBack},
	} {
		t.Run(name, func(t *testing.T) {
			now := alerttest.Noon.Add(48 * time.Hour)
			b := opsPaper(alerttest.Firing(1))
			m := b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
			a := row.before(alerttest.Firing(1))
			b.update(a, alerttest.Noon)
			require.Equal(t, now, b.post(alerttest.Noon, now).until, "it waits for the channel")
			a = row.after(a)
			b.state.alerts.Put(&a)
			require.NotEqual(t, reply, b.post(now, whenever).kind)
			b.planner.update(&a, now)
			for e := b.edit(now); e.kind != idle; e = b.edit(now) {
				require.Equal(t, m.ID, e.messages[0].ID)
				b.edited(e, now)
				now = now.Add(time.Minute)
			}
			b.requireIdle(t, now)
		})
	}
}

// What is forgotten is never spoken of again: the sink does not hear of that.
func TestPlanWhereAnAlertIsForgotten(t *testing.T) {
	now := alerttest.Noon.Add(48 * time.Hour)
	reminding := alerttest.Firing(1)
	reminding.RemindEvery = 24 * time.Hour
	acknowledged := alerttest.Firing(1)
	acknowledged.Ack = &alert.Ack{By: "kim", At: alerttest.Noon}
	acknowledged.Revision++
	for name, a := range map[string]alert.Alert{
		"with a reply to come":    alerttest.Resolved(alerttest.Firing(1), alerttest.Noon),
		"with a reminder to come": reminding,
		"with an edit to come":    acknowledged,
	} {
		t.Run(name, func(t *testing.T) {
			b := opsPaper(alerttest.Firing(1))
			m := b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
			b.message(m).editAt = now
			b.update(a, alerttest.Noon)
			b.post(alerttest.Noon, now)
			require.Equal(t, idle, b.edit(alerttest.Noon).kind)
			b.state.alerts.Drop(a.ID)
			for l := range lanes {
				require.Equal(t, idle, b.next("ops", l, now, whenever).kind)
			}
			b.requireIdle(t, now)
		})
	}
	t.Run("before it was posted", func(t *testing.T) {
		b := opsPaper(alerttest.Firing(1), alerttest.Firing(2))
		b.state.alerts.Drop(alerttest.Firing(1).ID)
		require.Len(t, b.post(alerttest.Noon, whenever).alerts, 1)
	})
}
