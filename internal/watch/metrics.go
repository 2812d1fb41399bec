package watch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/phone"
)

// Metrics counts what the loop does. A nil one counts nothing.
type Metrics struct {
	changes     *prometheus.CounterVec
	transitions *prometheus.CounterVec
	commits     *prometheus.HistogramVec
	detection   prometheus.Histogram
}

// NewMetrics registers the loop's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_changes_total", Help: "Changes seen, by field and direction.",
		}, []string{"field", "direction"}),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_alert_transitions_total", Help: "Transitions of alerts, by severity and transition.",
		}, []string{"severity", "transition"}),
		commits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "numwatch_commit_seconds", Help: "Time that a commit to the store took, by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}, []string{"outcome"}),
		detection: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numwatch_change_window_seconds", Help: "Time between the last poll without a change and the first one with it: the longest that the change can have gone unnoticed.",
			Buckets: prometheus.ExponentialBuckets(15, 2, 12),
		}),
	}
	r.MustRegister(m.changes, m.transitions, m.commits, m.detection)
	for _, outcome := range []string{"ok", "failed"} { // so that the first failure is an increase
		m.commits.WithLabelValues(outcome)
	}
	return m
}

func (m *Metrics) change(c phone.Change) {
	if m == nil {
		return
	}
	m.changes.WithLabelValues(c.Field.String(), c.Direction.String()).Inc()
	if !c.SeenAfter.IsZero() {
		m.detection.Observe(c.SeenAt.Sub(c.SeenAfter).Seconds())
	}
}

func (m *Metrics) transition(a alert.Alert) {
	if m != nil {
		m.transitions.WithLabelValues(a.Severity.String(), a.Transition.String()).Inc()
	}
}

func (m *Metrics) committed(took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.commits.WithLabelValues(outcome).Observe(took.Seconds())
}
