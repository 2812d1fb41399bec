package hints

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"numwatch/alert"
	"numwatch/phone"
)

// The sources of hints.
const (
	API      = "api"
	NATS     = "nats"
	Receipts = "receipts"
)

// Sources lists where hints may come from.
func Sources() []string { return []string{API, NATS, Receipts} }

// Options are what a Receiver needs.
type Options struct {
	Accounts []string
	// Poll asks for a poll of a space soon, and reports whether it is watched. It must
	// be quick.
	Poll func(space phone.SpaceKey, source, about string) bool
	// SpacesOf returns the spaces that hold a number.
	SpacesOf   func(number string) ([]phone.SpaceKey, error)
	Registerer prometheus.Registerer // nil: none
	Log        *slog.Logger
}

// Count is the hints from one source since the start.
type Count struct {
	Accepted int // hints of what is watched
	Unknown  int // hints of spaces and numbers that are not
	Ignored  int // receipts that say nothing of a number
	Refused  int // requests that could not be read
}

// Receiver takes hints and hands them to the pollers. It is safe for concurrent use.
type Receiver struct {
	o       Options
	metrics *prometheus.CounterVec

	mu     sync.Mutex
	counts map[string]Count // by source
}

// New returns a receiver.
func New(o Options) *Receiver {
	r := &Receiver{o: o, counts: map[string]Count{}}
	r.metrics = promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_hints_total", Help: "Hints by source and outcome: accepted, unknown (not watched), ignored (a receipt that is not about a number), refused (a request that cannot be read).",
	}, []string{"source", "outcome"})
	for _, source := range Sources() {
		r.count(source, Count{})
	}
	return r
}

// Counts returns the hints from a source since the start.
func (r *Receiver) Counts(source string) Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[source]
}

func (r *Receiver) count(source string, more Count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[source]
	c.Accepted += more.Accepted
	c.Unknown += more.Unknown
	c.Ignored += more.Ignored
	c.Refused += more.Refused
	r.counts[source] = c
	for outcome, n := range map[string]int{"accepted": more.Accepted, "unknown": more.Unknown, "ignored": more.Ignored, "refused": more.Refused} {
		r.metrics.WithLabelValues(source, outcome).Add(float64(n))
	}
}

// take hands hints to the pollers.
func (r *Receiver) take(source string, list []Hint) (a Answer) {
	for i := range list {
		h, known := &list[i], false
		for _, space := range r.spaces(h) {
			known = r.o.Poll(space, source, h.about()) || known
		}
		if known {
			a.Accepted++
		} else {
			a.Unknown++
		}
		r.o.Log.Debug("hint", "source", source, "account", alert.Plain(h.Account), "space", alert.Plain(h.Space),
			"reason", alert.Plain(alert.Cut(h.Reason, maxAbout)), "known", known)
	}
	r.count(source, Count{Accepted: a.Accepted, Unknown: a.Unknown})
	return a
}

// spaces returns the spaces that a hint may be about.
func (r *Receiver) spaces(h *Hint) (found []phone.SpaceKey) {
	if h.Space != "" {
		for _, account := range r.o.Accounts {
			if h.Account == "" || h.Account == account {
				found = append(found, phone.SpaceKey{Account: account, ID: h.Space})
			}
		}
		return found
	}
	found, err := r.o.SpacesOf(h.Number)
	if err != nil {
		r.o.Log.Warn("the spaces of a hinted number could not be found", "err", err)
	}
	return slices.DeleteFunc(found, func(k phone.SpaceKey) bool { return h.Account != "" && h.Account != k.Account })
}

func (r *Receiver) refused(source string, err error) {
	r.count(source, Count{Refused: 1})
	r.o.Log.Debug("hints could not be read", "source", source, "err", alert.Plain(err.Error()))
}
