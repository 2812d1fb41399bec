package view

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// trimmed is an empty store whose log begins somewhere.
type trimmed struct {
	Store
	first uint64
}

func (*trimmed) Alerts() ([]alert.Alert, error)         { return nil, nil }
func (*trimmed) Messages() ([]alert.Message, error)     { return nil, nil }
func (*trimmed) Silences() ([]alert.Silence, error)     { return nil, nil }
func (*trimmed) Conditions() ([]phone.Condition, error) { return nil, nil }
func (s *trimmed) FirstSeq() uint64                     { return s.first }

// The index of the history must not grow for ever: it shrinks with the log.
func TestTheIndexShrinksWithTheLog(t *testing.T) {
	s := &trimmed{first: 1}
	v, err := New(s)
	require.NoError(t, err)
	subject := phone.Subject{Account: "main", Space: "1", PhoneNumber: "86"}
	var c store.Commit
	const last = trimAtLeast + 1000
	for seq := uint64(1); seq <= last; seq++ {
		c.Events = append(c.Events, alert.Event{Seq: seq, Kind: alert.KindChange, Change: phone.Change{Subject: subject}})
	}
	v.Committed(&c)
	require.Len(t, v.prints.of, last)

	s.first = trimAtLeast + 1 + 500
	v.Committed(&store.Commit{TrimBefore: s.first})
	require.Len(t, v.prints.of, 500)
	seqs := v.candidates(subject, 0, 2)
	require.Equal(t, []uint64{last, last - 1}, seqs)
}
