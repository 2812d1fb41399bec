package view_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/store"
)

// nothing is a store that holds nothing.
type nothing struct{ *store.Store }

func (nothing) Alerts() ([]alert.Alert, error)         { return nil, nil }
func (nothing) Messages() ([]alert.Message, error)     { return nil, nil }
func (nothing) Silences() ([]alert.Silence, error)     { return nil, nil }
func (nothing) Conditions() ([]phone.Condition, error) { return nil, nil }
func (nothing) FirstSeq() uint64                       { return 1 }

// With a million numbers in 100,000 spaces and two million events in the log the
// view takes less than 60 MB.
func TestMemory(t *testing.T) {
	spaces, events, most := 100_000, 2_000_000, 60.0
	if testing.Short() {
		spaces, events, most = spaces/10, events/10, most/5
	}
	before := heap()
	view, err := view.New(nothing{})
	require.NoError(t, err)
	var numbers []phone.TrackedNumber
	for j := range 10 {
		quality := "GREEN"
		if j == 3 {
			quality = "YELLOW"
		}
		numbers = append(numbers, phone.TrackedNumber{Number: number(fmt.Sprint(j), "CONNECTED", quality)})
	}
	seq := uint64(0)
	for i := range spaces {
		k := phone.SpaceKey{Account: "main", ID: fmt.Sprintf("2934839388%05d", i)}
		c := store.Commit{SpaceStates: []phone.SpaceState{{Space: k, Numbers: numbers}}}
		for range events / spaces {
			seq++
			c.Events = append(c.Events, change(seq, k.ID, phone.Worse))
		}
		view.Committed(&c)
		view.Polled(k, noon.Add(time.Duration(i)*time.Second))
	}
	took := float64(heap()-before) / 1e6
	t.Logf("%d numbers, %d events: %.1f MB", 10*spaces, events, took)
	require.Less(t, took, most)
	require.Equal(t, 9*spaces, view.Counts()[0].Numbers)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
