package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClocksThatRunAtOtherRatesAreFound(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	first := Report{Heard: noon, Clock: time.Hour}
	for there, want := range map[time.Duration]float64{
		time.Second:             0,
		1010 * time.Millisecond: 0.01, // an answer that took a little longer
		1200 * time.Millisecond: 0.2,
		700 * time.Millisecond:  0.3,
		-time.Hour:              0, // another process
	} {
		require.InDelta(t, want, clockOff(first, Report{Heard: noon.Add(time.Second), Clock: time.Hour + there}), 0.0001)
	}
	require.Zero(t, clockOff(Report{}, Report{Heard: noon, Clock: time.Minute}), "it was heard of once")
}
