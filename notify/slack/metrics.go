package slack

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics counts calls (post, reply, edit, find) by outcome: ok, dead, or
// the class of the refusal.
type metrics struct {
	calls  *prometheus.CounterVec
	parked *prometheus.GaugeVec
	dead   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_slack_calls_total", Help: "Calls to Slack, by call and outcome.",
		}, []string{"call", "outcome"}),
		parked: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "numwatch_slack_parked", Help: "1 while Slack, or one of its channels, cannot be delivered to.",
		}, []string{"part"}),
		dead: f.NewGauge(prometheus.GaugeOpts{
			Name: "numwatch_slack_dead_messages", Help: "Messages that Slack refuses for good.",
		}),
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
