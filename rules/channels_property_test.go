package rules_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/rules"
)

// What an alert notifies is never taken back, and what a channel does not want for now, it
// gets when its mute time is over, whatever waits, is edited or happens meanwhile.
func TestChannelsGetWhatTheyWantWhenTheyWantIt(t *testing.T) {
	var postponed, awake, webhooks int
	sets, _ := editedSets(t, rand.New(rand.NewPCG(3, 1)))
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 3))
		current := r.IntN(len(sets))
		st := rules.NewState(nil)
		for _, s := range randomTimeline(r, 120) {
			for _, in := range disturb(r, st, s, func() { current = r.IntN(len(sets)) }) {
				set := sets[current]
				for _, a := range set.Step(st, in, s.at) {
					before, known := st.Get(a.ID)
					requireChannels(t, before, known, &a, set, s.at)
					if postponed += len(a.Later); known && len(before.Later) > len(a.Later) && a.State == alert.Firing {
						awake++
					}
					webhooks += len(a.Followers)
					st.Apply(a)
				}
				if _, ok := in.(rules.Tick); ok {
					for a := range st.All() {
						for _, name := range a.Later {
							require.True(t, a.State == alert.Pending || set.MutedAt(name, s.at), "with seed %d at %s: %s has %s wait for nothing", seed, s.at, a.Rule, name)
						}
					}
				}
			}
			if r.IntN(10) == 0 {
				st = rules.NewState(slices.Collect(st.All()))
			}
		}
	}
	require.Greater(t, postponed, 200)
	require.Greater(t, awake, 50)
	require.Greater(t, webhooks, 1000)
}

// requireChannels checks the channels of an alert against those before.
func requireChannels(t *testing.T, before alert.Alert, known bool, a *alert.Alert, set *rules.Set, now time.Time) {
	t.Helper()
	if rules.Unsaid(a) {
		return
	}
	for _, list := range [][]string{a.Channels, a.Later, a.Followers} {
		require.True(t, slices.IsSorted(list))
		require.Len(t, slices.Compact(slices.Clone(list)), len(list))
	}
	for _, name := range a.Later {
		require.NotContains(t, a.Channels, name, "now or later")
		require.False(t, a.State.Closed(), "later it is over")
	}
	if known && before.State != alert.Pending {
		require.Subset(t, a.Channels, before.Channels, "what was notified goes on")
		require.Subset(t, a.Followers, before.Followers, "and so do webhooks")
	}
	leads := slices.ContainsFunc(a.Channels, func(name string) bool { return name == "audit" || name == "security" })
	require.Equal(t, leads || len(before.Followers) > 0, slices.Equal(a.Followers, []string{"siem"}))
	if a.State == alert.Pending {
		return
	}
	for _, name := range a.Channels {
		if slices.Contains(before.Channels, name) && before.State != alert.Pending {
			continue
		}
		escalates := a.Rule == "fell" && name == "ops" // named for that purpose
		require.True(t, escalates || !set.MutedAt(name, now), "%s begins in %s, which is muted", a.Rule, name)
		require.True(t, escalates || set.Admits(name, a.Severity), "%s is too mild for %s", a.Rule, name)
	}
}
