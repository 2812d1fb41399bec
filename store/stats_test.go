package store

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatsCount(t *testing.T) {
	s := openTemp(t)
	c := full()
	require.NoError(t, s.Commit(c))
	got := must(s.Stats(t.Context()))
	require.Equal(t, s.Epoch(), got.Epoch)
	require.Equal(t, []uint64{3, 5, 3, 1, 3, 1, 1}, []uint64{
		got.Spaces, got.Numbers, got.Events, got.FirstSeq, got.LastSeq, got.Alerts, got.Messages,
	})
	require.Len(t, got.Buckets, int(bucketCount))
	require.Equal(t, "checkpoints", got.Buckets[checkpoints].Name)
	require.Equal(t, uint64(2), got.Buckets[checkpoints].Records)
	require.Equal(t, uint64(len("nats"+"x"+"empty")+2*sumLen), got.Buckets[checkpoints].Bytes)
	require.Equal(t, must(os.Stat(s.path)).Size(), got.FileSize)
	require.Positive(t, got.PageSize)

	require.NoError(t, s.Commit(&Commit{Events: changeEvents(4, 2000)}))
	require.NoError(t, s.Commit(&Commit{TrimBefore: 2000}))
	require.Greater(t, must(s.Stats(t.Context())).FreePages, 50)
}
