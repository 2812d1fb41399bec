package store

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestStateRoundTrip(t *testing.T) {
	c := newChooser(1)
	for range 2000 {
		want := c.state(space("s"))
		value := appendState(nil, &want)
		got, err := decodeState(want.Space, value)
		require.NoError(t, err)
		require.Equal(t, want, *got)
	}
}

func TestAbsentIsNotEmpty(t *testing.T) {
	var n phone.Number
	n.Set(phone.VerifiedName, "")
	r := stateOf(space("s"), n)
	got, err := decodeState(r.Space, appendState(nil, &r))
	require.NoError(t, err)
	require.True(t, got.Numbers[0].Has(phone.VerifiedName))
	require.False(t, got.Numbers[0].Has(phone.Status))
}

// What the numbers of a space have in common takes its room once.
func TestStateTakesWhatRepeatsOnce(t *testing.T) {
	var one, many phone.SpaceState
	for i := range 100 {
		n := *changeEvent(1).Change.Number
		n.PhoneNumber = fmt.Sprintf("8613800%06d", i)
		many.Numbers = append(many.Numbers, phone.TrackedNumber{Number: n})
	}
	one.Numbers = many.Numbers[:1]
	perNumber := (len(appendState(nil, &many)) - len(appendState(nil, &one))) / 99
	require.LessOrEqual(t, perNumber, 14+2+2, "the number, its length and two masks")
}

func TestFieldCodesRoundTrip(t *testing.T) {
	for f := range phone.Fields() {
		r := &reader{value: []byte{fieldCode(f)}}
		require.Equal(t, f, r.field())
		require.NoError(t, r.end())
	}
	for _, c := range []byte{byte(phone.NumberFields), 127, 200, 255} {
		r := &reader{value: []byte{c}}
		r.field()
		require.ErrorIs(t, r.err, errDamaged, "%d", c)
	}
}

func FuzzDecodeState(f *testing.F) {
	c := newChooser(3)
	for range 10 {
		r := c.state(space("s"))
		f.Add(appendState(nil, &r))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decodeState(space("s"), value)
		if err != nil {
			return
		}
		again, err := decodeState(space("s"), appendState(nil, r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

// A value from before a field existed has a shorter mask; a bit of the mask that
// is not known is damage.
func TestShorterMaskReads(t *testing.T) {
	old := appendText([]byte{0b10}, "BANNED") // only the field of bit 1
	r := &reader{value: old}
	var n phone.Number
	r.fields(&n)
	require.NoError(t, r.end())
	require.Equal(t, "BANNED", n.Get(phone.Status))
	require.Equal(t, 1, n.Known().Len())

	r = &reader{value: []byte{0xff, 0xff, 0x03}}
	r.fields(&n)
	require.ErrorIs(t, r.end(), errDamaged)
}

func TestDamagedStates(t *testing.T) {
	for name, section := range map[string][]byte{
		"a repeated value with nothing before":  {1, 1, '1', 0b10, 0b10},
		"a repeated value that was not there":   {2, 1, '1', 0b1, 0, 0, 1, '2', 0b10, 0b10},
		"a repeated field that it has not":      {2, 1, '1', 0b1, 0, 0, 1, '2', 0, 0b1},
		"a repeated field that is unknown":      {1, 1, '1', 0, 0x80, 0x80, 0x04},
		"numbers out of order":                  {2, 1, '2', 0, 0, 1, '1', 0, 0},
		"a number that is there twice":          {2, 1, '1', 0, 0, 1, '1', 0, 0},
		"more numbers than there is room for":   {200, 1, '1', 0, 0},
		"a length that reaches out of the file": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		value := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(section)))
		value = append(append(value, section...), 0, 0, 0)
		_, err := decodeState(space("s"), value)
		require.ErrorIs(t, err, errDamaged, name)
	}
}
