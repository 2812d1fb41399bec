package slack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify/card"
)

func testCards() *card.Maker {
	return &card.Maker{Space: alerttest.Space, Link: "https://numwatch.example.com/alerts"}
}

func opsBoard(alerts ...alert.Alert) *board {
	return newBoard([]string{"ops"}, alerts, nil, alerttest.Noon)
}

// posted does what a post that succeeds does.
func (b *board) posted(a action, id string, at time.Time) alert.Message {
	m := alert.Message{ID: id, Channel: "ops", Target: "C1", TS: id, State: alert.Posted, At: at}
	for _, x := range a.alerts {
		m.Alerts = append(m.Alerts, alert.ShownAlert{Alert: x.ID, Revision: x.Revision, NotifiedRevision: x.Revision})
	}
	b.put(m)
	return m
}

func baseline(i int) alert.Alert {
	a := inSpace(alerttest.Firing(i), i)
	a.Baseline, a.Change.Baseline = true, true
	return a
}

func TestBoardWaitsForTheFirstRound(t *testing.T) {
	b := opsBoard()
	for i := range 20 {
		b.update(baseline(i), alerttest.Noon.Add(time.Duration(i)*time.Minute))
	}
	now := alerttest.Noon.Add(20 * time.Minute)
	a := b.next("ops", now, slots{})
	require.Equal(t, rest, a.deed)
	require.Equal(t, alerttest.Noon.Add(baselineMost), a.until, "a round that never ends is cut short")
	other := inSpace(alerttest.Firing(1), 99)
	b.update(other, now)
	a = b.next("ops", now, slots{})
	require.Equal(t, []alert.Alert{other}, a.alerts, "what is no baseline does not wait")
	b.posted(a, "m1", now)
	b.baselineDone("main")
	a = b.next("ops", now, slots{})
	require.Equal(t, post, a.deed)
	require.Len(t, a.alerts, 20)
	require.Equal(t, "First look at account main: 20 × quality-red", testCards().Message(a.alerts, now, true).Title)
	b.posted(a, "m2", now)
	require.Equal(t, action{}, b.next("ops", now, slots{}))
}

// The first look at a space may come late: it could not be polled before, or its
// rule waits.
func TestBoardShowsALateBaselineSoon(t *testing.T) {
	b := opsBoard()
	b.baselineDone("main")
	b.update(baseline(1), alerttest.Noon)
	b.update(baseline(2), alerttest.Noon.Add(time.Second))
	ready := alerttest.Noon.Add(time.Second + baselineQuiet)
	require.Equal(t, ready, b.next("ops", alerttest.Noon.Add(time.Second), slots{}).until)
	a := b.next("ops", ready, slots{})
	require.Len(t, a.alerts, 2)
	b.posted(a, "m1", ready)
	b.update(baseline(3), alerttest.Noon.Add(time.Hour))
	require.Len(t, b.next("ops", alerttest.Noon.Add(time.Hour+baselineQuiet), slots{}).alerts, 1)
}

func TestBoardShowsAStoredBaselineSoon(t *testing.T) {
	b := opsBoard(baseline(1), baseline(2))
	a := b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, alerttest.Noon.Add(baselineQuiet), a.until)
	a = b.next("ops", alerttest.Noon.Add(baselineQuiet), slots{})
	require.Len(t, a.alerts, 2)
}

func TestBoardFoldsWhatHadToWait(t *testing.T) {
	b := opsBoard()
	for i := range 5 {
		a := inSpace(alerttest.Firing(i), i)
		a.Severity = alert.Severity(3 - i%4)
		b.update(a, alerttest.Noon)
	}
	first := b.next("ops", alerttest.Noon, slots{})
	require.Len(t, first.alerts, 1)
	require.Equal(t, alert.Critical, first.alerts[0].Severity, "the worst first")
	b.posted(first, "m1", alerttest.Noon)
	free := slots{post: alerttest.Noon.Add(time.Second)}
	a := b.next("ops", alerttest.Noon, free)
	require.Equal(t, rest, a.deed)
	require.Equal(t, free.post, a.until)
	a = b.next("ops", free.post, free)
	require.Len(t, a.alerts, 4)
	require.Equal(t, alert.High, a.alerts[0].Severity)
}

func TestBoardHoldsBack(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	a.HeldBy = []string{"mute:nights"}
	b.update(a, alerttest.Noon)
	require.Equal(t, action{}, b.next("ops", alerttest.Noon, slots{}))
	a.HeldBy = nil
	b.update(a, alerttest.Noon)
	act := b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, post, act.deed)
	b.posted(act, "m1", alerttest.Noon)

	a.HeldBy = []string{"silence:s-1"}
	b.update(a, alerttest.Noon)
	act = b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, edit, act.deed, "the message says what holds it")
	require.Contains(t, testCards().Message(act.alerts, alerttest.Noon, false).Footer, "held by silence:s-1")
	b.edited("m1", alerttest.Noon)
	a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
	b.update(a, alerttest.Noon)
	act = b.next("ops", alerttest.Noon.Add(time.Minute), slots{})
	require.Equal(t, edit, act.deed, "worse is shown, not told, while it is held")
	closed := alerttest.Resolved(a, alerttest.Noon)
	b.update(closed, alerttest.Noon)
	act = b.next("ops", alerttest.Noon.Add(time.Minute), slots{})
	require.Equal(t, reply, act.deed, "who was told of the opening is told of the end")
}

func TestBoardDoesNotShowWhatClosedWhileHeld(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	a.HeldBy = []string{"mute:nights"}
	b.update(a, alerttest.Noon)
	closed := alerttest.Resolved(a, alerttest.Noon)
	b.update(closed, alerttest.Noon)
	require.Equal(t, action{}, b.next("ops", alerttest.Noon, slots{}))
	alerts, _ := b.expired(alerttest.Noon.Add(3*time.Hour), 2*time.Hour)
	require.Equal(t, []string{a.ID}, alerts)
}

func TestBoardIgnoresWhatNeverOpened(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	a.State, a.Transition, a.Revision = alert.Pending, alert.NoTransition, 0
	b.update(a, alerttest.Noon)
	a.State = alert.Ended
	b.update(a, alerttest.Noon)
	require.Empty(t, b.alerts)
}

func TestBoardShowsANoticeLikeAnOpening(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	a.State, a.Transition, a.Severity = alert.Ended, alert.Opened, alert.Warning
	b.update(a, alerttest.Noon)
	act := b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, post, act.deed)
	card := testCards().Message(act.alerts, alerttest.Noon, true)
	require.Equal(t, "Warning", card.Mark.Word)
	require.Contains(t, card.Title, "fell from YELLOW to RED")
	b.posted(act, "m1", alerttest.Noon)
	require.Equal(t, action{}, b.next("ops", alerttest.Noon, slots{}))
	alerts, messages := b.expired(alerttest.Noon.Add(3*time.Hour), 2*time.Hour)
	require.Equal(t, []string{a.ID}, alerts)
	require.Equal(t, []string{"m1"}, messages)
	b.forget(alerts, messages)
	require.Empty(t, b.alerts)
	require.Empty(t, b.messages)
}

func TestBoardReopeningEditsInPlace(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	b.posted(b.next("ops", alerttest.Noon, slots{}), "m1", alerttest.Noon)
	a = alerttest.Resolved(a, alerttest.Noon)
	b.update(a, alerttest.Noon)
	act := b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, reply, act.deed)
	m := act.message
	m.Alerts = []alert.ShownAlert{{Alert: a.ID, Revision: 2, NotifiedRevision: 2}}
	b.put(m)
	a.State, a.Transition, a.Revision, a.Openings = alert.Firing, alert.Reopened, 3, 2
	b.update(a, alerttest.Noon)
	act = b.next("ops", alerttest.Noon, slots{})
	require.Equal(t, edit, act.deed)
	require.Contains(t, testCards().Message(act.alerts, alerttest.Noon, false).Footer, "opened 2 times")
}

func TestBoardKeepsWhatOpensWhileItIsForgotten(t *testing.T) {
	b := opsBoard()
	a, other := alerttest.Resolved(alerttest.Firing(1), alerttest.Noon), alerttest.Resolved(alerttest.Firing(2), alerttest.Noon)
	for i, x := range []alert.Alert{a, other} {
		b.update(x, alerttest.Noon)
		b.posted(b.next("ops", alerttest.Noon, slots{}), fmt.Sprint("m", i+1), alerttest.Noon)
	}
	at := alerttest.Noon.Add(3 * time.Hour)
	alerts, messages := b.expired(at, 2*time.Hour)
	require.Len(t, alerts, 2)
	require.Equal(t, []string{"m1", "m2"}, messages)
	a.State, a.Transition, a.Revision, a.Openings = alert.Firing, alert.Reopened, 3, 2
	b.update(a, at)
	b.forget(alerts, messages)
	require.Len(t, b.alerts, 1)
	act := b.next("ops", at, slots{})
	require.Equal(t, edit, act.deed)
	require.Equal(t, "m1", act.message.ID)
	require.Equal(t, []alert.Alert{a}, act.alerts)
}

func TestBoardEscalationPostsInTheNewChannel(t *testing.T) {
	b := newBoard([]string{"ops", "oncall"}, nil, nil, alerttest.Noon)
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	b.posted(b.next("ops", alerttest.Noon, slots{}), "m1", alerttest.Noon)
	require.Equal(t, action{}, b.next("oncall", alerttest.Noon, slots{}))
	a.Channels = []string{"oncall", "ops"}
	b.update(a, alerttest.Noon)
	require.Equal(t, post, b.next("oncall", alerttest.Noon, slots{}).deed)
	require.Equal(t, action{}, b.next("ops", alerttest.Noon, slots{}))
}

func TestBoardEditsOneMessageNotTooOften(t *testing.T) {
	b := opsBoard()
	a := alerttest.Firing(1)
	b.update(a, alerttest.Noon)
	b.posted(b.next("ops", alerttest.Noon, slots{}), "m1", alerttest.Noon)
	b.edited("m1", alerttest.Noon)
	a.Revision = 2
	b.update(a, alerttest.Noon)
	require.Equal(t, alerttest.Noon.Add(editEvery), b.next("ops", alerttest.Noon, slots{}).until)
	full := slots{edit: alerttest.Noon.Add(time.Minute)}
	require.Equal(t, full.edit, b.next("ops", alerttest.Noon.Add(editEvery), full).until)
	require.Equal(t, edit, b.next("ops", alerttest.Noon.Add(editEvery), slots{}).deed)
}

// play plays Slack's part at random: posts that get lost, time that passes.
type play struct {
	*board
	t      *testing.T
	chance *rand.Rand
	now    time.Time
	free   slots
	posts  int
	truth  map[string]alert.Alert
}

// step does what the board asks for; it returns false when there is nothing.
func (p *play) step() bool {
	a := p.next("ops", p.now, p.free)
	m := a.message
	m.Alerts = slices.Clone(m.Alerts)
	switch a.deed {
	case rest:
		require.True(p.t, a.until.IsZero() || a.until.After(p.now))
		p.now = later(p.now, a.until)
		return !a.until.IsZero()
	case post:
		p.posts++
		p.free.post = p.now.Add(time.Second)
		if m = p.posted(a, fmt.Sprint("m", p.posts), p.now); p.chance.IntN(8) == 0 {
			p.drop(m.ID, p.now)
		}
		return true
	case reply:
		p.free.post = p.now.Add(time.Second)
	case edit:
		p.edited(m.ID, p.now)
	}
	for i := range m.Alerts {
		if r := p.alerts[m.Alerts[i].Alert].Revision; a.deed == edit {
			m.Alerts[i].Revision = r
		} else {
			m.Alerts[i].NotifiedRevision = r
		}
	}
	p.put(m)
	return true
}

// happen opens an alert, or moves one.
func (p *play) happen() {
	n := p.chance.IntN(12)
	a, known := p.truth[alerttest.Firing(n).ID]
	switch {
	case !known:
		a = alerttest.Firing(n)
		a.Change.RequestId = fmt.Sprint(p.chance.IntN(4))
		a.Baseline = p.chance.IntN(4) == 0
	case a.State.Closed():
		return
	case p.chance.IntN(2) == 0:
		a = alerttest.Resolved(a, p.now)
	default:
		a.Revision++
		a.Notified, a.Transition = a.Revision, alert.GotWorse
	}
	p.truth[a.ID] = a
	p.update(a, p.now)
}

// Whatever comes in whatever order: what the board asks for ends with every
// alert shown as it is, by one message.
func TestBoardAlwaysEndsInTheTruth(t *testing.T) {
	for seed := range uint64(300) {
		p := &play{board: opsBoard(), t: t, chance: rand.New(rand.NewPCG(seed, 1)), now: alerttest.Noon, truth: map[string]alert.Alert{}}
		for range 60 {
			p.happen()
			for range p.chance.IntN(4) {
				p.step()
			}
		}
		for i := 0; p.step(); i++ {
			require.Less(t, i, 1000, "seed %d does not come to rest", seed)
		}
		for id, a := range p.truth {
			m := p.column("ops").listed[id]
			require.NotEmpty(t, m, "seed %d", seed)
			require.True(t, p.messages[m].shows(&a), "seed %d", seed)
		}
		require.Empty(t, p.column("ops").waiting)
		require.Empty(t, p.column("ops").stale)
	}
}
