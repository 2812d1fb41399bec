package bot

import (
	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
)

// gauges are the metrics of the whole, read when they are asked for.
type gauges struct {
	m                        *Bot
	firing, waiting, dbBytes *prometheus.Desc
}

// registerGauges adds the gauges to the machine's registry.
func (m *Bot) registerGauges() error {
	return m.registry.Register(&gauges{
		m:       m,
		firing:  prometheus.NewDesc("numwatch_alerts_firing", "Alerts that fire now, by severity.", []string{"severity"}, nil),
		waiting: prometheus.NewDesc("numwatch_slack_waiting_alerts", "Alerts that no message shows yet, by channel.", []string{"channel"}, nil),
		dbBytes: prometheus.NewDesc("numwatch_store_bytes", "Size of the store's file.", nil, nil),
	})
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.firing
	out <- g.waiting
	out <- g.dbBytes
}

// Collect reads them.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	firing := map[string]int{}
	for _, a := range g.m.view.Alerts() {
		if a.State == alert.Firing {
			firing[a.Severity.String()]++
		}
	}
	for _, name := range alert.Severities() {
		out <- prometheus.MustNewConstMetric(g.firing, prometheus.GaugeValue, float64(firing[name]), name)
	}
	for _, c := range g.m.slack.Status().Channels {
		out <- prometheus.MustNewConstMetric(g.waiting, prometheus.GaugeValue, float64(c.Waiting), c.Name)
	}
	if st, err := g.m.store.Stats(); err == nil {
		out <- prometheus.MustNewConstMetric(g.dbBytes, prometheus.GaugeValue, float64(st.FileSize))
	}
}
