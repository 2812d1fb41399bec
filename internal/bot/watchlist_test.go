package bot

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// numbered returns the spaces from one number to another.
func numbered(from, to int) (spaces []phone.Space) {
	for i := from; i <= to; i++ {
		spaces = append(spaces, savedSpace{ID: fmt.Sprint(i), Name: fmt.Sprint("Customer ", i), Labels: map[string]string{"tier": "gold"}}.in("main"))
	}
	return spaces
}

// watchlistOf is one that watches spaces 1 to n.
func watchlistOf(n int) watchlist {
	var w watchlist
	w.update(numbered(1, n), noon)
	return w
}

func TestWhichLossesAreDoubted(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after int
		doubted       bool
	}{
		{"the first list", 0, 5, false},
		{"nothing lost", 12, 12, false},
		{"a third of them", 12, 8, false},
		{"more than a third", 12, 7, true},
		{"all but one", 12, 1, true},
		{"all of them", 3, 0, true},
		{"two of two", 2, 0, false},
		{"two of three", 3, 1, false},
		{"three of four", 4, 1, true},
	} {
		w := watchlistOf(c.before)
		began, returned, gone := w.update(numbered(1, c.after), noon.Add(time.Minute))
		require.Empty(t, returned, c.name)
		require.Empty(t, gone, c.name)
		if c.doubted {
			require.Equal(t, numbered(c.after+1, c.before), began, c.name)
			require.Equal(t, numbered(1, c.before), w.spaces, c.name)
			require.Equal(t, began, w.lacking(), c.name)
		} else {
			require.Empty(t, began, c.name)
			require.ElementsMatch(t, numbered(1, c.after), w.spaces, c.name)
		}
	}
}

func TestMissingSpacesAreWatchedForAnHour(t *testing.T) {
	w := watchlistOf(12)
	w.update(numbered(1, 6), noon)
	require.Equal(t, noon.Add(time.Hour), w.until())
	began, _, gone := w.update(numbered(1, 6), noon.Add(time.Hour-time.Second))
	require.Empty(t, began, "they are told once")
	require.Empty(t, gone)

	// What is lost later has an hour of its own.
	began, _, gone = w.update(numbered(1, 1), noon.Add(time.Hour-time.Second))
	require.Equal(t, numbered(2, 6), began)
	require.Empty(t, gone)
	_, _, gone = w.update(numbered(1, 1), noon.Add(time.Hour))
	require.Equal(t, numbered(7, 12), gone)
	require.Equal(t, numbered(1, 6), w.spaces)
	require.Equal(t, noon.Add(2*time.Hour-time.Second), w.until())
	_, _, gone = w.update(numbered(1, 1), noon.Add(2*time.Hour))
	require.Equal(t, numbered(2, 6), gone)
	require.Equal(t, numbered(1, 1), w.spaces)
	require.Zero(t, w.until())
}

func TestAMendedListEndsTheDoubt(t *testing.T) {
	w := watchlistOf(12)
	w.update(numbered(1, 1), noon)
	began, returned, gone := w.update(numbered(1, 10), noon.Add(time.Minute))
	require.Empty(t, began)
	require.Equal(t, numbered(2, 10), returned)
	require.Equal(t, numbered(11, 12), gone, "few are believed")
	require.Equal(t, numbered(1, 10), w.spaces)
	require.Empty(t, w.lacking())
}

func TestSpacesThatJoinMeanwhileAreWatched(t *testing.T) {
	w := watchlistOf(12)
	w.update(numbered(12, 14), noon)
	require.ElementsMatch(t, numbered(1, 14), w.spaces)
	require.Equal(t, numbered(1, 11), w.lacking())
}

func TestAnAcceptedLossIsBelieved(t *testing.T) {
	w := watchlistOf(12)
	require.Empty(t, w.accept())
	w.update(numbered(1, 1), noon)
	require.Equal(t, numbered(2, 12), w.accept())
	began, returned, gone := w.update(numbered(1, 1), noon)
	require.Empty(t, began)
	require.Empty(t, returned)
	require.Empty(t, gone)
	require.Equal(t, numbered(1, 1), w.spaces)
}

// A restart neither forgets what is missing nor gives it another hour.
func TestTheWatchlistOutlivesARestart(t *testing.T) {
	w := watchlistOf(12)
	w.update(numbered(1, 1), noon)
	saved, err := w.save()
	require.NoError(t, err)
	again, err := restoreWatchlist("main", saved)
	require.NoError(t, err)
	require.Equal(t, w, again)
	began, _, gone := again.update(numbered(1, 1), noon.Add(59*time.Minute))
	require.Empty(t, began)
	require.Empty(t, gone)
	_, _, gone = again.update(numbered(1, 1), noon.Add(time.Hour))
	require.Equal(t, numbered(2, 12), gone)

	broken, err := restoreWatchlist("main", []byte(`{"spaces":[{"id":"7"},{"id":8}]}`))
	require.Error(t, err)
	require.Empty(t, broken.spaces, "half a list is none")
}
