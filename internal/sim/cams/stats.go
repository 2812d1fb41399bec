package cams

import (
	"maps"
	"net/http"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// Stats tells what an account's requests came to.
type Stats struct {
	Requests int // that arrived with the account's AccessKeyId, good or not
	Served   int // answered with HTTP 200 and Code OK
	Refused  int // throttled, by the limit or by a fault
	// Peak is the most requests of ChatappSyncPhoneNumber that arrived in any
	// sliding second, whatever became of them.
	Peak   int
	Codes  map[string]int // answers by Code
	Spaces map[string]int // requests of ChatappSyncPhoneNumber by CustSpaceId
}

// Stats returns an account's statistics so far. The name "" is for requests
// whose AccessKeyId is unknown.
func (s *Server) Stats(account string) Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.unknown
	if acc, ok := s.accounts[account]; ok {
		t = &acc.tally
	} else if account != "" {
		t = &tally{arrivals: simfault.NewWindow(0, time.Second)}
	}
	st := t.Stats
	st.Peak = t.arrivals.Peak()
	st.Codes, st.Spaces = maps.Clone(st.Codes), maps.Clone(st.Spaces)
	return st
}

type tally struct {
	Stats
	arrivals *simfault.Window
}

func newTally() tally {
	return tally{
		Stats:    Stats{Codes: map[string]int{}, Spaces: map[string]int{}},
		arrivals: simfault.NewWindow(0, time.Second),
	}
}

func (s *Server) tallyOf(acc *tenant) *tally {
	if acc == nil {
		return &s.unknown
	}
	return &acc.tally
}

func (t *tally) count(r *request, now time.Time) {
	t.Requests++
	if r.action == SyncPhoneNumber {
		t.Spaces[r.space]++
		t.arrivals.Count(now)
	}
}

// refuse counts a refusal, whatever a fault makes of its answer.
func (t *tally) refuse(r *refusal) {
	switch r.code {
	case "System.LimitControl", "Throttling", "Throttling.User", "Throttling.Api":
		t.Refused++
	}
}

func (t *tally) answered(a answer) {
	if a.code != "" {
		t.Codes[a.code]++
	}
	if a.code == "OK" && a.status == http.StatusOK && !a.drop {
		t.Served++
	}
}
