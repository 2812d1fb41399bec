package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/storetest"
)

// Records that rotted in the store do not stop the bot: they are set aside, the
// log says so, and everything else goes on.
func TestDamagedRecordsDoNotStopTheBot(t *testing.T) {
	asked, dir := restartWorld(t)
	path := filepath.Join(dir, "data", "numwatch.db")
	everySpace := func() bool { return len(asked.last()) == restartSpaces }
	live(t, dir, everySpace)

	s, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Commit(&store.Commit{
		Alerts:     []alert.Alert{{ID: "a-1", Rule: "banned"}},
		Messages:   []alert.Message{{ID: "m-1"}},
		Silences:   []alert.Silence{{ID: "s-1"}},
		Conditions: []phone.Condition{{Subject: phone.Subject{Component: "slack:ops"}, Field: phone.Sink, Value: phone.Parked}},
	}))
	known, err := s.SpaceState(phone.SpaceKey{Account: "main", ID: "s7"})
	require.NoError(t, err)
	before := s.LastSeq()
	require.NoError(t, s.Close())
	for _, bucket := range []string{"alerts", "messages", "silences", "conditions"} {
		storetest.Damage(t, path, bucket, "", 0)
	}
	storetest.Damage(t, path, "spaces", "main\x00s7", 7) // the length of the number

	restarted := time.Now()
	live(t, dir, func() bool {
		for _, at := range asked.last() {
			if at.Before(restarted.Add(time.Second)) {
				return false
			}
		}
		return true
	})
	s, err = store.Open(path, store.Options{})
	require.NoError(t, err)
	defer s.Close()
	events, err := s.ReadLog(before+1, 1000)
	require.NoError(t, err)
	var said []string
	for _, e := range events {
		require.NotEqual(t, alert.KindAlert, e.Kind)
		if e.Kind == alert.KindBot && e.Notice.Kind == "record-damaged" {
			said = append(said, e.Notice.Text)
		}
	}
	require.Len(t, said, 2)
	require.Contains(t, strings.Join(said, "\n"), "alerts: 1, conditions: 1, messages: 1, silences: 1")
	require.Contains(t, strings.Join(said, "\n"), "space main/s7 is damaged")
	state, err := s.SpaceState(known.Space)
	require.NoError(t, err)
	require.Equal(t, known.Numbers, state.Numbers)
}
