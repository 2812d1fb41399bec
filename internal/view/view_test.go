package view_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testbed is a store with a view of it: what is committed, the view sees.
type testbed struct {
	*store.Store
	view *view.View
}

func newTestbed(t testing.TB) *testbed {
	s, err := store.Open(filepath.Join(t.TempDir(), "numwatch.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w := &testbed{Store: s}
	w.reopen(t)
	return w
}

// reopen makes a new view of what is stored.
func (w *testbed) reopen(t testing.TB) {
	var err error
	w.view, err = view.New(w.Store)
	require.NoError(t, err)
}

func (w *testbed) commit(t testing.TB, c *store.Commit) {
	require.NoError(t, w.Commit(c))
	w.view.Committed(c)
}

func key(id string) phone.SpaceKey { return phone.SpaceKey{Account: "main", ID: id} }

func number(name string, status, quality string) phone.Number {
	n := phone.Number{PhoneNumber: name}
	n.Set(phone.Status, status)
	n.Set(phone.QualityRating, quality)
	return n
}

func roster(id string, numbers ...phone.Number) phone.SpaceState {
	r := phone.SpaceState{Space: key(id), At: noon}
	for _, n := range numbers {
		r.Numbers = append(r.Numbers, phone.TrackedNumber{Number: n})
	}
	return r
}

func TestCountsFollowCommits(t *testing.T) {
	w := newTestbed(t)
	require.NoError(t, w.view.Build(t.Context()))
	w.commit(t, &store.Commit{SpaceStates: []phone.SpaceState{
		roster("1", number("a", "CONNECTED", "GREEN"), number("b", "BANNED", "RED")),
		roster("2", number("c", "CONNECTED", "GREEN"), number("d", "NEWLY_MADE", "GREEN")),
	}})
	require.Equal(t, []view.Count{
		{Status: "CONNECTED", QualityRating: "GREEN", Numbers: 2}, {Status: "BANNED", QualityRating: "RED", Numbers: 1}, {Status: "NEWLY_MADE", QualityRating: "GREEN", Numbers: 1},
	}, w.view.Counts())
	require.Equal(t, view.Space{Known: true, Numbers: 2, Worst: view.Count{Status: "BANNED", QualityRating: "RED", Numbers: 1}}, w.view.Space(key("1")))

	w.commit(t, &store.Commit{SpaceStates: []phone.SpaceState{roster("1", number("a", "FLAGGED", "YELLOW"))}, DropSpaces: []phone.SpaceKey{key("2")}})
	require.Equal(t, []view.Count{{Status: "FLAGGED", QualityRating: "YELLOW", Numbers: 1}}, w.view.Counts())
	require.Zero(t, w.view.Space(key("2")))
}

// States are the cloud's words: what it makes up must not fill the memory.
func TestStatesAreBounded(t *testing.T) {
	w := newTestbed(t)
	var numbers []phone.Number
	for i := range 1500 {
		numbers = append(numbers, number(fmt.Sprintf("86%04d", i), fmt.Sprintf("STATUS_%d", i), "GREEN"))
	}
	w.view.Committed(&store.Commit{SpaceStates: []phone.SpaceState{roster("1", numbers...)}})
	counts := w.view.Counts()
	require.LessOrEqual(t, len(counts), 1001)
	total := 0
	for _, c := range counts {
		total += c.Numbers
	}
	require.Equal(t, 1500, total, "those beyond the limit are counted together")
	w.view.Committed(&store.Commit{DropSpaces: []phone.SpaceKey{key("1")}})
	require.Empty(t, w.view.Counts())
}

// A commit that comes before the scan has reached its space is newer than what
// the scan may find.
func TestBuildAfterCommits(t *testing.T) {
	w := newTestbed(t)
	var stored store.Commit
	for i := range 50 {
		stored.SpaceStates = append(stored.SpaceStates, roster(fmt.Sprint(i), number("a", "CONNECTED", "GREEN")))
		stored.Events = append(stored.Events, change(uint64(i+1), fmt.Sprint(i), phone.Worse))
	}
	require.NoError(t, w.Commit(&stored))
	w.reopen(t)
	require.False(t, w.view.Built())

	w.commit(t, &store.Commit{
		SpaceStates: []phone.SpaceState{roster("7", number("a", "BANNED", "GREEN"))}, DropSpaces: []phone.SpaceKey{key("8")},
		Events: []alert.Event{change(51, "7", phone.Better)},
	})
	require.NoError(t, w.view.Build(t.Context()))
	require.True(t, w.view.Built())
	require.Equal(t, []view.Count{
		{Status: "CONNECTED", QualityRating: "GREEN", Numbers: 48}, {Status: "BANNED", QualityRating: "GREEN", Numbers: 1},
	}, w.view.Counts())
	bars := w.view.Activity(noon, 1, time.Hour)
	require.Equal(t, 50, bars[0].Worse)
	require.Equal(t, 1, bars[0].Better)
}

func change(seq uint64, space string, d phone.Direction) alert.Event {
	n := number("a", "CONNECTED", "GREEN")
	return alert.Event{Seq: seq, Time: noon, Kind: alert.KindChange, Change: phone.Change{
		Subject: phone.SubjectOf(key(space), "a"), Field: phone.Status, Direction: d, Number: &n, SeenAt: noon,
	}}
}

func TestHistoryIsOfOneSubjectNewestFirst(t *testing.T) {
	w := newTestbed(t)
	var c store.Commit
	for seq := uint64(1); seq <= 300; seq++ {
		c.Events = append(c.Events, change(seq, fmt.Sprint(seq%3), phone.Worse))
	}
	require.NoError(t, w.Commit(&c))
	w.reopen(t)
	require.NoError(t, w.view.Build(t.Context()))
	w.commit(t, &store.Commit{Events: []alert.Event{change(301, "1", phone.Better)}})

	subject := phone.SubjectOf(key("1"), "a")
	events, err := w.view.History(subject, 0, 3)
	require.NoError(t, err)
	require.Equal(t, []uint64{301, 298, 295}, seqs(events))
	events, err = w.view.History(subject, 298, 1000)
	require.NoError(t, err)
	require.Len(t, events, 99)
	require.Equal(t, uint64(295), events[0].Seq)

	w.commit(t, &store.Commit{TrimBefore: 290})
	events, err = w.view.History(subject, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, []uint64{301, 298, 295, 292}, seqs(events))
	none, err := w.view.History(phone.SubjectOf(key("1"), "b"), 0, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

func seqs(events []alert.Event) (all []uint64) {
	for _, e := range events {
		all = append(all, e.Seq)
	}
	return all
}

func TestActivity(t *testing.T) {
	w := newTestbed(t)
	at := func(seq uint64, ago time.Duration, d phone.Direction) alert.Event {
		e := change(seq, "1", d)
		e.Time = noon.Add(-ago)
		return e
	}
	baseline := at(5, 0, phone.Worse)
	baseline.Change.Baseline = true
	w.commit(t, &store.Commit{Events: []alert.Event{
		at(1, 100*24*time.Hour, phone.Worse), at(2, 40*time.Hour, phone.Worse), at(3, 90*time.Minute, phone.Better), at(4, time.Minute, phone.Sideways), baseline,
	}})
	hour := w.view.Activity(noon, 60, time.Minute)
	require.Len(t, hour, 60)
	require.Equal(t, view.Bar{From: noon.Add(-time.Minute), To: noon, Other: 1}, hour[58])
	require.Equal(t, 1, sum(hour))
	require.Equal(t, 2, sum(w.view.Activity(noon, 48, 30*time.Minute)))
	week := w.view.Activity(noon, 84, 2*time.Hour)
	require.Equal(t, 3, sum(week))
	require.Equal(t, 168*time.Hour, week[83].To.Sub(week[0].From))
}

func sum(bars []view.Bar) (n int) {
	for _, b := range bars {
		n += b.Better + b.Worse + b.Other
	}
	return n
}

func TestHitsAreOpenings(t *testing.T) {
	w := newTestbed(t)
	said := func(seq uint64, at time.Time, tr alert.Transition) alert.Event {
		a := alert.Alert{ID: "a", Rule: "red", Subject: phone.SubjectOf(key("1"), "a"), Transition: tr}
		return alert.Event{Seq: seq, Time: at, Kind: alert.KindAlert, Alert: &a}
	}
	w.commit(t, &store.Commit{Events: []alert.Event{
		said(1, noon.Add(-40*24*time.Hour), alert.Opened), said(2, noon.Add(-3*24*time.Hour), alert.Opened),
		said(3, noon.Add(-2*time.Hour), alert.WasResolved), said(4, noon.Add(-time.Hour), alert.Reopened),
	}})
	require.Equal(t, view.Hits{Day: 1, Month: 2, Last: noon.Add(-time.Hour)}, w.view.Hits("red", noon))
	require.Zero(t, w.view.Hits("other", noon))
}

func TestAlertsAndMessagesFollowCommits(t *testing.T) {
	w := newTestbed(t)
	changed := w.view.Changed()
	w.commit(t, &store.Commit{
		Alerts:   []alert.Alert{{ID: "a-1", State: alert.Firing}, {ID: "a-2"}},
		Messages: []alert.Message{{ID: "m-1", Alerts: []alert.ShownAlert{{Alert: "a-1", Incident: "i-1"}}}},
	})
	select {
	case <-changed:
	default:
		t.Fatal("nobody was told of the change")
	}
	require.Len(t, w.view.Alerts(), 2)
	w.reopen(t)
	require.Len(t, w.view.Alerts(), 2)
	require.Len(t, w.view.MessagesOf("i-1"), 1)
	require.Empty(t, w.view.MessagesOf("i-2"))
	w.commit(t, &store.Commit{DropAlerts: []string{"a-2"}, DropMessages: []string{"m-1"}})
	require.Len(t, w.view.Alerts(), 1)
	require.Empty(t, w.view.MessagesOf("i-1"))
	changed = w.view.Changed()
	w.commit(t, &store.Commit{Checkpoints: map[string][]byte{"x": nil}})
	select {
	case <-changed:
		t.Fatal("a checkpoint is nothing to look at")
	default:
	}
}

func TestFind(t *testing.T) {
	w := newTestbed(t)
	a := number("8613800001111", "CONNECTED", "GREEN")
	a.Set(phone.VerifiedName, "Äpfel & Söhne")
	a.Set(phone.UpCallbackUrl, "https://hook.example.com/in?token=TOPSECRET")
	b := number("8613800002222", "BANNED", "RED")
	b.Set(phone.VerifiedName, "Acme Support")
	b.Set(phone.UpQueue, "")
	c := number("6591234567", "CONNECTED", "RED")
	c.Set(phone.UpQueue, "Alicom-Up")
	require.NoError(t, w.Commit(&store.Commit{SpaceStates: []phone.SpaceState{roster("1", a, b), roster("2", c)}}))
	describe := func(k phone.SpaceKey) phone.Space {
		return phone.Space{SpaceKey: k, Name: "Space No " + k.ID, Labels: map[string]string{"tier": "t" + k.ID}}
	}
	fields := func(f phone.Field, v ...string) view.Query {
		return view.Query{Fields: map[phone.Field][]string{f: v}}
	}
	const all = "8613800001111 8613800002222 6591234567"
	for _, test := range []struct {
		q    view.Query
		want string
	}{
		{view.Query{}, all},
		{view.Query{Account: "main"}, all},
		{view.Query{Account: "other"}, ""},
		{view.Query{Space: "2"}, "6591234567"},
		{view.Query{Labels: map[string]string{"tier": "t1"}}, "8613800001111 8613800002222"},
		{view.Query{Text: "+86 138-0000 2222"}, "8613800002222"},
		{view.Query{Text: "ACME"}, "8613800002222"},
		{view.Query{Text: "äpfel"}, "8613800001111"},
		{view.Query{Text: "no 2"}, "6591234567"},
		{view.Query{Text: "zzz"}, ""},
		{fields(phone.Status, "connected"), "8613800001111 6591234567"},
		{fields(phone.QualityRating, "RED", "YELLOW"), "8613800002222 6591234567"},
		{fields(phone.VerifiedName, "sup"), "8613800002222"},
		{fields(phone.VerifiedName, view.Absent), "6591234567"},
		{fields(phone.UpQueue, view.Empty), "8613800002222"},
		{fields(phone.UpQueue, "alicom", view.Empty), "8613800002222 6591234567"},
		{fields(phone.UpCallbackUrl, "hook.example.com/in?…"), "8613800001111"},
		{fields(phone.UpCallbackUrl, "TOPSECRET"), ""},
		{view.Query{Text: "86", Fields: map[phone.Field][]string{phone.Status: {"BANNED"}}}, "8613800002222"},
	} {
		test.q.Limit = 10
		found, err := w.view.Find(test.q, describe)
		require.NoError(t, err)
		var got []string
		for _, r := range found.Rows {
			got = append(got, r.Number.PhoneNumber)
		}
		require.Equal(t, test.want, strings.Join(got, " "), "%+v", test.q)
		require.Equal(t, len(got), found.Total)
	}
}

func TestFindPartAndOne(t *testing.T) {
	w := newTestbed(t)
	b := number("8613800002222", "BANNED", "RED")
	require.NoError(t, w.Commit(&store.Commit{SpaceStates: []phone.SpaceState{roster("1", number("8613800001111", "CONNECTED", "GREEN"), b), roster("2", b)}}))
	page, err := w.view.Find(view.Query{Offset: 1, Limit: 1}, func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k} })
	require.NoError(t, err)
	require.Equal(t, 3, page.Total)
	require.Equal(t, []view.Row{{Space: key("1"), Number: b}}, page.Rows)

	known, err := w.view.Number(key("1"), b.PhoneNumber)
	require.NoError(t, err)
	require.Equal(t, b, known.Number)
	known, err = w.view.Number(key("1"), "86")
	require.NoError(t, err)
	require.Nil(t, known)
}

func BenchmarkFind(b *testing.B) {
	w := newTestbed(b)
	var c store.Commit
	for i := range 10_000 {
		var numbers []phone.Number
		for j := range 10 {
			n := number(fmt.Sprintf("86138%06d%02d", i, j), "CONNECTED", "GREEN")
			n.Set(phone.VerifiedName, "Acme Trading (Asia) Pte Ltd")
			n.Set(phone.UpCallbackUrl, "https://hooks.acme.example.com/cams/inbound?tenant=4711&token=fedcba9876543210")
			numbers = append(numbers, n)
		}
		c.SpaceStates = append(c.SpaceStates, roster(fmt.Sprintf("%05d", i), numbers...))
	}
	require.NoError(b, w.Commit(&c))
	require.NoError(b, w.view.Build(b.Context()))
	describe := func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: "Customer " + k.ID} }
	for name, q := range map[string]view.Query{
		"all": {}, "worst": {Order: view.Order{By: view.ByWorst}}, "name": {Order: view.Order{By: "VerifiedName"}}, "text": {Text: "zzz"}, "status": {Fields: map[phone.Field][]string{phone.Status: {"BANNED"}}},
		"url": {Fields: map[phone.Field][]string{phone.UpCallbackUrl: {"zzz"}}},
	} {
		q.Limit = 50
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := w.view.Find(q, describe)
				require.NoError(b, err)
			}
		})
	}
}

// The history of a space is that of all of its numbers, gone ones too, and of its polls.
func TestHistoryOfASpace(t *testing.T) {
	w := newTestbed(t)
	var c store.Commit
	happened := func(days int, about phone.Subject) {
		at := noon.Add(-time.Duration(days) * 24 * time.Hour)
		c.Events = append(c.Events, alert.Event{
			Seq: uint64(len(c.Events) + 1), Time: at, Kind: alert.KindChange, Change: phone.Change{Subject: about, Field: phone.Status, SeenAt: at, MovedFrom: fmt.Sprint(days)},
		})
	}
	happened(40, phone.SubjectOf(key("1"), "100"))
	happened(9, phone.SubjectOf(key("1"), "100"))
	happened(8, phone.SubjectOf(key("2"), "100"))
	happened(7, phone.SubjectOf(key("1"), "101"))
	happened(6, phone.SubjectOf(key("1"), "102"))
	happened(5, phone.Subject{Account: "main", Space: "1"})
	one := roster("1", number("100", "CONNECTED", "GREEN"), number("101", "CONNECTED", "GREEN"))
	one.Gone = []phone.GoneNumber{{PhoneNumber: "102"}}
	c.SpaceStates = []phone.SpaceState{one, roster("2", number("100", "CONNECTED", "GREEN"))}
	w.commit(t, &c)
	days := func(k phone.SpaceKey, limit int) (all []string) {
		t.Helper()
		events, err := w.view.SpaceHistory(k, noon.Add(-30*24*time.Hour), limit)
		require.NoError(t, err)
		for i := range events {
			all = append(all, events[i].Change.MovedFrom)
		}
		return all
	}
	require.Equal(t, []string{"5", "6", "7", "9"}, days(key("1"), 10))
	require.Equal(t, []string{"5", "6"}, days(key("1"), 2))
	require.Equal(t, []string{"8"}, days(key("2"), 10))
	require.Empty(t, days(key("3"), 10))
}
