package watch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
)

// What befalls every space is told once, for the account.
func TestAnAccountThatFailsIsOneAlert(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5*rigInterval, rigTimeout) // every space has its turn within an interval
	before := r.changes()
	r.cloud.Inject(camssim.Fault{Kind: camssim.BadGateway})
	r.eventually("the account is FAILING", func() bool { return r.condition(account).Value == phone.Failing })
	r.further("a", 3)
	r.further("b", 3)
	require.Len(t, r.alerts(), 1)
	r.cloud.ClearFaults()
	r.eventually("all is well", func() bool { return len(r.alerts()) == 0 })
	require.Equal(t, []string{"account-blind main opened", "account-blind main resolved"}, r.said())
	require.Equal(t, before, r.changes())
}

// A number that moves appears where it comes to, with where it came from, and
// is not reported missing where it was.
func TestANumberThatMovesIsNotMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigInterval, rigTimeout)
	require.NoError(t, r.cloud.SetNumber("main", "b", healthy("8600")))
	require.NoError(t, r.cloud.RemoveNumber("main", "a", "8600"))
	r.eventually("the move is seen", func() bool { return len(r.changes()) == 8 })
	r.further("a", 8)
	require.ElementsMatch(t, []string{"main/b/8600 Number →APPEARED a", "main/a/8600 Number APPEARED→MOVED"}, r.changes()[6:])
	require.Equal(t, []string{"number-appeared main/b/8600 opened"}, r.said(), "and nothing is missing")
}

// A number that two spaces list is known in both: where it goes from one, it is
// not missing.
func TestANumberOfTwoSpacesIsNotMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigInterval, rigTimeout)
	require.NoError(t, r.cloud.SetNumber("main", "b", healthy("8600")))
	r.eventually("it is seen twice", func() bool { return len(r.changes()) == 7 })
	r.further("a", 5)
	r.further("b", 5)
	require.Equal(t, []string{"main/b/8600 Number →APPEARED a"}, r.changes()[6:], "it does not go to and fro")
	require.NoError(t, r.cloud.Update("main", "a", "8600", "QualityRating", "RED"))
	r.eventually("its values are each space's own", func() bool { return len(r.changes()) == 8 })
	require.Equal(t, "main/a/8600 QualityRating GREEN→RED", r.changes()[7])
	require.NoError(t, r.cloud.RemoveNumber("main", "b", "8600"))
	r.eventually("it is gone from one", func() bool { return len(r.changes()) == 9 })
	require.Equal(t, "main/b/8600 Number APPEARED→MOVED", r.changes()[8])
}

// A number that is gone from complete lists, while others fail, is missing.
func TestANumberThatIsGoneIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigInterval, rigTimeout)
	require.NoError(t, r.cloud.RemoveNumber("main", "a", "8600"))
	r.cloud.Inject(camssim.Fault{Kind: camssim.CutJSON, Space: "a", Probability: 0.5})
	r.eventually("it is missing", func() bool { return len(r.changes()) == 7 })
	require.Equal(t, "main/a/8600 Number APPEARED→MISSING", r.changes()[6])
	require.Contains(t, r.said(), "number-missing main/a/8600 opened")
}
