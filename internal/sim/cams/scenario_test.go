package cams_test

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
)

const small = `
seed: 3
accounts:
  - name: main
    access_key_id: K
    access_key_secret: S
    spaces:
      - {id: "1", name: Acme & Söhne, count: 2, fields: {IsOfficial: "Y"}}
      - id: two
        name: Bolt
        numbers: [{PhoneNumber: "447700900000", Status: null, UpQueue: ""}]
`

// play plays a scenario for a time in a bubble and returns the server.
func play(t *testing.T, yaml string, speed float64, d time.Duration, look func(t *testing.T, s *camssim.Server)) {
	t.Helper()
	sc, err := camssim.ParseScenario("scenario.yaml", []byte(yaml))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		s := camssim.New(sc.Config())
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- s.Play(ctx, sc, speed) }()
		time.Sleep(d - time.Nanosecond)
		synctest.Wait()
		look(t, s)
		cancel()
		if err := <-done; err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

func field(t *testing.T, s *camssim.Server, space string, i int, name string) string {
	t.Helper()
	numbers, err := s.Numbers("main", space)
	require.NoError(t, err)
	require.Greater(t, len(numbers), i)
	return numbers[i][name]
}

func TestScenarioBegins(t *testing.T) {
	sc, err := camssim.ParseScenario("scenario.yaml", []byte(small))
	require.NoError(t, err)
	c := sc.Config()
	require.Equal(t, camssim.Key{AccessKeyId: "K", AccessKeySecret: "S"}, c.Accounts[0].Key)
	acme, bolt := c.Accounts[0].Spaces[0], c.Accounts[0].Spaces[1]
	require.Equal(t, "12015550100", acme.Numbers[0]["PhoneNumber"])
	require.Equal(t, "12015550101", acme.Numbers[1]["PhoneNumber"])
	require.Equal(t, "Y", acme.Numbers[0]["IsOfficial"])
	require.Equal(t, "https://hooks.acme--shne.example/inbound\n", acme.Numbers[0]["UpCallbackUrl"])
	require.Len(t, acme.Numbers[0], 18)
	require.Equal(t, camssim.Null, bolt.Numbers[0]["Status"])
	require.Equal(t, "", bolt.Numbers[0]["UpQueue"])

	acme.Numbers[0]["Status"] = "mine"
	require.Equal(t, "CONNECTED", sc.Config().Accounts[0].Spaces[0].Numbers[0]["Status"], "each Config is a copy")
}

func TestScenarioPlays(t *testing.T) {
	steps := small + `
steps:
  - {at: 10s, space: Acme & Söhne, number: 2, set: {Status: BANNED, QualityRating: RED}}
  - {at: 10s, space: "1", number: all, set: {MessagingLimitTier: TIER_1K}}
  - {at: 20s, space: "1", number: 2, unset: [UpQueue]}
  - {at: 30s, space: "1", number: "12015550101", restore: true}
  - {at: 40s, space: "1", number: 1, remove: true}
  - {at: 40s, space: Bolt, add: {PhoneNumber: "447700900001"}, rename: Bolt Ltd}
  - {at: 50s, space: Bolt, number: "447700900001", set: {Status: FLAGGED}}
`
	play(t, steps, 1, 5*time.Second, func(t *testing.T, s *camssim.Server) {
		require.Equal(t, "CONNECTED", field(t, s, "1", 1, "Status"))
	})
	play(t, steps, 2, 7*time.Second, func(t *testing.T, s *camssim.Server) {
		require.Equal(t, "BANNED", field(t, s, "1", 1, "Status"))
		require.Equal(t, "RED", field(t, s, "1", 1, "QualityRating"))
		require.Equal(t, "TIER_1K", field(t, s, "1", 0, "MessagingLimitTier"))
	})
	play(t, steps, 1, 25*time.Second, func(t *testing.T, s *camssim.Server) {
		numbers, err := s.Numbers("main", "1")
		require.NoError(t, err)
		require.NotContains(t, numbers[1], "UpQueue")
	})
	play(t, steps, 1, time.Minute, func(t *testing.T, s *camssim.Server) {
		numbers, err := s.Numbers("main", "1")
		require.NoError(t, err)
		require.Len(t, numbers, 1)
		require.Equal(t, "CONNECTED", numbers[0]["Status"])
		require.Equal(t, "FLAGGED", field(t, s, "two", 1, "Status"))
		require.Equal(t, "Bolt", field(t, s, "two", 1, "VerifiedName"))
	})
}

func TestScenarioRepeatsSteps(t *testing.T) {
	steps := small + `
steps:
  - {at: 10s, every: 10s, until: 30s, space: Bolt, number: 1, set: {Status: BANNED}}
  - {at: 15s, every: 10s, until: 35s, space: Bolt, number: 1, set: {Status: CONNECTED}}
`
	for at, want := range map[time.Duration]string{
		12 * time.Second: "BANNED", 17 * time.Second: "CONNECTED",
		32 * time.Second: "BANNED", 42 * time.Second: "CONNECTED",
	} {
		play(t, steps, 1, at, func(t *testing.T, s *camssim.Server) { require.Equal(t, want, field(t, s, "two", 0, "Status"), at) })
	}
}

func TestPlayEnds(t *testing.T) {
	sc, err := camssim.ParseScenario("scenario.yaml", []byte(small+"steps: [{at: 1s, space: Bolt, number: 1, remove: true}]"))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		s := camssim.New(sc.Config())
		require.NoError(t, s.Play(t.Context(), sc, 1))
		require.NoError(t, s.Play(t.Context(), sc, 1), "what has gone meanwhile is passed over")

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Play(ctx, sc, 1), context.DeadlineExceeded)
		require.ErrorContains(t, s.Play(t.Context(), sc, 0), "speed")
		require.ErrorContains(t, camssim.New(camssim.Config{}).Play(t.Context(), sc, 1), `no simulated account "main"`)
	})
}

func TestScenarioFaultsLastAsLongAsTheSpeedSays(t *testing.T) {
	sc, err := camssim.ParseScenario("scenario.yaml", []byte(`
accounts: [{name: main, access_key_id: SIMKEY, access_key_secret: SIMSECRET, spaces: [{id: "2", name: Bolt}]}]
steps: [{at: 0s, space: Bolt, fault: {kind: empty-error, for: 60s}}]
`))
	require.NoError(t, err)
	sim, c, k := start(t, nil)
	require.NoError(t, sim.Play(t.Context(), sc, 2))
	k.advance(29 * time.Second)
	require.Equal(t, 500, c.sync("2").status)
	require.Equal(t, 200, c.sync(acme).status)
	k.advance(time.Second)
	require.Equal(t, 200, c.sync("2").status)
}

func TestScenarioErrorsNameThePlace(t *testing.T) {
	for extra, want := range map[string]string{
		"stepz: []":                                                          `:12:1: unknown key "stepz" in the scenario .did you mean "steps"`,
		"steps: [{att: 1s}]":                                                 `:12:10: unknown key "att" in a step .did you mean "at"`,
		"steps: [{at: soon}]":                                                `:12:14: at is not a duration`,
		"steps: [{at: -1s}]":                                                 `at is not a duration`,
		"steps:\n  - {at: 1s}":                                               `:13:6: the step does nothing`,
		"steps: [{number: 1, set: {Statu: x}}]":                              `:12:27: unknown key "Statu" in .*did you mean "Status"`,
		"steps: [{number: 1, set: {Status: [x]}}]":                           `Status must be text, not a list`,
		"steps: [{number: 1, set: 3}]":                                       `must be a mapping, not a number`,
		"steps: [{number: 1, set: {Status: x}}]":                             `needs a space`,
		"steps: [{space: Bolt, set: {Status: x}}]":                           `want a number`,
		"steps: [{space: Bolt, number: 2, set: {Status: x}}]":                `has no number "2"`,
		"steps: [{space: Acm, rename: x}]":                                   `no space "Acm"`,
		"steps: [{account: x, space: Bolt, rename: x}]":                      `unknown account "x"`,
		"steps: [{space: Bolt, add: {Status: x}}]":                           `needs a PhoneNumber`,
		"steps: [{until: 1s, space: Bolt, rename: x}]":                       `until belongs to every`,
		"steps: [{fault: {kind: nonsense}}]":                                 `:12:18: unknown kind of fault "nonsense"`,
		"steps: [{fault: {kind: refuse}}]":                                   `needs a code`,
		"steps: [{fault: {for: 1s}}]":                                        `needs a kind or a latency`,
		"push: {recall: 1.5}":                                                "recall must be a number from 0 to 1",
		"push: {delay: soon}":                                                "delay",
		"steps: [{fault: {kind: no-list, probability: 2}}]":                  `probability must be a number from 0 to 1`,
		"drift: {every: 1s}":                                                 `drift needs every and moves`,
		"drift: {every: 1s, moves: [{field: Status}]}":                       `either to or restore`,
		"drift: {every: 1s, moves: [{field: Stat, to: x}]}":                  `unknown field "Stat"`,
		"drift: {every: 1s, moves: [{field: Status, restore: true}]}":        `needs from`,
		"drift: {every: 1s, moves: [{field: Status, to: x, restore: true}]}": `either to or restore`,
		"accounts: []":                                                       `:12:1: key "accounts" is given twice`,
	} {
		_, err := camssim.ParseScenario("scenario.yaml", []byte(small+extra))
		require.Error(t, err, extra)
		require.Regexp(t, regexp.MustCompile(`^scenario\.yaml:\d+:\d+: `), err.Error(), extra)
		require.Regexp(t, want, err.Error(), extra)
	}
	_, err := camssim.ParseScenario("scenario.yaml", nil)
	require.ErrorContains(t, err, "needs accounts")
	_, err = camssim.ParseScenario("scenario.yaml", []byte("accounts: [{name: a}, {name: a}]"))
	require.ErrorContains(t, err, "access_key_id")
}

func TestDemoStaysAlive(t *testing.T) {
	sc, err := camssim.ParseScenario("scenario.yaml", camssim.Demo())
	require.NoError(t, err)
	c := sc.Config()
	require.Len(t, c.Accounts, 1)
	require.Equal(t, "main", c.Accounts[0].Name)
	require.Len(t, c.Accounts[0].Spaces, 12)
	numbers := 0
	for _, sp := range c.Accounts[0].Spaces {
		for _, n := range sp.Numbers {
			require.Regexp(t, `^(1\d{3}55501\d\d|447700900\d{3})$`, n["PhoneNumber"])
			numbers++
		}
	}
	require.InDelta(t, 60, numbers, 5)

	demo := string(camssim.Demo())
	play(t, demo, 1, 2900*time.Millisecond, func(t *testing.T, s *camssim.Server) {
		for i, sp := range spaces(t, s) {
			require.Equal(t, c.Accounts[0].Spaces[i].Numbers, sp.Numbers, "the first poll is the baseline")
		}
	})
	play(t, demo, 1, 14*time.Second, func(t *testing.T, s *camssim.Server) {
		require.Equal(t, "RED", field(t, s, "293483938849402", 0, "QualityRating"))
		require.Equal(t, "DECLINED", field(t, s, "cams-8f2kd02b", 0, "NewNameStatus"))
	})
	play(t, demo, 1, time.Hour, func(t *testing.T, s *camssim.Server) {
		healthy, all := 0, 0
		for _, sp := range spaces(t, s) {
			for _, n := range sp.Numbers {
				all++
				if n["Status"] == "CONNECTED" && n["QualityRating"] == "GREEN" {
					healthy++
				}
			}
		}
		require.Greater(t, healthy, all*2/3, "the mix is gentle")
		require.Less(t, healthy, all, "and never at rest")
	})
}

// spaces is the state of main without the spaces' names.
func spaces(t *testing.T, s *camssim.Server) []camssim.Space {
	t.Helper()
	var out []camssim.Space
	for _, id := range s.Spaces("main") {
		numbers, err := s.Numbers("main", id)
		require.NoError(t, err)
		out = append(out, camssim.Space{Id: id, Numbers: numbers})
	}
	return out
}

func FuzzParseScenario(f *testing.F) {
	f.Add(camssim.Demo())
	f.Add([]byte(small))
	f.Add([]byte("accounts: [{name: a, spaces: [{id: x, count: -1}]}]\nsteps: [{}]\ndrift: {}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if sc, err := camssim.ParseScenario("scenario.yaml", data); err == nil {
			camssim.New(sc.Config())
		}
	})
}
