package watch_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
)

func TestASpaceThatLeavesEndsItsAlerts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.poll("1", number("86", "BANNED", "GREEN"))
	b.poll("2", number("87", "BANNED", "GREEN"))
	b.board.said()
	require.NoError(t, b.loop.SetSpaces(context.Background(), "main", spaces[1:]))
	require.Equal(t, []string{"banned main/1/86 ended"}, b.board.said())
	b.poll("1", number("86", "BANNED", "GREEN"))
	require.Empty(t, b.board.said(), "a late answer for a space that left counts for nothing")
	require.NoError(t, b.loop.SetSpaces(context.Background(), "main", spaces))
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	require.Contains(t, b.log(), "Number →APPEARED")
	require.NotContains(t, b.log(), "Status BANNED→CONNECTED", "what was known of it is gone")
}

func TestASpaceThatLeftWhileTheBotWasDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.poll("1", number("86", "BANNED", "GREEN"))
	require.NoError(t, b.loop.SetSpaces(context.Background(), "main", append(spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "9"}})))
	b.poll("9", number("99", "BANNED", "GREEN"))
	b.stop()
	b = start(t, path)
	require.Equal(t, []string{"banned main/9/99 ended"}, b.board.said())
}

func TestAnAccountThatLeftWhileTheBotWasDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	k := phone.SpaceKey{Account: "other", ID: "9"}
	require.NoError(t, b.loop.SetSpaces(t.Context(), "other", []phone.Space{{SpaceKey: k}}))
	_, err := b.loop.Deliver(t.Context(), poller.Result{
		Space: k, Started: time.Now(), At: time.Now(), Err: &poller.Error{Class: poller.DeniedAccount, Account: "other", Code: "NoPermission"},
	})
	require.NoError(t, err)
	parked := alert.SinkReport{Part: "slack:ops", Value: phone.Parked, At: time.Now()}
	require.NoError(t, b.loop.Keep(t.Context(), alert.Receipt{Sink: &parked}))
	require.Equal(t, []string{"blind other opened", "parked slack:ops opened"}, b.board.said())
	b.stop()

	b = start(t, path)
	require.Equal(t, []string{"blind other ended"}, b.board.said())
	require.NotContains(t, b.log(), "Poll DENIED→OK", "nobody knows that")
	alerts, err := b.store.Alerts()
	require.NoError(t, err)
	closing := map[string]string{}
	for _, a := range alerts {
		closing[a.Rule] = a.Closing
	}
	require.Equal(t, map[string]string{"blind": watch.AccountLeftReason, "parked": ""}, closing)
	conditions, err := b.store.Conditions()
	require.NoError(t, err)
	require.Len(t, conditions, 1, "only that of the sink")
}
