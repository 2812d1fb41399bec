package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/storetest"
)

// damageRules tell of the store beside what crashRules tell.
const damageRules = crashRules + `
  - {name: store-damaged, on: Sink, to: [PARKED], severity: high, where: 'Part == "store"', notify: [blind], summary: "{Code}"}
`

// Records that rotted in the store do not stop the bot: they are set aside, the
// log and one alert say so, and everything else goes on. The cursor of NATS is one of
// them: the stream itself tells where to go on.
func TestDamagedRecordsDoNotStopTheBot(t *testing.T) {
	asked, dir := restartTestbed(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(damageRules), 0o600))
	path := filepath.Join(dir, "data", "numwatch.db")
	live(t, dir, func() bool { // every space twice: the first answer is then in the store
		_, spaces := asked.all()
		times := map[string]int{}
		for _, id := range spaces {
			times[id]++
		}
		for _, n := range times {
			if n < 2 {
				return false
			}
		}
		return len(times) == restartSpaces
	})

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
	for _, bucket := range []string{"alerts", "messages", "silences", "conditions", "checkpoints"} {
		storetest.Damage(t, path, bucket, "", 5)
	}
	storetest.Damage(t, path, "spaces", "main\x00s7", 60) // within a value: it can still be decoded

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
	var said string
	var told []string
	for _, e := range events {
		switch {
		case e.Kind == alert.KindAlert:
			told = append(told, e.Alert.Rule+" "+e.Alert.Transition.String())
		case e.Kind == alert.KindBot && e.Notice.Kind == "record-damaged":
			said = e.Notice.Text
		}
		require.False(t, e.Kind == alert.KindChange && e.Change.Subject.PhoneNumber != "" && !e.Change.Baseline, "a false change: %v", e.Change)
	}
	require.Equal(t, []string{"store-damaged opened"}, told)
	require.Regexp(t, `alerts: 1, checkpoints: [1-9], conditions: [1-9], messages: 1, silences: 1, spaces: 1\)`, said)
	require.Contains(t, said, "main/s7")
	state, err := s.SpaceState(known.Space)
	require.NoError(t, err)
	require.Equal(t, known.Numbers, state.Numbers)
}

// Damaged pages do not stop the bot either: it polls every space, says what was lost, and the
// next start ends the alert.
func TestDamagedPagesDoNotStopTheBot(t *testing.T) {
	asked, dir := restartTestbed(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(damageRules), 0o600))
	path := filepath.Join(dir, "data", "numwatch.db")
	everySpace := func() bool {
		_, spaces := asked.all()
		times := map[string]int{}
		for _, id := range spaces {
			times[id]++
		}
		return len(times) == restartSpaces
	}
	live(t, dir, everySpace)
	epochs := map[string]bool{}
	for _, want := range []string{"store-damaged opened", "store-damaged resolved"} {
		if want == "store-damaged opened" {
			storetest.ZeroRoot(t, path, "log")
		}
		restarted := time.Now()
		live(t, dir, func() bool {
			for _, at := range asked.last() {
				if at.Before(restarted.Add(time.Second)) {
					return false
				}
			}
			return true
		})
		s, err := store.Open(path, store.Options{})
		require.NoError(t, err)
		epochs[s.Epoch()] = true
		events, err := s.ReadLog(1, 1000)
		require.NoError(t, err)
		var last string
		for _, e := range events {
			if e.Kind == alert.KindAlert {
				last = e.Alert.Rule + " " + e.Alert.Transition.String()
			}
			require.False(t, e.Kind == alert.KindChange && e.Change.Subject.PhoneNumber != "" && !e.Change.Baseline, "a false change: %v", e.Change)
		}
		require.Equal(t, want, last)
		require.NoError(t, s.Close())
	}
	require.Len(t, epochs, 1, "one recovery")
	kept, err := filepath.Glob(path + ".damaged-*Z")
	require.NoError(t, err)
	require.Len(t, kept, 1)
}
