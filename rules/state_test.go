package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func TestStateForgetsWhatIsDropped(t *testing.T) {
	w := newTestbed(t, blocked+red)
	a := one(t, w.see(phone.Status, "BANNED"))
	b := one(t, w.see(phone.QualityRating, "RED"))
	require.Equal(t, 2, w.st.Len())
	w.st.Drop(a.ID)
	w.st.Drop("a-unknown")
	_, ok := w.st.Get(a.ID)
	require.False(t, ok)
	for got := range w.st.All() {
		require.Equal(t, b, got)
		break
	}
	require.Equal(t, []string{"red resolved"}, transitions(w.see(phone.Status, "CONNECTED", phone.QualityRating, "GREEN")))
	w.st.Drop(b.ID)
	require.Zero(t, w.st.Len())
	require.Equal(t, alert.Opened, one(t, w.later(time.Minute).see(phone.QualityRating, "RED")).Transition, "nothing to take up again")
}

func TestTheLastClosedAlertIsTakenUpAgain(t *testing.T) {
	w := newTestbed(t, blocked)
	w.see(phone.Status, "BANNED")
	w.see(phone.Status, "CONNECTED")
	second := one(t, w.later(2*time.Hour).see(phone.Status, "BANNED"))
	w.see(phone.Status, "CONNECTED")
	alerts := slices.Collect(w.st.All())
	require.Len(t, alerts, 2)
	for range 2 {
		slices.Reverse(alerts)
		w.st = rules.NewState(alerts)
		in := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.Status, "CONNECTED", "BANNED")}}
		require.Equal(t, second.ID, one(t, w.set.Step(w.st, in, w.now)).ID)
	}
}

func TestTwoNoticesAtTheSameTimeAreOneAlert(t *testing.T) {
	w := newTestbed(t, "  - {name: named, on: VerifiedName, once: true, severity: info, summary: '{New}'}\n")
	a := one(t, w.see(phone.VerifiedName, "B"))
	b := one(t, w.see(phone.VerifiedName, "C"))
	require.Equal(t, a.ID, b.ID)
	require.Equal(t, uint64(2), b.Revision)
	require.Equal(t, uint64(2), b.Notified)
}

func TestMigratedNumbersEnd(t *testing.T) {
	w := newTestbed(t, red)
	w.see(phone.QualityRating, "RED")
	require.Equal(t, "the number was migrated", one(t, w.see(phone.Status, "MIGRATED")).Closing)
}
