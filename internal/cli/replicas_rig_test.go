package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/web/api"
)

const (
	replicaLease   = slowness * 3 * time.Second
	replicaSpaces  = 20
	replicaNumbers = 240 // number i is in space i modulo replicaSpaces
	replicaChannel = "C0000000001"
	// takesOver is how long a takeover may take where servers of NATS elect a leader, too, and much else runs.
	takesOver    = 3 * time.Minute
	replicaRules = `
version: 1
defaults: {notify: [ops], reopen_within: 1h, settle_after: 3s}
channels: {ops: {slack: C0000000001}}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}"}
`
)

// replicaRig is three servers of NATS, a cloud and a Slack that hold their limits, and replicas that are processes.
type replicaRig struct {
	t     *testing.T
	dir   string
	nats  *natstest.Cluster
	cloud *camssim.Server
	slack *slacksim.Server
	where map[string]string            // configuration, by replica
	urls  map[string]string            // of the HTTP API, by replica
	bots  map[string]*bot              // that run
	ways  map[string][]*natstest.Proxy // to the servers, by replica

	mu       sync.Mutex
	requests []request   // to the cloud
	late     []time.Time // when the test itself got no time to run: how many requests come in a second then says nothing
}

type request struct {
	id string // of the replica that sent it
	at time.Time
}

const (
	looksEvery = 20 * time.Millisecond
	lateAfter  = 100 * time.Millisecond
)

// looks notes when the test got no time to run.
func (r *replicaRig) looks() {
	tick := time.NewTicker(looksEvery)
	r.t.Cleanup(tick.Stop)
	go func() {
		for last := time.Now(); r.t.Context().Err() == nil; last = time.Now() {
			<-tick.C
			if time.Since(last) > lateAfter {
				r.mu.Lock()
				r.late = append(r.late, time.Now())
				r.mu.Unlock()
			}
		}
	}()
}

func newReplicaRig(t *testing.T, ids ...string) *replicaRig {
	return newReplicaRigOn(t, natstest.NewCluster(t), ids...)
}

func newReplicaRigOn(t *testing.T, cluster *natstest.Cluster, ids ...string) *replicaRig {
	r := &replicaRig{
		t: t, dir: t.TempDir(), nats: cluster, where: map[string]string{}, urls: map[string]string{}, bots: map[string]*bot{}, ways: map[string][]*natstest.Proxy{},
	}
	account := camssim.Account{Name: "main", Key: camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret}}
	for i := range replicaSpaces {
		space := camssim.Space{Id: replicaSpace(i), Name: "Customer"}
		for j := i; j < replicaNumbers; j += replicaSpaces {
			space.Numbers = append(space.Numbers, healthy(replicaNumber(j), "Customer"))
		}
		account.Spaces = append(account.Spaces, space)
	}
	r.cloud = camssim.New(camssim.Config{Accounts: []camssim.Account{account}})
	r.slack = slacksim.New(slacksim.Config{Token: crashToken, Channels: []slacksim.Channel{{ID: replicaChannel, Name: "wa-ops"}}})
	slack := httptest.NewServer(r.slack)
	t.Cleanup(slack.Close)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "rules.yaml"), []byte(replicaRules), 0o600))
	r.makeStream()
	for _, id := range ids {
		r.configure(id, slack.URL)
	}
	r.looks()
	return r
}

// cloudAddress is the same for all, as their accounts have to be: each has a proxy of its own.
const cloudAddress = "http://cloud.test"

// proxyOf is the variable with the proxy of a replica, which is the cloud and notes who asks.
func (r *replicaRig) proxyOf(id string) string {
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, request{id, time.Now()})
		r.mu.Unlock()
		r.cloud.ServeHTTP(w, q)
	}))
	r.t.Cleanup(cloud.Close)
	return "HTTP_PROXY=" + cloud.URL
}

func replicaNumber(i int) string { return fmt.Sprintf("86138000%04d", i) }

func replicaSpace(i int) string { return fmt.Sprint(1000 + i%replicaSpaces) }

// configure writes the configuration as JSON, which is YAML too.
func (r *replicaRig) configure(id, slack string) {
	address := fmt.Sprintf("127.0.0.1:%d", natstest.FreePort(r.t)) // the others have to know it before it starts
	r.urls[id] = "http://" + address
	type object = map[string]any
	var spaces []object
	for i := range replicaSpaces {
		spaces = append(spaces, object{"id": replicaSpace(i)})
	}
	var servers []string
	for i := range 3 {
		way := natstest.NewProxy(r.t, strings.TrimPrefix(r.nats.URL(i), "nats://"))
		r.ways[id] = append(r.ways[id], way)
		servers = append(servers, way.URL())
	}
	data, err := json.Marshal(object{
		"accounts": []object{{
			"name": "main", "endpoint": cloudAddress, "requests_per_second": 8, "spaces": spaces,
			"credentials": object{"type": "access_key", "access_key_id": keyID, "access_key_secret": keySecret},
		}},
		"nats":     object{"url": strings.Join(servers, ",")},
		"poll":     object{"max_age": "5s", "min_interval": "500ms", "timeout": "2s"},
		"store":    object{"path": filepath.Join(r.dir, id+".db")},
		"slack":    object{"bot_token": crashToken, "api_url": slack + "/api/"},
		"http":     object{"listen": address},
		"log":      object{"format": "json"},
		"replicas": object{"name": "test", "id": id, "advertise": r.urls[id], "lease": replicaLease.String(), "max_bytes": "256MiB"},
	})
	require.NoError(r.t, err)
	r.where[id] = filepath.Join(r.dir, id+".yaml")
	require.NoError(r.t, os.WriteFile(r.where[id], data, 0o600))
}

// makeStream makes the stream of the events on all three servers.
func (r *replicaRig) makeStream() {
	js := r.nats.JetStream()
	require.Eventually(r.t, func() bool {
		_, err := js.CreateStream(r.t.Context(), jetstream.StreamConfig{
			Name: crashStream, Subjects: []string{"numwatch.v1.>"}, Storage: jetstream.FileStorage, Duplicates: forgetful, AllowDirect: true, Replicas: 3,
		})
		return err == nil
	}, takesOver, 200*time.Millisecond)
}

func (r *replicaRig) start(ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		r.startWith(id, r.rules())
	}
}

func (r *replicaRig) startWith(id, rules string) {
	r.t.Helper()
	b := startBot(r.t, r.dir, id, r.proxyOf(id), "run", "--config", r.where[id], "--rules", rules)
	b.Page = r.urls[id] + "/"
	r.bots[id] = b
}

// kill ends a replica as kill -9 does, and stop as SIGTERM.
func (r *replicaRig) kill(id string) {
	r.bots[id].kill(0)
	delete(r.bots, id)
}

func (r *replicaRig) stop(id string) {
	r.bots[id].stop()
	delete(r.bots, id)
}

// members asks a replica for what it knows of all of them.
func (r *replicaRig) members(id string) (answer api.Replicas) {
	resp, err := (&http.Client{Timeout: 2 * time.Second}).Get(r.urls[id] + "/api/v1/replicas")
	if err != nil {
		return answer // it may be frozen
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&answer) // none are known, where it has none
	return answer
}

// member is what a replica knows of one of them; nothing where it does not answer.
func (r *replicaRig) member(asked, id string) (found api.Replica) {
	for _, m := range r.members(asked).Replicas {
		if m.ID == id {
			found = m
		}
	}
	return found
}

// role returns the role of a replica, as it says itself; "" where it does not answer.
func (r *replicaRig) role(id string) string { return r.member(id, id).Role }

// leader waits until a replica other than these leads.
func (r *replicaRig) leader(not ...string) (leader string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		for id := range r.bots {
			if r.role(id) == "leader" && !strings.Contains(strings.Join(not, " "), id) {
				leader = id
			}
		}
		return leader != ""
	}, takesOver, 10*time.Millisecond)
	return leader
}

// ready waits until all that run lead or follow, and returns the one that leads.
func (r *replicaRig) ready() (leader string) {
	r.t.Helper()
	for id := range r.bots {
		require.Eventually(r.t, func() bool {
			role := r.role(id)
			return role == "standby" || role == "leader"
		}, takesOver, 20*time.Millisecond, "%s does not follow the log", id)
	}
	return r.leader()
}

func (r *replicaRig) becomes(id, role string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.role(id) == role }, takesOver, 20*time.Millisecond, "%s does not become %s", id, role)
}

// onWays does something to the ways of a replica to NATS, and returns what ends it.
func (r *replicaRig) onWays(id string, do func(*natstest.Proxy)) (undo func()) {
	for _, way := range r.ways[id] {
		do(way)
	}
	return func() {
		for _, way := range r.ways[id] {
			way.Restore()
		}
	}
}

// falls has the quality of a number fall, and waits until Slack shows that.
func (r *replicaRig) falls(i int) {
	r.t.Helper()
	r.fall(i)
	r.told(i)
}

func (r *replicaRig) fall(i int) {
	r.t.Helper()
	require.NoError(r.t, r.cloud.Update("main", replicaSpace(i), replicaNumber(i), "QualityRating", "RED"))
}

func (r *replicaRig) told(i int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return len(r.said(replicaNumber(i))) > 0 }, takesOver, 20*time.Millisecond, "Slack does not hear of number %d", i)
}

// said returns the messages that name a number.
func (r *replicaRig) said(number string) (found []string) {
	for _, m := range r.slack.Messages(replicaChannel) {
		text, err := json.Marshal(m)
		require.NoError(r.t, err)
		if strings.Contains(string(text), number+" is RED") {
			found = append(found, m.Ts)
		}
	}
	return found
}

// requireQuiet waits until nobody asks the cloud any more.
func (r *replicaRig) requireQuiet() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.requests) > 0 && time.Since(r.requests[len(r.requests)-1].at) > 2*time.Second
	}, takesOver, 20*time.Millisecond, "somebody polls")
}

// asked is how many requests the cloud had.
func (r *replicaRig) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// requireLimits looks at all requests: the cloud heard from one replica at a time, and no second had too many. Whoever
// stood still may have had a request on the way, which comes when another one has begun.
func (r *replicaRig) requireLimits(terms int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	changes, first := 0, 0
	for i, q := range r.requests {
		if i > 0 && q.id != r.requests[i-1].id {
			changes++
		}
		for q.at.Sub(r.requests[first].at) >= time.Second {
			first++
		}
		if !r.lateWithin(q.at.Add(-2*time.Second), q.at.Add(lateAfter)) {
			require.LessOrEqual(r.t, i-first+1, 10, "requests in a second")
		}
	}
	require.LessOrEqual(r.t, changes, 2*(terms-1), "requests came from two replicas at a time")
}

// requireHandover looks at the time between the last request of a replica that gave its right away and the first of the next:
// none of them is in a second with the other's.
func (r *replicaRig) requireHandover(from string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var last time.Time
	for _, q := range r.requests {
		if q.id == from {
			last = q.at
		} else if !last.IsZero() && !r.lateWithin(last.Add(-lateAfter), last.Add(lateAfter)) {
			require.Greater(r.t, q.at.Sub(last), time.Second)
			return
		}
	}
}

func (r *replicaRig) lateWithin(from, to time.Time) bool {
	return slices.ContainsFunc(r.late, func(at time.Time) bool { return at.After(from) && at.Before(to) })
}

// terms returns who led, and requires that each time began and went on by right. It reads the log as far as the replicas
// have: a server that the others were parted from may be behind for a while.
func (r *replicaRig) terms() []natstest.Term {
	r.t.Helper()
	reached := uint64(0)
	for id := range r.bots {
		reached = max(reached, r.member(id, id).Seq)
	}
	require.Eventually(r.t, func() bool {
		s, err := r.nats.JetStream().Stream(r.t.Context(), replicaLog)
		return err == nil && s.CachedInfo().State.LastSeq >= reached
	}, takesOver, 50*time.Millisecond, "the log does not reach record %d", reached)
	return r.nats.Terms(replicaLog, replicaLease)
}

// requireWhole looks at everything outside: the cloud's limits, every event once and in order, and a message for each
// number that fell, at most one more for each takeover from one that had not stopped.
func (r *replicaRig) requireWhole(fallen int) {
	r.t.Helper()
	terms := r.terms()
	r.requireLimits(len(terms))
	takeovers := 0
	for _, term := range terms[1:] {
		if !term.Released {
			takeovers++
		}
	}
	posts := 0
	for i := range fallen {
		n := len(r.said(replicaNumber(i)))
		require.Positive(r.t, n)
		posts += n
	}
	require.LessOrEqual(r.t, posts, fallen+takeovers)
	r.requireEventsOnce()
}

func (r *replicaRig) requireEventsOnce() {
	r.t.Helper()
	seen := map[string]bool{}
	for _, m := range r.nats.Messages(crashStream) {
		id := m.Header.Get(nats.MsgIdHdr)
		require.False(r.t, seen[id], "event %s is in the stream twice", id)
		seen[id] = true
	}
	var last string
	for id := range seen {
		if epoch, _, _ := strings.Cut(id, "-"); last != "" {
			require.Equal(r.t, last, epoch, "all events are of one epoch")
		} else {
			last = epoch
		}
	}
}

func (r *replicaRig) rules() string { return filepath.Join(r.dir, "rules.yaml") }

// withoutReplicas writes the configuration of a single numwatch with the store of a replica.
func (r *replicaRig) withoutReplicas(id, name string) {
	data, err := os.ReadFile(r.where[id])
	require.NoError(r.t, err)
	var config map[string]any
	require.NoError(r.t, json.Unmarshal(data, &config))
	delete(config, "replicas")
	data, err = json.Marshal(config)
	require.NoError(r.t, err)
	r.where[name], r.urls[name] = filepath.Join(r.dir, name+".yaml"), r.urls[id]
	require.NoError(r.t, os.WriteFile(r.where[name], data, 0o600))
}

type webAnswer struct {
	code int
	body string
}

// get asks a replica for a path.
func (r *replicaRig) get(id, path string) webAnswer {
	r.t.Helper()
	resp, err := http.Get(r.urls[id] + "/" + path)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return webAnswer{resp.StatusCode, string(body)}
}

// command runs numwatch and returns what it says. Where a bot does not answer in time, it asks again.
func (r *replicaRig) command(args ...string) string {
	r.t.Helper()
	for began := time.Now(); ; {
		c := exec.Command("numwatch", args...)
		c.Env = append(os.Environ(), r.proxyOf("people"))
		out, err := c.CombinedOutput()
		if err != nil && strings.Contains(string(out), "in time") && time.Since(began) < takesOver {
			continue
		}
		require.NoError(r.t, err, "%s", out)
		return string(out)
	}
}
