// Package reason finds out why alerts on numbers opened or got worse: it asks the cloud,
// one number of a space at a time, and hands the answers to the loop. No alert waits for
// that, and one without an answer stays as it is. It imports phone, alert, notify and
// poller/cams; the bot makes one.
package reason

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
	"numwatch/poller/cams"
)

const (
	maxWaiting  = 1000
	maxInFlight = 8
	maxAnswers  = 10_000
	validFor    = 10 * time.Minute // an answer
	deniedFor   = time.Hour        // no more requests for the account after a denied one
)

// Options are what an Explainer needs.
type Options struct {
	// Ask asks the cloud about a number; nil without an error: nothing is wrong.
	Ask func(ctx context.Context, number phone.Subject) (*alert.Reason, error)
	// Tell adds a reason to an alert.
	Tell func(ctx context.Context, alert string, r alert.Reason) error
	Log  *slog.Logger
}

// Explainer finds reasons. It is safe for concurrent use.
type Explainer struct {
	o    Options
	wake notify.Signal // there may be something to ask

	mu      sync.Mutex
	waiting []alert.Alert
	busy    map[phone.SpaceKey]bool
	answers map[phone.Subject]answer
	denied  map[string]time.Time // by account: no request before
}

type answer struct {
	reason *alert.Reason
	at     time.Time
}

// New returns one that does nothing until Run.
func New(o Options) *Explainer {
	return &Explainer{
		o: o, wake: notify.NewSignal(),
		busy: map[phone.SpaceKey]bool{}, answers: map[phone.Subject]answer{}, denied: map[string]time.Time{},
	}
}

// Explain asks for the reasons of alerts. It does not block; where too many wait, the
// oldest are left as they are.
func (e *Explainer) Explain(alerts []alert.Alert) {
	e.mu.Lock()
	e.waiting = append(e.waiting, alerts...)
	if over := len(e.waiting) - maxWaiting; over > 0 {
		e.waiting = slices.Clone(e.waiting[over:])
	}
	e.mu.Unlock()
	e.wake.Send()
}

// Run asks until ctx ends.
func (e *Explainer) Run(ctx context.Context) error {
	var asking errgroup.Group
	asking.SetLimit(maxInFlight)
	for {
		select {
		case <-ctx.Done():
			return asking.Wait()
		case <-e.wake:
		}
		for a, ok := e.next(); ok; a, ok = e.next() {
			asking.Go(func() error {
				e.explain(ctx, &a)
				e.mu.Lock()
				delete(e.busy, a.Subject.SpaceKey())
				e.mu.Unlock()
				e.wake.Send()
				return nil
			})
		}
	}
}

// next takes the first alert in whose space no request is in flight.
func (e *Explainer) next() (alert.Alert, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.waiting, func(a alert.Alert) bool { return !e.busy[a.Subject.SpaceKey()] })
	if i < 0 {
		return alert.Alert{}, false
	}
	a := e.waiting[i]
	e.waiting = slices.Delete(e.waiting, i, i+1)
	e.busy[a.Subject.SpaceKey()] = true
	return a, true
}

func (e *Explainer) explain(ctx context.Context, a *alert.Alert) {
	reason, ok := e.known(a.Subject)
	if !ok {
		var err error
		if reason, err = e.o.Ask(ctx, a.Subject); err != nil {
			e.failed(a.Subject.Account, err)
			return
		}
		e.remember(a.Subject, reason)
	}
	if reason == nil || ctx.Err() != nil {
		return
	}
	if err := e.o.Tell(ctx, a.ID, *reason); err != nil && ctx.Err() == nil {
		e.o.Log.Warn("the reason of an alert could not be stored", "alert", a.ID, "err", err)
	}
}

// known returns what is known about a number: nothing while its account is not asked.
func (e *Explainer) known(number phone.Subject) (reason *alert.Reason, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().Before(e.denied[number.Account]) {
		return nil, true
	}
	known, ok := e.answers[number]
	return known.reason, ok && time.Since(known.at) < validFor
}

func (e *Explainer) remember(number phone.Subject, reason *alert.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.answers) >= maxAnswers {
		clear(e.answers)
	}
	e.answers[number] = answer{reason, time.Now()}
}

// failed notes a request without an answer.
func (e *Explainer) failed(account string, err error) {
	if cams.AsError(phone.SpaceKey{Account: account}, err).Class != cams.DeniedAccount {
		e.o.Log.Debug("the reason of an alert is not known", "account", account, "err", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, said := e.denied[account]; !said {
		e.o.Log.Info("alerts carry no reasons: grant cams:GetWhatsappHealthStatus, or remove explain_with from the rules", "account", account, "err", err)
	}
	e.denied[account] = time.Now().Add(deniedFor)
}
