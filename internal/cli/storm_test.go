package cli_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/web/api"
)

// The fleet that the storm hits, and how long it lasts. Every space is polled
// about once a second.
const (
	fleetAccounts = 10
	fleetSpaces   = 10  // of an account
	fleetNumbers  = 100 // of a space
	stormLasts    = 8 * time.Second
	stormGrows    = 200 << 20 // bytes that it may cost at most
)

const fleetRules = `
version: 1
defaults: {notify: [ops]}
channels:
  ops:  {slack: C0000000001}
  gold: {slack: C0000000002, where: 'Labels.tier == "gold"'}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, notify: [gold], summary: "{PhoneNumber}: quality is {New}"}
`

// TestStormOverTheWholeBot lets every number of a large fleet get worse within eight
// seconds. NATS has each change and each alert once; people read a
// few messages, whose counts add up.
func TestStormOverTheWholeBot(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	b := f.start("")
	b.ready()
	f.eventually("the fleet is known", func() bool { return f.known(b) })
	calm := memoryOf(t, b)
	most := f.worsen(t, b)
	f.eventually("all is told", func() bool { return f.told(b) })
	most = max(most, memoryOf(t, b))
	t.Logf("%d numbers: %d MiB before, %d MiB at most", f.size(), calm>>20, most>>20)
	require.Less(t, most-calm, stormGrows)

	f.requireEvents(b)
	for channel, want := range map[string]int{"C0000000001": f.size(), "C0000000002": f.size() / 2} {
		said := f.slack.Messages(channel)
		t.Logf("%s: %d messages", channel, len(said))
		require.LessOrEqual(t, len(said), 20)
		require.Equal(t, want, countedIn(t, said))
	}
	for _, method := range []string{slacksim.PostMessage, slacksim.Update, slacksim.History} {
		require.Zero(t, f.slack.Stats(method).Limited, method)
	}
	b.stop()
}

// fleet is a testbed with many numbers, and a Slack as strict as the real one.
type fleet struct {
	rig
	cloud    *camssim.Server
	accounts int
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{rig: rig{t: t, dir: t.TempDir()}, accounts: fleetAccounts}
	if testing.Short() {
		f.accounts /= 5
	}
	var config camssim.Config
	for i := range f.accounts {
		config.Accounts = append(config.Accounts, f.account(i))
	}
	f.cloud = camssim.New(config)
	cloud := httptest.NewServer(f.cloud)
	t.Cleanup(cloud.Close)
	f.slack = slacksim.New(slacksim.Config{Token: slackToken, Channels: []slacksim.Channel{
		{ID: "C0000000001", Name: "wa-ops"}, {ID: "C0000000002", Name: "wa-gold"},
	}})
	slackHTTP := httptest.NewServer(f.slack)
	t.Cleanup(slackHTTP.Close)
	f.write("rules.yaml", []byte(fleetRules))
	f.write("config.yaml", f.configuration(&config, cloud.URL, slackHTTP.URL))
	return f
}

func (f *fleet) configuration(c *camssim.Config, cloud, slackHTTP string) []byte {
	type object = map[string]any
	var accounts []object
	for _, a := range c.Accounts {
		var spaces []object
		for i, s := range a.Spaces {
			spaces = append(spaces, object{"id": s.Id, "labels": object{"tier": []string{"gold", "silver"}[i%2]}})
		}
		accounts = append(accounts, object{
			"name": a.Name, "endpoint": cloud, "requests_per_second": 10, "spaces": spaces,
			"credentials": object{"type": "access_key", "access_key_id": a.AccessKeyId, "access_key_secret": a.AccessKeySecret},
		})
	}
	return mustJSON(object{
		"accounts": accounts,
		"nats":     object{"listen": "127.0.0.1:0", "dir": f.path("nats")},
		"poll":     object{"max_age": "10s", "min_interval": "500ms"},
		"store":    object{"path": f.path("numwatch.db")},
		"slack":    object{"bot_token": slackToken, "api_url": slackHTTP + "/api/"},
		"http":     object{"listen": "127.0.0.1:0"},
		"log":      object{"format": "json"},
	})
}

func (f *fleet) size() int { return f.accounts * fleetSpaces * fleetNumbers }

func (f *fleet) account(i int) camssim.Account {
	a := camssim.Account{Name: stormAccount(i), Key: stormKey(stormAccount(i))}
	for j := range fleetSpaces {
		s := camssim.Space{Id: stormSpace(i, j)}
		for k := range fleetNumbers {
			n := healthy(fmt.Sprintf("86138%02d%02d%04d", i, j, k), fmt.Sprintf("Shop %d", k))
			s.Numbers = append(s.Numbers, n)
		}
		a.Spaces = append(a.Spaces, s)
	}
	return a
}

// worsen makes all numbers worse, a space at a time, and returns how much memory
// the bot holds at most meanwhile.
func (f *fleet) worsen(t *testing.T, b *bot) (most int) {
	tick := time.NewTicker(stormLasts / time.Duration(f.accounts*fleetSpaces))
	defer tick.Stop()
	for i := range f.accounts {
		a := f.account(i)
		for _, s := range a.Spaces {
			<-tick.C
			for _, n := range s.Numbers {
				require.NoError(t, f.cloud.Update(a.Name, s.Id, n["PhoneNumber"], "QualityRating", "RED"))
			}
			most = max(most, memoryOf(t, b))
		}
	}
	return most
}

// known reports whether the bot has seen every number, and published that.
func (f *fleet) known(b *bot) bool {
	s, err := b.status()
	return err == nil && s.Fleet.Numbers == f.size() && sinksDone(&s)
}

// told reports whether every number has its alert, and every sink is done.
func (f *fleet) told(b *bot) bool {
	s, err := b.status()
	return err == nil && s.Alerts["critical"] == f.size() && sinksDone(&s)
}

func sinksDone(s *api.Status) bool {
	for _, k := range s.Sinks {
		if k.Lag > 0 || k.State != "OK" {
			return false
		}
	}
	return true
}

func (f *fleet) eventually(what string, is func() bool) {
	f.t.Helper()
	require.Eventually(f.t, is, settleWithin, 100*time.Millisecond, what)
}

// requireEvents reads the stream: of each number one change, one alert.
func (f *fleet) requireEvents(b *bot) {
	conn, err := nats.Connect(b.Nats)
	require.NoError(f.t, err)
	defer conn.Close()
	events, _, err := everything(f.t.Context(), conn)
	require.NoError(f.t, err)
	times := map[string]int{}
	for _, e := range events {
		if e.Data.Field == "QualityRating" {
			times[e.Type+" "+e.Subject]++
		}
	}
	require.Len(f.t, times, 2*f.size())
	for what, n := range times {
		require.Equal(f.t, 1, n, what)
	}
}

// memoryOf is how much memory the bot has of the system, in bytes.
func memoryOf(t *testing.T, b *bot) int {
	resp, err := http.Get(b.Page + "metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "go_memstats_sys_bytes "); ok {
			n, err := strconv.ParseFloat(v, 64)
			require.NoError(t, err)
			return int(n)
		}
	}
	t.Fatal("the bot does not say how much memory it has")
	return 0
}

var (
	listedForm = regexp.MustCompile(`(?m)^[A-Z][a-z]+: \d`)
	restForm   = regexp.MustCompile(`(?m)^and ([\d,]+) more: `)
)

// countedIn adds up what messages list, and what they say is not listed, as people
// would. One without a list is about one alert.
func countedIn(t *testing.T, said []slacksim.Message) (sum int) {
	t.Helper()
	for _, m := range said {
		n := 0
		if found := restForm.FindStringSubmatch(m.Text); found != nil {
			var err error
			n, err = strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
			require.NoError(t, err)
		}
		sum += max(1, n+len(listedForm.FindAllString(m.Text, -1)))
	}
	return sum
}
