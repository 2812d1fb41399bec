package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func openTemp(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "numwatch.db"))
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func space(id string) phone.SpaceKey { return phone.SpaceKey{Account: "main", ID: id} }

// typical is a number as a real answer shows it, with both callback URLs.
func typical(phoneNumber string) phone.Number {
	n := phone.Number{PhoneNumber: phoneNumber}
	for f, v := range map[phone.Field]string{
		phone.VerifiedName: "Acme Trading (Asia) Pte Ltd", phone.Status: "CONNECTED", phone.QualityRating: "GREEN",
		phone.CodeVerificationStatus: "VERIFIED", phone.NewNameStatus: "NONE", phone.NameStatus: "APPROVED",
		phone.MessagingLimitTier: "TIER_100K", phone.StatusQueue: "Alicom-Queue-12-status", phone.UpQueue: "Alicom-Queue-12-up",
		phone.StatusCallbackUrl: "https://hooks.acme.example.com/cams/status?tenant=4711&token=0123456789abcdef",
		phone.UpCallbackUrl:     "https://hooks.acme.example.com/cams/inbound?tenant=4711&token=fedcba9876543210",
		phone.IsOfficial:        "N",
	} {
		n.Set(f, v)
	}
	return n
}

// fleet is n typical numbers, sorted.
func fleet(n int) []phone.Number {
	numbers := make([]phone.Number, n)
	for i := range numbers {
		numbers[i] = typical(fmt.Sprintf("86138%08d", i))
	}
	return numbers
}

func stateOf(k phone.SpaceKey, numbers ...phone.Number) phone.SpaceState {
	r := phone.SpaceState{Space: k, At: noon, RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O", Numbers: []phone.TrackedNumber{}}
	for _, n := range numbers {
		r.Numbers = append(r.Numbers, phone.TrackedNumber{Number: n})
	}
	return r
}

func named(phoneNumbers ...string) (numbers []phone.Number) {
	for _, p := range phoneNumbers {
		numbers = append(numbers, typical(p))
	}
	return numbers
}

// fall is a realistic change: the quality of a typical number fell to RED.
func fall(phoneNumber string) phone.Change {
	n := typical(phoneNumber)
	n.Set(phone.QualityRating, "RED")
	return phone.Change{
		Subject: phone.SubjectOf(space("293483938849493"), phoneNumber), Field: phone.QualityRating,
		Old: "GREEN", New: "RED", Direction: phone.Worse, SeenAfter: noon.Add(-time.Minute), SeenAt: noon,
		RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O", Number: &n,
	}
}

func changeEvent(seq uint64) alert.Event {
	return alert.Event{Seq: seq, Time: noon, Kind: alert.KindChange, Change: fall(fmt.Sprintf("86138%08d", seq))}
}

func changeEvents(from, to uint64) (events []alert.Event) {
	for seq := from; seq <= to; seq++ {
		events = append(events, changeEvent(seq))
	}
	return events
}

func alertOn(c phone.Change) alert.Alert {
	a := alert.Alert{
		Rule: "quality-red", Severity: alert.Critical, Subject: c.Subject, Field: c.Field, State: alert.Firing,
		Change: c, Before: c.Old, Transition: alert.Opened, Revision: 1, Since: noon, Changed: noon, Openings: 1, Notified: 1,
		Summary: alert.Text{"Quality of ", c.Subject.PhoneNumber, " fell from ", c.Old, " to ", c.New},
		Action:  alert.Text{"Pause marketing and find the blocked or reported templates."},
		Runbook: "https://wiki.example.com/wa/quality", Channels: []string{"oncall", "ops"}, HeldBy: []string{"mute nights"},
		Ack: &alert.Ack{By: "U012", At: noon},
	}
	a.ID = alert.ID(a.Key(), noon)
	return a
}

func messageOn(id string, alerts ...alert.Alert) alert.Message {
	m := alert.Message{ID: id, Channel: "ops", Target: "C0123456789", TS: "1795435200.000100", State: alert.Posted, At: noon}
	for _, a := range alerts {
		m.Alerts = append(m.Alerts, alert.ShownAlert{Alert: a.ID, Incident: a.Incident, Revision: a.Revision, NotifiedRevision: a.Revision})
	}
	return m
}

// A chooser makes random values; the same seed makes the same ones.
type chooser struct{ *rand.Rand }

func newChooser(seed uint64) chooser { return chooser{rand.New(rand.NewPCG(seed, 1))} }

func (c chooser) text() string {
	words := []string{"", "a", "RED", "CONNECTED", "héllo ☎", "nul\x00byte", "/", "\xff\xfe", "TIER_2K", "https://x.example/?t=1"}
	return words[c.IntN(len(words))]
}

func (c chooser) time() time.Time {
	if c.IntN(3) == 0 {
		return time.Time{}
	}
	return time.Unix(c.Int64N(1<<33)-1<<31, c.Int64N(1e9)).UTC()
}

// number leaves out some fields, and makes others empty.
func (c chooser) number(phoneNumber string) phone.Number {
	n := phone.Number{PhoneNumber: phoneNumber}
	for f := range phone.FieldsOfNumber() {
		if c.IntN(3) > 0 {
			n.Set(f, c.text())
		}
	}
	return n
}

func (c chooser) state(k phone.SpaceKey) phone.SpaceState {
	r := phone.SpaceState{Space: k, At: c.time(), RequestId: c.text(), Numbers: []phone.TrackedNumber{}}
	for i := range c.IntN(8) {
		if c.IntN(3) == 0 {
			continue
		}
		e := phone.TrackedNumber{Number: c.number(fmt.Sprint(i, c.text()))}
		if c.IntN(3) == 0 {
			e.Missed, e.MissedSince, e.Listed = c.IntN(5), c.time(), c.time()
		}
		r.Numbers = append(r.Numbers, e)
	}
	for i := range c.IntN(3) {
		r.Gone = append(r.Gone, phone.GoneNumber{PhoneNumber: fmt.Sprint(i, c.text()), Listed: c.time(), Moved: c.IntN(2) == 0})
	}
	return r
}

func (c chooser) change() phone.Change {
	fields := slices.Collect(phone.Fields())
	ch := phone.Change{
		Subject: phone.Subject{Account: c.text(), Space: c.text(), PhoneNumber: c.text(), Component: c.text()},
		Field:   fields[c.IntN(len(fields))], Old: c.text(), New: c.text(), Direction: phone.Direction(c.IntN(4)),
		SeenAfter: c.time(), SeenAt: c.time(), RequestId: c.text(), Baseline: c.IntN(2) == 0,
		MovedFrom: c.text(), AwaySince: c.time(), Code: c.text(), Reason: c.text(),
	}
	if c.IntN(2) == 0 {
		n := c.number(c.text())
		ch.Number = &n
		if c.IntN(2) == 0 {
			n.PhoneNumber = ch.Subject.PhoneNumber
		}
		if c.IntN(2) == 0 {
			ch.New = n.Get(ch.Field)
		}
	}
	return ch
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
