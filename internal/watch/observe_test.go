package watch_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestAnAnswerThatLacksAKeyForGoodWritesNothing(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "CONNECTED", "GREEN"), number("87", "CONNECTED", "GREEN"))
	without := phone.Number{PhoneNumber: "86"}
	without.Set(phone.Status, "CONNECTED")
	before := b.store.commits
	for range 3 {
		b.poll("1", without, number("87", "CONNECTED", "GREEN"))
	}
	require.Equal(t, before, b.store.commits)
	b.poll("1", without)
	require.Equal(t, before+1, b.store.commits, "that a number is not listed is counted")
	b.poll("1", without, number("87", "CONNECTED", "GREEN"))
	require.Equal(t, before+2, b.store.commits, "and that it is there again")
	b.poll("1", number("86", "CONNECTED", "RED"), number("87", "CONNECTED", "GREEN"))
	require.Contains(t, b.log(), "QualityRating GREEN→RED", "what the answer lacked was known all the time")
}
