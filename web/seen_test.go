package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/web/api"
)

// watch makes the bot watch several spaces of account main, of which none has been polled.
func (b *bot) watch(several int) {
	b.status.Accounts = []api.AccountStatus{{Name: "main", Spaces: several, Holds: true, Expected: api.Seconds(15 * time.Second), Worst: api.Seconds(40 * time.Second)}}
	b.status.Started = noon.Add(-13 * time.Second)
	b.polled = map[phone.SpaceKey]time.Time{}
	for i := range several {
		b.spaces = append(b.spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprint(i)}})
	}
	b.neverPolled = true
}

func (b *bot) poll(spaces ...int) {
	for _, i := range spaces {
		b.polled[b.spaces[i].SpaceKey] = noon.Add(-2 * time.Second)
	}
}

func (b *bot) fail(ago time.Duration, spaces ...int) {
	a := &b.status.Accounts[0]
	for _, i := range spaces {
		a.Failing = append(a.Failing, api.FailingSpace{Space: b.spaces[i].ID, Class: "network", Message: "connection refused", Since: noon.Add(-ago)})
	}
}

// Nothing is claimed of what has not been seen.
func TestNothingIsClaimedOfWhatWasNotSeen(t *testing.T) {
	const promise = ">15 s<"
	for name, one := range map[string]struct {
		set            func(*bot)
		has            []string
		well, promised bool
	}{
		"first look":        {func(b *bot) { b.poll(0, 1, 2) }, []string{"<h1>First round: 3 of 8 spaces seen</h1>", "0 numbers in 3 of 8 spaces so far", "first round: 3 of 8 spaces seen", "That says nothing of what has not been seen"}, false, true},
		"nothing yet":       {func(*bot) {}, []string{"<h1>First round: 0 of 8 spaces seen</h1>"}, false, true},
		"cloud down":        {func(b *bot) { b.fail(5*time.Second, 0, 1, 2) }, []string{"<h1>Nothing can be seen: never polled, blind for 13 s</h1>", ">–<"}, false, false},
		"account denied":    {func(b *bot) { b.status.Accounts[0].Failing = []api.FailingSpace{{Since: noon}} }, []string{"never polled, blind for 13 s"}, false, false},
		"down since lately": {func(b *bot) { b.poll(0, 1, 2, 3, 4, 5, 6, 7); b.fail(time.Second, 0, 1, 2, 3) }, []string{"<h1>Nothing can be seen: blind for 2 s</h1>"}, false, false},
		"one space fails":   {func(b *bot) { b.poll(0, 1, 2, 3, 4, 5, 6); b.fail(time.Hour, 7) }, []string{"<h1>No alert, but only 7 of 8 spaces seen</h1>", "1 failing space"}, false, true},
		"restarted":         {func(b *bot) { b.neverPolled = false }, []string{"<h1>Not polled since the start</h1>", "not polled since the start"}, false, true},
		"all is well":       {func(b *bot) { b.poll(0, 1, 2, 3, 4, 5, 6, 7) }, []string{"<h1>Nothing is wrong</h1>", "all well", "0 numbers in 8 spaces<"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bot{}
			b.watch(8)
			one.set(b)
			body := request{path: "/"}.to(New(b.options(t))).Body.String()
			for _, want := range one.has {
				require.Contains(t, body, want)
			}
			for _, claim := range []string{"Nothing is wrong", "all well", "No rule applies to any number now"} {
				if one.well {
					require.Contains(t, body, claim)
				} else {
					require.NotContains(t, body, claim)
				}
			}
			if one.promised {
				require.Contains(t, body, promise)
			} else {
				require.NotContains(t, body, promise, "no time is promised while nothing is polled")
			}
		})
	}
	require.Contains(t, request{path: "/"}.to(New((&bot{}).options(t))).Body.String(), "<h1>No space is watched</h1>")
}

// One blind account of two is said; the other goes on.
func TestOneAccountIsBlind(t *testing.T) {
	b := &bot{}
	b.watch(4)
	b.poll(0, 1, 2, 3)
	b.status.Accounts = append(b.status.Accounts, api.AccountStatus{Name: "other", Failing: []api.FailingSpace{{Since: noon}}})
	b.spaces = append(b.spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "other", ID: "x"}})
	body := request{path: "/"}.to(New(b.options(t))).Body.String()
	require.Contains(t, body, "<h1>No alert, but only 4 of 5 spaces seen</h1>")
	require.Contains(t, body, "never polled, blind for 13 s")
	require.Contains(t, body, "all well")
	var status api.Status
	require.NoError(t, json.Unmarshal(request{path: "/api/v1/status"}.to(New(b.options(t))).Body.Bytes(), &status))
	require.True(t, status.Accounts[0].Blind.IsZero())
	require.Equal(t, noon.Add(-13*time.Second), status.Accounts[1].Blind, "commands say the same")
}

// Rules that are refused are said on every page, and in the status.
func TestRefusedRulesAreSaidEverywhere(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	for name, path := range pagesOf(b) {
		body := request{path: path}.to(h).Body.String()
		if name == "rules" {
			require.Contains(t, body, "The file has errors")
			continue
		}
		require.Contains(t, body, "The rules file has 2 errors:", name)
	}
	var status api.Status
	get := func() {
		status = api.Status{}
		require.NoError(t, json.Unmarshal(request{path: "/api/v1/status"}.to(h).Body.Bytes(), &status))
	}
	get()
	require.Equal(t, &api.RulesRefused{At: noon.Add(-3 * time.Minute), Problems: 2, Text: "rules.yaml:12:9: no"}, status.RulesRefused)
	require.Equal(t, len(customers), status.Fleet.Seen)
	b.rules.Refused = &api.Refusal{At: noon, Text: "no such file"}
	require.Contains(t, request{path: "/numbers"}.to(h).Body.String(), "The rules file cannot be read:")
	b.rules.Refused = nil
	get()
	require.Nil(t, status.RulesRefused)
	require.NotContains(t, request{path: "/numbers"}.to(h).Body.String(), "rules file")
}

// A space with a banned number is not well, however well its polls go.
func TestASpaceWithABannedNumberIsNotWell(t *testing.T) {
	b := busyBot()
	b.status.Accounts[0].Failing = nil
	banned := b.space(b.alerts[1].Subject.SpaceKey())
	body := request{path: "/spaces?q=" + banned.ID}.to(New(b.options(t))).Body.String()
	require.Contains(t, body, "1 BANNED, ")
	require.NotContains(t, body, ">OK</span>")
	require.Contains(t, request{path: "/spaces?q=" + b.spaces[11].ID}.to(New(b.options(t))).Body.String(), `</svg>OK</span>`)
}
