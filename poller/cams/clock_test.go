package cams

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	"numwatch/poller/ratelimit"
)

// A cloud that refuses this machine's time is asked by its own from then on.
func TestRequestsAreSignedByTheCloudsTime(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		says string
	}{{-20*time.Minute - 30*time.Second, "20 min behind the cloud's"}, {time.Hour + 30*time.Second, "1 h ahead of the cloud's"}} {
		var off atomic.Int64
		off.Store(int64(c.off))
		var logged bytes.Buffer
		var told []string
		sim := newCloud(t, 100, camssim.Space{Id: "7"})
		client := sim.client(t, func(o *ClientOptions) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
			o.Log = slog.New(slog.NewTextHandler(&logged, nil))
			o.ClockOff = func(w string) { told = append(told, w) }
		})
		for range 3 {
			snapshot, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
			require.NoError(t, err)
			require.WithinDuration(t, time.Now().Add(c.off), snapshot.At, time.Minute, "everything but the signature goes by this machine's time")
		}
		require.Equal(t, 4, sim.Stats("main").Requests, "one is refused")
		require.Len(t, client.Warnings(), 1)
		require.Contains(t, client.Warnings()[0], c.says)
		require.Equal(t, client.Warnings()[0], told[len(told)-1])
		require.Equal(t, 1, strings.Count(logged.String(), "level=WARN"))

		off.Store(0)
		_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
		require.NoError(t, err, "though it was set by hours in between")
		require.Empty(t, client.Warnings())
		require.Empty(t, told[len(told)-1])
		require.Contains(t, logged.String(), "right again")
	}
}

func TestAClockThatDriftsIsFollowed(t *testing.T) {
	now := time.Now().Add(-20*time.Minute - 30*time.Second)
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	client := sim.client(t, func(o *ClientOptions) { o.Now = func() time.Time { return now } })
	for range 4 {
		_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
		require.NoError(t, err)
		now = now.Add(-10 * time.Minute)
	}
	require.Equal(t, 5, sim.Stats("main").Requests)
	require.Contains(t, client.Warnings()[0], "50 min behind")
}

// Without a Date that can be read, or where the cloud refuses its own time too,
// the error says what is known.
func TestAClockThatCannotBeCorrectedIsNamed(t *testing.T) {
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "InvalidTimeStamp.Expired"})
	client := sim.client(t, func(o *ClientOptions) {
		o.Now = func() time.Time { return time.Now().Add(-time.Hour - 30*time.Second) }
	})
	e := fetchError(t, client, "7")
	require.Equal(t, Clock, e.Class)
	require.Contains(t, e.Error(), "set this machine's clock: it is 1 h behind the cloud's")
	require.Equal(t, 2, sim.Stats("main").Requests, "tried twice")
	require.Contains(t, client.clock.advice(http.Header{}), "at most 15 minutes off")
}
