package store

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestRosterRoundTrip(t *testing.T) {
	c := newChooser(1)
	for range 2000 {
		want := c.roster(space("s"))
		value := appendRoster(nil, &want)
		got, err := decodeRoster(want.Space, value)
		require.NoError(t, err)
		require.Equal(t, want, *got)

		numbers, err := phoneNumbers(value)
		require.NoError(t, err)
		require.Len(t, numbers, len(want.Numbers))
		for i, e := range want.Numbers {
			require.Equal(t, e.PhoneNumber, numbers[i])
		}
	}
}

func TestAbsentIsNotEmpty(t *testing.T) {
	var n phone.Number
	n.Set(phone.VerifiedName, "")
	r := rosterOf(space("s"), n)
	got, err := decodeRoster(r.Space, appendRoster(nil, &r))
	require.NoError(t, err)
	require.True(t, got.Numbers[0].Has(phone.VerifiedName))
	require.False(t, got.Numbers[0].Has(phone.Status))
}

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

// A value from before a field existed has a shorter mask; one from a newer
// numwatch has bits that are not known here.
func TestMaskTellsOldFromNew(t *testing.T) {
	old := appendText([]byte{0b10}, "BANNED") // only the field of bit 1
	r := &reader{rest: string(old)}
	var n phone.Number
	r.fields(&n)
	require.NoError(t, r.end())
	require.Equal(t, "BANNED", n.Get(phone.Status))
	require.Equal(t, 1, n.Known().Len())

	r = &reader{rest: string([]byte{0xff, 0xff, 0x03})}
	r.fields(&n)
	require.ErrorIs(t, r.end(), errNewer)
}

// rosterOfVersion1 is what the first version wrote: every value of every number.
func rosterOfVersion1(r *phone.SpaceState) []byte {
	section := binary.AppendUvarint(nil, uint64(len(r.Numbers)))
	for i := range r.Numbers {
		section = appendFields(appendText(section, r.Numbers[i].PhoneNumber), &r.Numbers[i].Number)
	}
	b := binary.BigEndian.AppendUint32([]byte{1, 0}, uint32(len(section)))
	return appendText(appendTime(append(b, section...), r.At), r.RequestId)
}

// A roster of version 1 reads like any other, is never the same as a snapshot,
// and so is written anew by the next poll.
func TestRosterOfVersion1(t *testing.T) {
	want := rosterOf(space("s"), named("1", "2")...)
	value := rosterOfVersion1(&want)
	got, err := decodeRoster(want.Space, value)
	require.NoError(t, err)
	require.Equal(t, want, *got)
	numbers, err := phoneNumbers(value)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, numbers)
	var lines []phone.Number
	_, err = eachLine(value, func(l *Line) bool { lines = append(lines, l.Number()); return true })
	require.NoError(t, err)
	require.Equal(t, named("1", "2"), lines)
	require.False(t, sameNumbers(value, appendSnapshotNumbers(nil, named("1", "2"))))
}

// A roster of version 2 lacks only when a missed number was last listed.
func TestRosterOfVersion2(t *testing.T) {
	want := rosterOf(space("s"), named("1", "2")...)
	value := appendRoster(nil, &want)
	value[0] = 2
	require.True(t, sameNumbers(value, appendSnapshotNumbers(nil, named("1", "2"))))
	want.Numbers[1].Missed, want.Numbers[1].MissedSince = 2, noon
	value = appendRoster(nil, &want)
	value = value[:len(value)-len(appendTime(nil, time.Time{}))]
	value[0] = 2
	got, err := decodeRoster(want.Space, value)
	require.NoError(t, err)
	require.Equal(t, want, *got)
}

// What the numbers of a space have in common takes its room once.
func TestRosterTakesWhatRepeatsOnce(t *testing.T) {
	var one, many phone.SpaceState
	for i := range 100 {
		n := *changeEvent(1).Change.Number
		n.PhoneNumber = fmt.Sprint(8613800000000 + i)
		many.Numbers = append(many.Numbers, phone.TrackedNumber{Number: n})
	}
	one.Numbers = many.Numbers[:1]
	perNumber := (len(appendRoster(nil, &many)) - len(appendRoster(nil, &one))) / 99
	require.LessOrEqual(t, perNumber, 14+2+2, "the number, its length and two masks")
}

func TestRepetitionOfWhatIsNotThereIsDamage(t *testing.T) {
	for name, section := range map[string][]byte{
		"nothing before":          {1, 1, '1', 0b10, 0b10},
		"another field before":    {2, 1, '1', 0b1, 0, 0, 1, '2', 0b10, 0b10},
		"a field it has not":      {2, 1, '1', 0b1, 0, 0, 1, '2', 0, 0b1},
		"a field nobody knows of": {1, 1, '1', 0, 0x80, 0x80, 0x04},
	} {
		value := binary.BigEndian.AppendUint32([]byte{rosterVersion, 0}, uint32(len(section)))
		value = append(append(value, section...), 0, 0, 0)
		_, err := decodeRoster(space("s"), value)
		require.ErrorIs(t, err, errDamaged, name)
		_, err = eachLine(value, func(*Line) bool { return true })
		require.ErrorIs(t, err, errDamaged, name)
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	_, err := decodeRoster(space("s"), []byte{9, 0, 0, 0, 0, 0, 0})
	require.ErrorIs(t, err, errNewer)
}

func TestFieldCodesRoundTrip(t *testing.T) {
	for f := range phone.Fields() {
		r := &reader{rest: string([]byte{fieldCode(f)})}
		require.Equal(t, f, r.field())
		require.NoError(t, r.end())
	}
	for _, c := range []byte{byte(phone.NumberFields), 127, 200, 255} {
		r := &reader{rest: string([]byte{c})}
		r.field()
		require.ErrorIs(t, r.err, errNewer, "%d", c)
	}
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

func FuzzDecodeRoster(f *testing.F) {
	c := newChooser(3)
	for range 10 {
		r := c.roster(space("s"))
		f.Add(appendRoster(nil, &r))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		_, _ = phoneNumbers(value)
		r, err := decodeRoster(space("s"), value)
		if err != nil {
			return
		}
		again, err := decodeRoster(space("s"), appendRoster(nil, r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
