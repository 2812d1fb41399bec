package watch

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// The store still has what a space knew that leaves and is back within a commit.
func TestASpaceThatIsBackAtOnceIsNew(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	defer s.Close()
	k := phone.SpaceKey{Account: "main", ID: "1"}
	n := phone.Number{PhoneNumber: "86"}
	require.NoError(t, s.Commit(&store.Commit{SpaceStates: []phone.SpaceState{{Space: k, Numbers: []phone.TrackedNumber{{Number: n}}}}}))
	l, err := New(Options{Store: s, Rules: &rules.Set{}, Directory: NewDirectory(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	l.o.Directory.replace("main", []phone.Space{{SpaceKey: k}})

	d := l.newBatch(time.Now())
	d.forgetSpaces([]phone.SpaceKey{k})
	_, err = d.observe(&phone.Snapshot{Space: k, Numbers: []phone.Number{n}, At: d.now}, time.Time{})
	require.NoError(t, err)
	require.Len(t, d.commit.Events, 1)
	require.True(t, d.commit.Events[0].Change.Baseline)
	require.Len(t, d.commit.SpaceStates, 1)
	d.forgetSpaces([]phone.SpaceKey{k})
	require.Empty(t, d.commit.SpaceStates)
}
