package cams

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver takes pushes.
type receiver struct {
	mu      sync.Mutex
	all     []map[string]string
	fail    bool
	refused int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail {
		r.refused++
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, _ := io.ReadAll(req.Body)
	var receipt map[string]string
	_ = json.Unmarshal(body, &receipt)
	r.all = append(r.all, receipt)
}

func (r *receiver) count() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.all) }

func (r *receiver) refuse(all bool)  { r.mu.Lock(); r.fail = all; r.mu.Unlock() }
func (r *receiver) refusedOnes() int { r.mu.Lock(); defer r.mu.Unlock(); return r.refused }

// pushing is a cloud with one number that pushes to a receiver.
func pushing(t *testing.T, p Push) (*Server, *receiver) {
	to := &receiver{}
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	p.URL = server.URL
	number := Number{"PhoneNumber": "1", "Status": "CONNECTED", "QualityRating": "GREEN", "NewNameStatus": "NONE", "MessagingLimitTier": "TIER_1K"}
	s := New(Config{Push: &p, Seed: 7, Accounts: []Account{{Name: "main", Spaces: []Space{{Id: "s", Numbers: []Number{number}}}}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.DeliverPushes(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, to
}

func TestChangesArePushed(t *testing.T) {
	s, to := pushing(t, Push{Recall: 1})
	for _, change := range [][2]string{{"MessagingLimitTier", "TIER_250"}, {"QualityRating", "RED"}, {"QualityRating", "RED"}, {"Status", "BANNED"}, {"NewNameStatus", "DECLINED"}} {
		require.NoError(t, s.Update("main", "s", "1", change[0], change[1]))
	}
	require.Eventually(t, func() bool { return to.count() == 3 }, time.Minute, time.Millisecond)
	require.ElementsMatch(t, []map[string]string{
		{"Type": "phoneQualityUpdate", "PhoneNumber": "1", "Status": "RED"},
		{"Type": "wabaAccountUpdate", "PhoneNumber": "1", "Status": "BANNED"},
		{"Type": "phoneNameUpdate", "PhoneNumber": "1", "AuditStatus": "DECLINED"},
	}, to.all)
}

// Half of the changes are pushed, each of these twice and beside a stray.
func TestPushesAreAsUnreliableAsIsSaid(t *testing.T) {
	p := newPusher(Push{Recall: 0.5, Duplicates: 1, Strays: 1, Delay: time.Second}, 7)
	state := func(quality string) []Number { return []Number{{"PhoneNumber": "1", "QualityRating": quality}} }
	for i := range 1000 {
		p.changed(state([]string{"GREEN", "RED"}[i%2]), state([]string{"RED", "GREEN"}[i%2]))
	}
	total, strays, delay := len(p.queue), 0, time.Duration(0)
	for range total {
		one := <-p.queue
		delay += one.after / time.Duration(total)
		require.GreaterOrEqual(t, one.after, 500*time.Millisecond)
		require.LessOrEqual(t, one.after, 1500*time.Millisecond)
		if one.receipt["PhoneNumber"] != "1" {
			strays++
		}
	}
	require.InDelta(t, 1500, total, 150)
	require.Equal(t, total/3, strays)
	require.InDelta(t, 1, delay.Seconds(), 0.05)
}

func TestARefusedPushIsLost(t *testing.T) {
	s, to := pushing(t, Push{Recall: 1})
	to.refuse(true)
	require.NoError(t, s.Update("main", "s", "1", "QualityRating", "RED"))
	require.Eventually(t, func() bool { return to.refusedOnes() == 1 }, time.Minute, time.Millisecond)
	to.refuse(false)
	require.NoError(t, s.Update("main", "s", "1", "Status", "BANNED"))
	require.Eventually(t, func() bool { return to.count() == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, "wabaAccountUpdate", to.all[0]["Type"])
}
