package replica

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hub hears what replicas do: it stands for the cloud, and for whoever was told that something is committed.
type hub struct {
	url string

	mu     sync.Mutex
	polls  []poll
	led    []poll // when each of them began to lead
	acked  map[int]string
	status map[string]said
	jumps  []jump
}

type poll struct {
	id   string
	term int
	at   time.Time // when it was sent: how late it is heard says nothing
}

// jump is what a replica whose wall clock was set said of its right.
type jump struct{ before, after string }

type said struct {
	role, why string
	applied   uint64
}

func newHub(t testing.TB) *hub {
	h := &hub{acked: map[int]string{}, status: map[string]said{}}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

func (h *hub) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	h.mu.Lock()
	defer h.mu.Unlock()
	switch r.URL.Path {
	case "/poll", "/leads":
		sent, _ := strconv.ParseInt(r.FormValue("sent"), 10, 64)
		term, _ := strconv.Atoi(r.FormValue("term"))
		all := &h.polls
		if r.URL.Path == "/leads" {
			all = &h.led
		}
		*all = append(*all, poll{id, term, time.Unix(0, sent)})
	case "/acked":
		seq, _ := strconv.Atoi(r.FormValue("seq"))
		h.acked[seq] = r.FormValue("text")
	case "/jumped":
		h.jumps = append(h.jumps, jump{r.FormValue("before"), r.FormValue("after")})
	case "/status":
		applied, _ := strconv.ParseUint(r.FormValue("applied"), 10, 64)
		h.status[id] = said{r.FormValue("role"), r.FormValue("why"), applied}
	}
}

// sent returns all polls, in the order in which they were sent.
func (h *hub) sent() []poll {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.polls)
	slices.SortFunc(all, func(a, b poll) int { return a.at.Compare(b.at) })
	return all
}

func (h *hub) polledSince(since time.Time, not []string) string {
	for _, p := range h.sent() {
		if p.at.After(since) && !strings.Contains(strings.Join(not, " "), p.id) {
			return p.id
		}
	}
	return ""
}

// takeover is how long after a moment a replica began to lead that did not before, and sent its first poll.
func (h *hub) takeover(since time.Time) (leads, polls time.Duration) {
	all := h.sent()
	h.mu.Lock()
	defer h.mu.Unlock()
	began := slices.IndexFunc(h.led, func(p poll) bool { return p.at.After(since) })
	if began < 0 {
		return 0, 0
	}
	first := slices.IndexFunc(all, func(p poll) bool { return p.term >= h.led[began].term })
	return h.led[began].at.Sub(since), all[first].at.Sub(since)
}

// longestPause is the longest time after a moment in which nobody polled.
func (h *hub) longestPause(since time.Time) (longest time.Duration) {
	last := since
	for _, p := range h.sent() {
		if p.at.After(last) {
			longest, last = max(longest, p.at.Sub(last)), p.at
		}
	}
	return longest
}

// gap is how long after the last poll of a replica another one sent its first.
func (h *hub) gap(id string) time.Duration {
	polls := h.sent()
	last := -1
	for i, p := range polls {
		if p.id == id {
			last = i
		}
	}
	if last < 0 || last+1 >= len(polls) {
		return 0
	}
	return polls[last+1].at.Sub(polls[last].at)
}

func (h *hub) said(id string) said {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status[id]
}

// jumped returns the jumps of clocks.
func (h *hub) jumped() []jump {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.jumps)
}

// acks is how many commits were acknowledged.
func (h *hub) acks() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.acked)
}

func (h *hub) ackedEvents() map[int]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.acked
}

// requireLimits looks at all polls: once a term has polled, none before does so any more, and no second has too many.
func (h *hub) requireLimits(t testing.TB) {
	t.Helper()
	polls := h.sent()
	first := 0
	for i, p := range polls {
		if i > 0 {
			require.GreaterOrEqual(t, p.term, polls[i-1].term, "%s polls after %s did, which leads", p.id, polls[i-1].id)
		}
		for p.at.Sub(polls[first].at) >= time.Second {
			first++
		}
		require.LessOrEqual(t, i-first+1, 10, "polls in a second")
	}
}

// starts forgets what a replica said before.
func (h *hub) starts(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.status, id)
}

// forget takes back what was told to be committed, and the terms of which the log knows nothing any more.
func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked, h.polls = map[int]string{}, nil
}

// leading is the replica that polled last; "" before the first poll.
func (h *hub) leading() string {
	polls := h.sent()
	if len(polls) == 0 {
		return ""
	}
	return polls[len(polls)-1].id
}
