package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestChangeRoundTrip(t *testing.T) {
	c := newChooser(2)
	for range 5000 {
		want := alert.Event{Seq: c.Uint64(), Time: c.time(), Kind: alert.KindChange, Change: c.change()}
		value, err := appendEvent(nil, &want)
		require.NoError(t, err)
		got, err := decodeEvent(want.Seq, value)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAlertEventRoundTrip(t *testing.T) {
	a := alertOn(fall("8613800001111"))
	other := a
	other.Change.New = "YELLOW"
	for name, change := range map[string]phone.Change{"the alert's change": a.Change, "another change": other.Change} {
		want := alert.Event{Seq: 7, Time: noon, Kind: alert.KindAlert, Change: change, Alert: &a}
		value, err := appendEvent(nil, &want)
		require.NoError(t, err, name)
		got, err := decodeEvent(7, value)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestNoticeRoundTrip(t *testing.T) {
	want := alert.Event{Seq: 1, Time: noon, Kind: alert.KindBot, Notice: &alert.Notice{Kind: "start", Text: "hello"}}
	value, err := appendEvent(nil, &want)
	require.NoError(t, err)
	got, err := decodeEvent(1, value)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEventThatLacksItsSubjectIsRefused(t *testing.T) {
	for _, k := range []alert.Kind{alert.KindAlert, alert.KindBot, 9} {
		_, err := appendEvent(nil, &alert.Event{Seq: 3, Kind: k})
		require.ErrorContains(t, err, "event 3")
	}
}

func TestTimesComeBackInUTC(t *testing.T) {
	local := noon.In(time.FixedZone("x", 3600))
	got, err := decodeEvent(1, must(appendEvent(nil, &alert.Event{Time: local})))
	require.NoError(t, err)
	require.Equal(t, noon, got.Time)
}

func TestRecordsAreSmall(t *testing.T) {
	e := changeEvent(1)
	require.Less(t, len(must(appendEvent(nil, &e))), 512)

	a := alertOn(e.Change)
	e = alert.Event{Time: noon, Kind: alert.KindAlert, Change: a.Change, Alert: &a}
	require.Less(t, len(must(appendEvent(nil, &e))), 1400)
}

func FuzzDecodeEvent(f *testing.F) {
	a := alertOn(fall("8613800001111"))
	for _, e := range []alert.Event{
		changeEvent(1),
		{Kind: alert.KindAlert, Change: a.Change, Alert: &a},
		{Kind: alert.KindBot, Notice: &alert.Notice{Kind: "stop"}},
	} {
		f.Add(must(appendEvent(nil, &e)))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := decodeEvent(1, value)
		if err != nil {
			return
		}
		again, err := decodeEvent(1, must(appendEvent(nil, &e)))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
