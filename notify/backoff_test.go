package notify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second, 4: 10 * time.Second, 1000: 10 * time.Second} {
		for range 100 {
			got := Backoff(failures, time.Second, 10*time.Second)
			require.LessOrEqual(t, got, want)
			require.GreaterOrEqual(t, got, want/2)
		}
	}
}
