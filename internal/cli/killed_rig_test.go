package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	alertmanagersim "numwatch/internal/sim/alertmanager"
	robotsim "numwatch/internal/sim/robot"
	slacksim "numwatch/internal/sim/slack"
	webhooksim "numwatch/internal/sim/webhook"
	"numwatch/web/api"
)

// crashRules have one rule for each channel, so that what a message says of a
// number can come from one alert only. The rule without a channel speaks on NATS.
const crashRules = `
version: 1
defaults: {reopen_within: 1h, settle_after: 3s}
channels:
  quality: {slack: C0000000001, mention: ["<!subteam^S012>"]}
  status:  {slack: C0000000002}
  names:   {slack: C0000000003}
  queues:  {slack: "#wa-queues"}
  blind:   {slack: C0000000005}
  siem:    {webhook: siem}
  ding:    {dingtalk: ding}
  group:   {feishu: group}
  wecom:   {wecom: wecom, language: zh}
  pager:   {alertmanager: prod}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, notify: [quality, siem, pager, ding, group, wecom], summary: "{PhoneNumber} ({VerifiedName}): quality is {New}"}
  - {name: status-bad, on: Status, to: [RESTRICTED, BANNED], severity: high, notify: [status, pager, ding, group, wecom], summary: "{PhoneNumber} ({VerifiedName}): status is {New}"}
  - {name: name-refused, on: NameStatus, to: [REJECTED, DECLINED], severity: warning, notify: [names], summary: "{PhoneNumber} ({VerifiedName}): name is {New}"}
  - {name: queue-moved, on: StatusQueue, once: true, severity: info, notify: [queues, pager], summary: "{PhoneNumber} ({VerifiedName}): queue is {New}"}
  - {name: blind, on: Poll, to: [FAILING, DENIED], severity: high, notify: [blind], summary: "No sight of {Account} {SpaceId}: {New}"}
  - {name: limit-lowered, on: MessagingLimitTier, direction: worse, severity: warning, notify: [siem], summary: "{PhoneNumber} may send less: {New}"}
`

// crashChannels are Slack's names of the channels above.
var crashChannels = map[string]slacksim.Channel{
	"quality": {ID: "C0000000001", Name: "wa-quality"},
	"status":  {ID: "C0000000002", Name: "wa-status"},
	"names":   {ID: "C0000000003", Name: "wa-names"},
	"queues":  {ID: "C0000000004", Name: "wa-queues"},
	"blind":   {ID: "C0000000005", Name: "wa-blind"},
}

const (
	crashToken  = "xoxb-crash"
	crashStream = "NUMWATCH"
	crashSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// forgetful is how long the stream drops what comes twice: shorter than any
	// restart takes, so that this does not hide what the bot itself repeats.
	forgetful = 100 * time.Millisecond
)

// rigOptions are how one run differs from another.
type rigOptions struct {
	historyFails bool // most looks into a channel's history fail
	embedded     bool // NATS runs within the bot and dies with it
}

// rig is all that outlives the bot: the cloud under its storm, Slack, NATS, and
// the files of the bot.
type rig struct {
	t           *testing.T
	o           rigOptions
	rand        *rand.Rand
	dir         string
	storm       *storm
	slack       *slacksim.Server
	slackHTTP   *httptest.Server // where Slack is served
	webhook     *webhooksim.Receiver
	webhookHTTP *httptest.Server
	groups      map[string]*robotsim.Group // by kind
	robots      map[string]any             // their channels in config.yaml
	manager     *alertmanagersim.Server
	managerHTTP *httptest.Server
	connections *connections
	nats        *server.Server // nil while the bot runs its own
	lives       int
	kills       int
}

func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	seed := crashSeed(t)
	r := &rig{t: t, o: o, rand: rand.New(rand.NewPCG(seed, 0xc7)), dir: t.TempDir(), storm: newStorm(seed), connections: &connections{}}
	t.Cleanup(r.storm.server.Close)
	c := slacksim.Config{
		Token: crashToken, Seed: seed,
		Limits: slacksim.Limits{
			Posts: slacksim.Rate{Max: 20, Per: time.Second}, Update: perMinute(3000), History: perMinute(3000),
			Replies: perMinute(3000), List: perMinute(3000),
		},
	}
	for _, ch := range crashChannels {
		c.Channels = append(c.Channels, ch)
	}
	r.slack = slacksim.New(c)
	mux := http.NewServeMux()
	mux.Handle("/", r.slack)
	mux.HandleFunc("GET /bell", func(http.ResponseWriter, *http.Request) {})
	r.slackHTTP = httptest.NewUnstartedServer(mux)
	r.slackHTTP.Config.ConnState = r.connections.note
	r.slackHTTP.Start()
	t.Cleanup(r.slackHTTP.Close)
	r.webhook = webhooksim.New(webhooksim.Config{Secret: crashSecret})
	r.webhookHTTP = httptest.NewServer(r.webhook)
	t.Cleanup(r.webhookHTTP.Close)
	r.makeGroups()
	r.manager = alertmanagersim.New(alertmanagersim.Config{Token: crashToken})
	r.managerHTTP = httptest.NewServer(r.manager)
	t.Cleanup(r.managerHTTP.Close)
	r.startNATS()
	r.makeStream()
	if o.embedded {
		r.stopNATS()
	}
	r.write("config.yaml", r.config())
	r.write("rules.yaml", []byte(crashRules))
	return r
}

func perMinute(n int) slacksim.Rate { return slacksim.Rate{Max: n, Per: time.Minute} }

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name string, data []byte) {
	require.NoError(r.t, os.WriteFile(r.path(name), data, 0o600))
}

// config is written as JSON, which is YAML too.
func (r *rig) config() []byte {
	type object = map[string]any
	var accounts []object
	for i := range stormAccounts {
		key := stormKey(stormAccount(i))
		a := object{
			"name": stormAccount(i), "endpoint": r.storm.server.URL, "requests_per_second": 10,
			"credentials": object{"type": "access_key", "access_key_id": key.AccessKeyId, "access_key_secret": key.AccessKeySecret},
		}
		var spaces []object
		for j := range stormSpaces {
			spaces = append(spaces, object{"id": stormSpace(i, j)})
		}
		a["spaces"] = spaces
		accounts = append(accounts, a)
	}
	n := object{"listen": "127.0.0.1:0", "dir": r.path("nats")}
	if !r.o.embedded {
		n = object{"url": r.nats.ClientURL()}
	}
	data, err := json.Marshal(object{
		"accounts": accounts, "nats": n,
		"poll":     object{"max_age": "2s", "min_interval": "200ms", "timeout": "2s", "missing_after": 2, "missing_for": "200ms"},
		"store":    object{"path": r.path("numwatch.db")},
		"slack":    object{"bot_token": crashToken, "api_url": r.slackHTTP.URL + "/api/"},
		"http":     object{"listen": "127.0.0.1:0"},
		"channels": r.channels(),
		"log":      object{"format": "json"},
	})
	require.NoError(r.t, err)
	return data
}

func (r *rig) channels() map[string]any {
	type object = map[string]any
	all := object{
		"siem": object{"url": r.webhookHTTP.URL, "secret": crashSecret, "events": []string{"alert", "change"}, "allow_private": true},
		"prod": object{"type": "alertmanager", "urls": []string{r.managerHTTP.URL}, "token": crashToken},
	}
	maps.Copy(all, r.robots)
	return all
}

// crashRobots are the channels of config.yaml that lead to groups, by their kinds.
var crashRobots = map[string]string{robotsim.DingTalk: "ding", robotsim.Feishu: "group", robotsim.WeCom: "wecom"}

// makeGroups makes a group of each kind, as strict as the vendor's: however often the bot
// dies, it must keep their limits.
func (r *rig) makeGroups() {
	r.groups, r.robots = map[string]*robotsim.Group{}, map[string]any{}
	for kind, name := range crashRobots {
		c := robotsim.Config{Kind: kind, Token: "crash", Secret: "crash"}
		if kind == robotsim.WeCom { // which knows no signatures
			c.Secret = ""
		}
		group := robotsim.New(c)
		server := httptest.NewServer(group)
		r.t.Cleanup(server.Close)
		r.groups[kind] = group
		channel := map[string]any{"type": kind, "url": server.URL + group.Path(), "allow_private": true}
		if c.Secret != "" {
			channel["secret"] = c.Secret
		}
		r.robots[name] = channel
	}
}

func (r *rig) startNATS() {
	s, err := server.NewServer(&server.Options{
		ServerName: "crash", Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: r.path("nats"), NoSigs: true, NoLog: true,
	})
	require.NoError(r.t, err)
	s.Start()
	require.True(r.t, s.ReadyForConnections(startsWithin))
	r.nats = s
	r.t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
}

func (r *rig) stopNATS() {
	r.nats.Shutdown()
	r.nats.WaitForShutdown()
	r.nats = nil
}

// makeStream makes the stream as an operator may have: the bot takes it as it is.
func (r *rig) makeStream() {
	nc := r.connectNATS()
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(r.t, err)
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: crashStream, Subjects: []string{"numwatch.v1.>"}, Storage: jetstream.FileStorage, Duplicates: forgetful, AllowDirect: true,
	})
	require.NoError(r.t, err)
}

func (r *rig) connectNATS() *nats.Conn {
	nc, err := nats.Connect("", nats.InProcessServer(r.nats))
	require.NoError(r.t, err)
	return nc
}

// disturb makes some calls to Slack fail.
func (r *rig) disturb() {
	for _, f := range []slacksim.Fault{
		{Kind: slacksim.Drop, Applied: true, Probability: 0.05},
		{Kind: slacksim.ServerError, Applied: true, Probability: 0.03},
		{Kind: slacksim.HTMLPage, Applied: true, Probability: 0.02},
		{Kind: slacksim.Drop, Probability: 0.02},
		{Kind: slacksim.ServerError, Probability: 0.03},
		{Kind: slacksim.RateLimited, Probability: 0.03},
	} {
		r.slack.Inject(f)
	}
	if r.o.historyFails {
		r.slack.Inject(slacksim.Fault{Kind: slacksim.ServerError, Method: slacksim.History, Probability: 0.7})
		r.slack.Inject(slacksim.Fault{Kind: slacksim.ServerError, Method: slacksim.Replies, Probability: 0.7})
	}
	for i := range 20_000 { // now and then an answer gets lost, or the receiver is busy
		f := webhooksim.Fault{Code: http.StatusNoContent, Took: true}
		switch i % 40 {
		case 10:
			f.Code = 0
		case 30:
			f = webhooksim.Fault{Code: http.StatusServiceUnavailable}
		}
		r.webhook.Fail(f)
		r.manager.Fail(alertmanagersim.Fault{Code: f.Code, Took: i%20 == 10 || f.Took})
	}
	r.storm.disturb()
}

func (r *rig) undisturbed() {
	r.slack.ClearFaults()
	r.webhook.Heal()
	r.manager.Heal()
	r.storm.cloud.ClearFaults()
}

// quiet waits until the servers have dealt with all that a killed bot had sent:
// it is gone, but its last requests may still be on their way.
func (r *rig) quiet() {
	ring, err := http.NewRequest(http.MethodGet, r.slackHTTP.URL+"/bell", nil)
	require.NoError(r.t, err)
	ring.Close = true
	resp, err := http.DefaultClient.Do(ring) // it comes in behind every connection of the bot's
	require.NoError(r.t, err)
	resp.Body.Close()
	require.Eventually(r.t, func() bool {
		return r.connections.open() == 0 && (r.nats == nil || r.nats.NumClients() == 0)
	}, startsWithin, 2*time.Millisecond, "connections of a process that is dead stay open")
}

// connections counts connections that are open.
type connections struct {
	mu   sync.Mutex
	live map[net.Conn]bool
}

func (v *connections) note(c net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.live == nil {
		v.live = map[net.Conn]bool{}
	}
	v.live[c] = true
	if state == http.StateClosed || state == http.StateHijacked {
		delete(v.live, c)
	}
}

func (v *connections) open() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.live)
}

// status asks the running bot how it is.
func (b *bot) status() (s api.Status, err error) {
	resp, err := http.Get(b.Page + "api/v1/status")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("status: %s", resp.Status)
	}
	return s, json.NewDecoder(resp.Body).Decode(&s)
}
