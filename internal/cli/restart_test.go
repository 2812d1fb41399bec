package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	webhooksim "numwatch/internal/sim/webhook"
)

// asks notes when which space is asked for.
type asks struct {
	cloud http.Handler

	mu    sync.Mutex
	times []time.Time
	space []string
}

func (a *asks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.times = append(a.times, time.Now())
	a.space = append(a.space, r.URL.Query().Get("CustSpaceId"))
	a.mu.Unlock()
	a.cloud.ServeHTTP(w, r)
}

// all returns the times and spaces of the requests so far.
func (a *asks) all() ([]time.Time, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times[:len(a.times):len(a.times)], a.space[:len(a.space):len(a.space)]
}

// last returns when each space was asked for last.
func (a *asks) last() map[string]time.Time {
	times, spaces := a.all()
	last := map[string]time.Time{}
	for i, id := range spaces {
		last[id] = times[i]
	}
	return last
}

const (
	restartSpaces   = 40
	restartInterval = 3 * time.Second
)

// restartTestbed is a cloud with an account of many spaces, and a folder with the
// files of a bot that watches it.
func restartTestbed(t *testing.T) (*asks, string) {
	key := camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret}
	account := camssim.Account{Name: "main", Key: key}
	spaces := []map[string]string{}
	for i := range restartSpaces {
		id := fmt.Sprint("s", i)
		account.Spaces = append(account.Spaces, camssim.Space{Id: id, Numbers: []camssim.Number{healthy(fmt.Sprint("8613", i), "Acme")}})
		spaces = append(spaces, map[string]string{"id": id})
	}
	a := &asks{cloud: camssim.New(camssim.Config{Accounts: []camssim.Account{account}})}
	web := httptest.NewServer(a)
	t.Cleanup(web.Close)
	hook := httptest.NewServer(webhooksim.New(webhooksim.Config{}))
	t.Cleanup(hook.Close)
	type object = map[string]any
	config, err := json.Marshal(object{
		"accounts": []object{{
			"name": "main", "endpoint": web.URL, "requests_per_second": 10, "spaces": spaces,
			"credentials": object{"type": "access_key", "access_key_id": key.AccessKeyId, "access_key_secret": key.AccessKeySecret},
		}},
		"poll":     object{"max_age": "12s", "min_interval": restartInterval.String()},
		"nats":     object{"listen": "127.0.0.1:0"},
		"slack":    object{"print": true},
		"http":     object{"listen": "127.0.0.1:0"},
		"channels": object{"siem": object{"url": hook.URL, "allow_private": true}},
	})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), config, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(crashRules), 0o600))
	return a, dir
}

// live runs the bot until what is waited for has happened, and stops it.
func live(t *testing.T, dir string, until func() bool) {
	said, err := os.Create(filepath.Join(dir, "err"))
	require.NoError(t, err)
	defer said.Close()
	bot := exec.Command("numwatch", "run")
	bot.Dir, bot.Stderr = dir, said
	require.NoError(t, bot.Start())
	deadline := time.Now().Add(2 * startsWithin)
	for !until() && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	done := until()
	require.NoError(t, bot.Process.Signal(syscall.SIGTERM))
	err = bot.Wait()
	text, _ := os.ReadFile(said.Name()) // only to tell why
	require.NoError(t, err, "%s", text)
	require.True(t, done, "%s", text)
}

// After a restart the schedule goes on where it was: nobody is asked again before
// their time, there is no herd, and no round from the beginning.
// A bot that is killed leaves no word of what it sent within the last second.
func TestTheLimitHoldsOverAKill(t *testing.T) {
	asked, dir := restartTestbed(t)
	for range 4 {
		before, _ := asked.all()
		bot := exec.Command("numwatch", "run")
		bot.Dir = dir
		require.NoError(t, bot.Start())
		require.Eventually(t, func() bool { now, _ := asked.all(); return len(now) >= len(before)+8 }, 2*startsWithin, time.Millisecond)
		require.NoError(t, bot.Process.Kill())
		_ = bot.Wait() // killed
	}
	stats := asked.cloud.(*camssim.Server).Stats("main")
	require.LessOrEqual(t, stats.Peak, 10, "requests in a second")
}

func TestAfterARestartTheScheduleGoesOn(t *testing.T) {
	asked, dir := restartTestbed(t)
	live(t, dir, func() bool { return len(asked.last()) == restartSpaces })
	last := asked.last()
	_, earlier := asked.all()
	before := len(earlier)
	for _, id := range earlier[before-2:] {
		delete(last, id) // may have been under way when the bot stopped
	}

	live(t, dir, func() bool { _, s := asked.all(); return len(s) >= before+restartSpaces/2 })
	times, spaces := asked.all()
	for i := before; i < len(spaces); i++ {
		require.GreaterOrEqual(t, times[i].Sub(last[spaces[i]]), restartInterval-50*time.Millisecond, "space %s", spaces[i])
		last[spaces[i]] = times[i]
		if i >= before+10 {
			require.GreaterOrEqual(t, times[i].Sub(times[i-10]), 800*time.Millisecond, "a herd")
		}
	}
}
