package watch_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func TestALogWithoutOldEventsIsHardlyRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		for range 10 {
			require.NoError(t, b.loop.Note(t.Context(), alert.Notice{Kind: "start"}))
		}
		time.Sleep(3 * time.Minute)
		require.Equal(t, 1, b.store.read())
		time.Sleep(25 * time.Hour)
		require.Equal(t, 1, b.store.read(), "what is old stays, as NATS does not have it")
		b.stop()
	})
}
