package reason

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller/cams"
)

// provider answers in virtual time.
type provider struct {
	*Explainer
	mu    sync.Mutex
	err   error
	asked []string // numbers
	most  int      // questions at once about one space
	busy  map[string]int
	told  []string
	log   strings.Builder
}

func newProvider(t *testing.T) *provider {
	p := &provider{busy: map[string]int{}}
	p.Explainer = New(Options{
		Ask: func(ctx context.Context, number phone.Subject) (*alert.Reason, error) {
			p.mu.Lock()
			p.asked = append(p.asked, number.PhoneNumber)
			p.busy[number.Space]++
			p.most = max(p.most, p.busy[number.Space])
			err := p.err
			p.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			p.mu.Lock()
			p.busy[number.Space]--
			p.mu.Unlock()
			if number.PhoneNumber == "well" {
				return nil, err
			}
			return &alert.Reason{Level: "number", Text: "banned"}, err
		},
		Tell: func(_ context.Context, id string, r alert.Reason) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.told = append(p.told, id+" "+r.Text)
			return nil
		},
		Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return p
}

// pass lets time pass, and sees what happened meanwhile.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// of returns what was noted by now.
func (p *provider) of(list *[]string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(*list)
}

func on(id, space, number string) alert.Alert {
	return alert.Alert{ID: id, Subject: phone.Subject{Account: "main", Space: space, PhoneNumber: number}}
}

func TestOneQuestionAtATimeOfASpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		for i := range 5 {
			p.Explain([]alert.Alert{on(fmt.Sprint("a", i), "1", fmt.Sprint(i)), on(fmt.Sprint("b", i), fmt.Sprint("s", i), "n")})
		}
		pass(1500 * time.Millisecond)
		require.Len(t, p.of(&p.told), 6, "other spaces do not wait for one")
		pass(10 * time.Second)
		require.Len(t, p.of(&p.told), 10)
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Equal(t, 1, p.most)
	})
}

func TestAnswersHoldForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.Explain([]alert.Alert{on("a1", "1", "n"), on("a2", "1", "n"), on("a3", "1", "well")})
		pass(5 * time.Second)
		require.Equal(t, []string{"n", "well"}, p.of(&p.asked))
		require.Equal(t, []string{"a1 banned", "a2 banned"}, p.of(&p.told), "where nothing is wrong nothing is told")
		pass(validFor)
		p.Explain([]alert.Alert{on("a1", "1", "n")})
		pass(5 * time.Second)
		require.Equal(t, []string{"n", "well", "n"}, p.of(&p.asked))
	})
}

func TestWithoutThePermissionNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.err = &cams.Error{Class: cams.DeniedAccount, Code: "Ram.PermissionDeny"}
		for range 5 {
			p.Explain([]alert.Alert{on("a", "1", "n")})
			pass(5 * time.Second)
		}
		require.Len(t, p.of(&p.asked), 1)
		require.Empty(t, p.of(&p.told))
		pass(deniedFor)
		p.Explain([]alert.Alert{on("a", "1", "n")})
		pass(5 * time.Second)
		require.Len(t, p.of(&p.asked), 2, "it may be granted meanwhile")
		require.Equal(t, 1, strings.Count(p.log.String(), "grant cams:GetWhatsappHealthStatus"), "and it is said once")
	})
}

func TestAFailedQuestionIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.err = errors.New("connection reset")
		p.Explain([]alert.Alert{on("a", "1", "n")})
		pass(5 * time.Second)
		p.mu.Lock()
		p.err = nil
		p.mu.Unlock()
		p.Explain([]alert.Alert{on("b", "1", "n")})
		pass(5 * time.Second)
		require.Equal(t, []string{"b banned"}, p.of(&p.told))
	})
}

func TestNoMoreWaitThanFit(t *testing.T) {
	p := New(Options{})
	p.Explain(make([]alert.Alert, 3*maxWaiting))
	require.Len(t, p.waiting, maxWaiting)
}
