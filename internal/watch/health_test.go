package watch_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestASpaceThatJoinsHasTimeToBePolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		pass := func(minutes int) {
			for range minutes {
				for _, s := range spaces {
					b.poll(s.ID)
				}
				time.Sleep(time.Minute)
			}
		}
		pass(60)
		late := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "9"}}
		require.NoError(t, b.loop.SetSpaces(t.Context(), "main", append(spaces[:3:3], late)))
		pass(14)
		require.Empty(t, b.board.said())
		pass(2)
		require.Equal(t, []string{"blind main/9 opened"}, b.board.said())
		b.poll("9")
		require.Equal(t, []string{"blind main/9 resolved"}, b.board.said())
		b.stop()
	})
}
