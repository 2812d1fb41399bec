package examples_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

const soon = 20 * time.Second

// build makes the example's program.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", path, "./"+name).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// start runs a program until stop, which ends it as Ctrl-C does.
func start(t *testing.T, env []string, path string, args ...string) (lines func() []string, stop func()) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	require.NoError(t, cmd.Start())
	var mu sync.Mutex
	var all []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			mu.Lock()
			all = append(all, s.Text())
			mu.Unlock()
		}
	}()
	stop = sync.OnceFunc(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		<-read
		require.NoError(t, cmd.Wait(), errors.String())
	})
	t.Cleanup(stop)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), all...)
	}, stop
}

func TestPauserLearnsHowThingsStandAtItsStart(t *testing.T) {
	b := startBot(t)
	b.see("8613800000001", "RED")
	b.see("8613800000002", "RED")
	b.see("8613800000002", "GREEN") // over before anybody listens
	b.published()
	lines, stop := start(t, []string{"NATS_URL=" + b.url}, build(t, "pauser"))
	requireLines(t, lines, "pause 8613800000001: 8613800000001 is RED")

	b.see("8613800000003", "RED")
	b.see("8613800000001", "GREEN")
	requireLines(t, lines, "pause 8613800000001: 8613800000001 is RED", "pause 8613800000003: 8613800000003 is RED", "resume 8613800000001")
	stop()
	b.see("8613800000003", "GREEN") // while it is away
	b.see("8613800000001", "RED")
	b.published()
	lines, _ = start(t, []string{"NATS_URL=" + b.url}, build(t, "pauser"))
	requireLines(t, lines, "pause 8613800000001: 8613800000001 is RED")
}

// A number that goes from bad to worse has never been well.
func TestPauserDoesNotResumeWhatAnotherAlertBlocks(t *testing.T) {
	b := startBot(t)
	b.see("8613800000001", "GREEN")
	lines, _ := start(t, []string{"NATS_URL=" + b.url}, build(t, "pauser"))
	b.seeAs("8613800000001", phone.Status, "RESTRICTED")
	requireLines(t, lines, "pause 8613800000001: 8613800000001 is RESTRICTED")
	b.seeAs("8613800000001", phone.Status, "DISCONNECTED")
	b.see("8613800000001", "RED") // it is connected, in the same poll
	b.see("8613800000001", "GREEN")
	requireLines(t, lines, "pause 8613800000001: 8613800000001 is RESTRICTED", "resume 8613800000001")
}

func requireLines(t *testing.T, lines func() []string, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(lines()) >= len(want) }, soon, 5*time.Millisecond, "%q", want)
	require.Equal(t, want, lines())
}

// desk is a ticket system that sometimes fails.
type desk struct {
	mu      sync.Mutex
	calls   int
	tickets map[string]map[string]string
	opened  int
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls%3 == 1 {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var t map[string]string
	if r.Method != http.MethodPut || json.Unmarshal(body, &t) != nil {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/tickets/")
	if d.tickets[id] == nil {
		d.opened++
	}
	d.tickets[id] = t
}

func (d *desk) count(status string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tickets {
		if t["status"] == status {
			n++
		}
	}
	return n
}

func TestTicketsAreOpenedOnceAndClosed(t *testing.T) {
	b := startBot(t)
	b.see("8613800000001", "RED")
	b.see("8613800000002", "RED")
	b.published()
	d := &desk{tickets: map[string]map[string]string{}}
	server := httptest.NewServer(d)
	defer server.Close()
	env := []string{"NATS_URL=" + b.url, "TICKETS_URL=" + server.URL + "/tickets"}
	program := build(t, "tickets")
	_, stop := start(t, env, program)
	require.Eventually(t, func() bool { return d.count("open") == 2 }, soon, 5*time.Millisecond)
	b.see("8613800000001", "GREEN")
	require.Eventually(t, func() bool { return d.count("closed") == 1 }, soon, 5*time.Millisecond)
	stop()
	b.see("8613800000002", "GREEN") // while it is away
	b.see("8613800000003", "RED")
	b.published()
	start(t, env, program)
	require.Eventually(t, func() bool { return d.count("closed") == 2 && d.count("open") == 1 }, soon, 5*time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Equal(t, 3, d.opened)
	for _, ticket := range d.tickets {
		require.Contains(t, []string{"Pause marketing.", "recovered, now GREEN"}, ticket["text"])
		require.Contains(t, ticket["title"], "critical: 861380000000")
	}
}

func TestANoticeOpensATicket(t *testing.T) {
	b := startBot(t)
	b.seeAs("8613800000001", phone.UpCallbackUrl, "https://hooks.acme.example/up")
	b.seeAs("8613800000001", phone.UpCallbackUrl, "https://evil.example/x")
	b.published()
	d := &desk{tickets: map[string]map[string]string{}}
	server := httptest.NewServer(d)
	defer server.Close()
	start(t, []string{"NATS_URL=" + b.url, "TICKETS_URL=" + server.URL + "/tickets"}, build(t, "tickets"))
	require.Eventually(t, func() bool { return d.count("open") == 1 }, soon, 5*time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ticket := range d.tickets {
		require.Equal(t, map[string]string{
			"status": "open", "title": "high: UpCallbackUrl of 8613800000001 changed", "text": "Set it back.",
		}, ticket)
	}
}

// That a notice has settled is no reason to close its ticket.
func TestSettlingClosesNoTicket(t *testing.T) {
	b := startBot(t)
	for _, path := range []string{"a", "b", "a", "b"} {
		b.seeAs("8613800000001", phone.UpCallbackUrl, "https://hooks.acme.example/"+path)
	}
	b.settled()
	b.see("8613800000002", "RED") // the last event
	b.published()
	d := &desk{tickets: map[string]map[string]string{}}
	server := httptest.NewServer(d)
	defer server.Close()
	start(t, []string{"NATS_URL=" + b.url, "TICKETS_URL=" + server.URL + "/tickets"}, build(t, "tickets"))
	require.Eventually(t, func() bool { return d.count("open")+d.count("closed") == 4 }, soon, 5*time.Millisecond)
	require.Equal(t, 4, d.count("open"), "three notices, and what is RED")
}

func TestArchiveHasEveryEventOnce(t *testing.T) {
	b := startBot(t)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	program := build(t, "archive")
	for i, rating := range []string{"RED", "GREEN", "RED"} {
		b.see("8613800000001", rating)
		b.see("8613800000002", rating)
		b.published()
		_, stop := start(t, []string{"NATS_URL=" + b.url}, program, path)
		require.Eventually(t, func() bool { return len(archived(t, path)) == int(b.store.LastSeq()) }, soon, 5*time.Millisecond)
		stop()
		if i == 1 { // as a crash leaves it
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, append(data[:len(data)-40], `{"stream":`...), 0o600))
		}
	}
	ids := map[string]bool{}
	for _, id := range archived(t, path) {
		require.False(t, ids[id], "%s is there twice", id)
		ids[id] = true
	}
	require.Len(t, ids, int(b.store.LastSeq()))
}

// archived returns the ids of the events in the file's whole lines.
func archived(t *testing.T, path string) (ids []string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(data) {
		var l struct {
			Stream int
			Event  struct{ ID, SpecVersion string }
		}
		if json.Unmarshal(line, &l) == nil {
			require.Equal(t, "1.0", l.Event.SpecVersion)
			ids = append(ids, l.Event.ID)
		}
	}
	return ids
}
