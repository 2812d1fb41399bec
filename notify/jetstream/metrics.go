package jetstream

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts what the cursor does. Outcomes: ok, held (the stream had
// it), failed (an attempt), dead (passed over for good), trimmed (left the log
// unpublished).
type metrics struct {
	published *prometheus.CounterVec
	lag       prometheus.Gauge
	parked    prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{
		published: f.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_nats_events_total", Help: "Events taken to NATS, by outcome.",
		}, []string{"outcome"}),
		lag: f.NewGauge(prometheus.GaugeOpts{
			Name: "numwatch_nats_lag_events", Help: "Events in the log that NATS has not acknowledged.",
		}),
		parked: f.NewGauge(prometheus.GaugeOpts{
			Name: "numwatch_nats_parked", Help: "1 while NATS cannot be delivered to.",
		}),
	}
	// A counter that begins at its first event has not increased, for Prometheus.
	for _, outcome := range []string{"ok", "held", "failed", "dead", "trimmed"} {
		m.published.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) setParked(parked bool) { m.parked.Set(truth(parked)) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
