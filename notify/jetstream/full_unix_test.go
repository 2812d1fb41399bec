//go:build unix

package jetstream

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// limitFiles keeps files from growing beyond a size, which stands for a full disk, and
// returns what lifts it.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}))
	lift = func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }
	t.Cleanup(func() { lift(); signal.Reset(syscall.SIGXFSZ) })
	return lift
}

// The disk of the embedded server fills up while it runs. Once there is room it goes on,
// with every event once.
func TestEmbeddedServerGoesOnAfterAFullDisk(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	n := New(b.optionsFor(Login{Server: b.server}))
	n.patient, n.ackWithin = 100*time.Millisecond, 300*time.Millisecond
	b.run(n)
	b.add(b.mixed(50, 5)...)
	b.caughtUp()
	lift := limitFiles(t, roomNeeded-1)
	added := 50
	require.Eventually(t, func() bool { // the server takes some before it has written them
		b.add(b.mixed(200, 5)...)
		added += 200
		return b.log.condition(component) == phone.Parked
	}, 3*soon, 500*time.Millisecond)
	require.Contains(t, b.log.reason(component), "is full: free some space")
	lift()
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == b.log.LastSeq() }, time.Minute, time.Millisecond)
	b.requireOnceInOrder(b.published(added))
	b.working()
}

// What JetStream may store does not hang on what is free when it starts.
func TestEmbeddedServerIsNotLimitedByWhatIsFree(t *testing.T) {
	b := newRig(t)
	require.EqualValues(t, int64(noLimit), b.server.server.JetStreamConfig().MaxStore)
	entries, err := os.ReadDir(b.server.o.Dir)
	require.NoError(t, err)
	require.Equal(t, "[d jetstream/]", fmt.Sprint(entries))
}
