package watch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	camssim "numwatch/internal/sim/cams"
)

// A number that goes to another space and comes back is reported as moved, and never
// as missing.
func TestANumberThatMovesAndComesBack(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		known, began := len(r.changes()), time.Now()
		r.lists(func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[1:] })
		require.NoError(r, r.cloud.SetNumber("main", "well-1", r.numbers[0]))
		time.Sleep(sickFor)
		require.Equal(r, []string{"main/well-1/12015550000 Number →APPEARED sick"}, r.changes()[known:])
		r.lists(nil)
		require.NoError(r, r.cloud.RemoveNumber("main", "well-1", "12015550000"))
		time.Sleep(15 * time.Minute)
		require.Equal(r, []string{"main/well-1/12015550000 Number APPEARED→MOVED"}, r.changes()[known+1:])
		require.NoError(r, r.cloud.SetNumber("main", "well-1", r.numbers[0]))
		time.Sleep(sickFor)
		require.Equal(r, []string{"main/well-1/12015550000 Number MOVED→APPEARED sick"}, r.changes()[known+2:])
		for _, e := range r.told(began) {
			require.Equal(r, "number-moved", e.Alert.Rule)
		}
	})
}

// A number that two spaces list is known in both: where it goes from one, it is
// not missing.
func TestANumberOfTwoSpacesIsNotMissing(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		known := len(r.changes())
		require.NoError(r, r.cloud.SetNumber("main", "well-1", r.numbers[0]))
		time.Sleep(time.Minute)
		require.Equal(r, []string{"main/well-1/12015550000 Number →APPEARED sick"}, r.changes()[known:], "it does not go to and fro")
		require.NoError(r, r.cloud.Update("main", sick.ID, "12015550000", "QualityRating", "RED"))
		time.Sleep(time.Minute)
		require.Equal(r, []string{"main/sick/12015550000 QualityRating GREEN→RED"}, r.changes()[known+1:], "its values are each space's own")
		require.NoError(r, r.cloud.RemoveNumber("main", "well-1", "12015550000"))
		time.Sleep(15 * time.Minute)
		require.Equal(r, []string{"main/well-1/12015550000 Number APPEARED→MOVED"}, r.changes()[known+2:])
	})
}

// A number that is gone from complete lists, while others fail, is missing.
func TestANumberThatIsGoneIsMissing(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		known, began := len(r.changes()), time.Now()
		require.NoError(r, r.cloud.RemoveNumber("main", sick.ID, "12015550000"))
		r.cloud.Inject(camssim.Fault{Kind: camssim.CutJSON, Space: sick.ID, Probability: 0.5})
		time.Sleep(30 * time.Minute)
		require.Equal(r, []string{"main/sick/12015550000 Number APPEARED→MISSING"}, r.changes()[known:])
		missing := func(e alert.Event) bool { return e.Alert.Rule == "number-missing" }
		require.True(r, slices.ContainsFunc(r.told(began), missing))
		require.NoError(r, r.cloud.SetNumber("main", sick.ID, r.numbers[0]))
		time.Sleep(15 * time.Minute)
		require.Equal(r, []string{"main/sick/12015550000 Number MISSING→APPEARED"}, r.changes()[known+1:])
	})
}

// A number that appears in another space long after it went missing has moved: it is not
// new there, and no longer missing where it was.
func TestANumberThatMovesLate(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		known, began := len(r.changes()), time.Now()
		number := r.numbers[0]
		require.NoError(r, r.cloud.RemoveNumber("main", sick.ID, "12015550000"))
		time.Sleep(15 * time.Minute)
		require.Equal(r, []string{"main/sick/12015550000 Number APPEARED→MISSING"}, r.changes()[known:])
		require.NoError(r, r.cloud.SetNumber("main", "well-1", number))
		time.Sleep(sickFor)
		require.Equal(r, []string{
			"main/well-1/12015550000 Number →APPEARED sick", "main/sick/12015550000 Number MISSING→MOVED",
		}, r.changes()[known+1:])
		var told []string
		for _, e := range r.told(began) {
			told = append(told, fmt.Sprint(e.Alert.Rule, " ", e.Alert.Subject.Space, " ", e.Alert.Transition, " ", e.Alert.Closing))
		}
		require.Equal(r, []string{"number-missing sick opened ", "number-moved well-1 opened ", "number-missing sick ended the number moved to another space"}, told)

		require.NoError(r, r.cloud.RemoveNumber("main", "well-1", "12015550000"))
		time.Sleep(15 * time.Minute)
		require.NoError(r, r.cloud.SetNumber("main", "well-2", number))
		time.Sleep(sickFor)
		require.Equal(r, []string{
			"main/well-1/12015550000 Number APPEARED→MISSING",
			"main/well-2/12015550000 Number →APPEARED well-1", "main/well-1/12015550000 Number MISSING→MOVED",
		}, r.changes()[known+3:], "it comes from where it was last")
		require.NoError(r, r.cloud.SetNumber("main", sick.ID, number))
		time.Sleep(sickFor)
		require.Equal(r, []string{"main/sick/12015550000 Number MOVED→APPEARED well-2"}, r.changes()[known+6:])
	})
}

// A number that goes missing where it came from another space, and is back there, has moved
// back, also where it had been missing before it came.
func TestANumberThatMovesBackLate(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		known := len(r.changes())
		number := r.numbers[0]
		for _, step := range []func() error{
			func() error { return r.cloud.RemoveNumber("main", sick.ID, "12015550000") },
			func() error { return r.cloud.SetNumber("main", "well-1", number) },
			func() error { return r.cloud.RemoveNumber("main", "well-1", "12015550000") },
			func() error { return r.cloud.SetNumber("main", sick.ID, number) },
		} {
			require.NoError(r, step())
			time.Sleep(15 * time.Minute)
		}
		require.Equal(r, []string{
			"main/sick/12015550000 Number APPEARED→MISSING",
			"main/well-1/12015550000 Number →APPEARED sick", "main/sick/12015550000 Number MISSING→MOVED",
			"main/well-1/12015550000 Number APPEARED→MISSING",
			"main/sick/12015550000 Number MOVED→APPEARED well-1", "main/well-1/12015550000 Number MISSING→MOVED",
		}, r.changes()[known:])
	})
}
