package bot

import (
	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
)

// gauges are the metrics of the whole, read when they are asked for.
type gauges struct {
	b                        *Bot
	firing, waiting, dbBytes *prometheus.Desc
	discovered, failed       *prometheus.Desc
}

// registerMetrics adds the gauges to the registry.
func (b *Bot) registerMetrics() error {
	return b.registry.Register(&gauges{
		b:       b,
		firing:  prometheus.NewDesc("numwatch_alerts_firing", "Firing alerts, by severity.", []string{"severity"}, nil),
		waiting: prometheus.NewDesc("numwatch_slack_waiting_alerts", "Alerts not yet shown in a message, by channel.", []string{"channel"}, nil),
		dbBytes: prometheus.NewDesc("numwatch_store_bytes", "Size of the store's file.", nil, nil),
		discovered: prometheus.NewDesc("numwatch_discovered_spaces",
			"Spaces on the account's last good list that pass include and exclude.", []string{"account"}, nil),
		failed: prometheus.NewDesc("numwatch_discovery_failed", "1 if the last attempt to list the account's spaces failed.", []string{"account"}, nil),
	})
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.firing
	out <- g.waiting
	out <- g.dbBytes
	out <- g.discovered
	out <- g.failed
}

// Collect reads them.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	firing := map[string]int{}
	for _, a := range g.b.view.Alerts() {
		if a.State == alert.Firing {
			firing[a.Severity.String()]++
		}
	}
	for _, name := range alert.Severities() {
		out <- prometheus.MustNewConstMetric(g.firing, prometheus.GaugeValue, float64(firing[name]), name)
	}
	for _, c := range g.b.slack.Status().Channels {
		out <- prometheus.MustNewConstMetric(g.waiting, prometheus.GaugeValue, float64(c.Waiting), c.Name)
	}
	if size, err := g.b.store.FileSize(); err == nil {
		out <- prometheus.MustNewConstMetric(g.dbBytes, prometheus.GaugeValue, float64(size))
	}
	for _, a := range g.b.accounts {
		if s := a.discovery.status(); s != nil {
			failed := 0.0
			if s.Error != "" {
				failed = 1
			}
			out <- prometheus.MustNewConstMetric(g.discovered, prometheus.GaugeValue, float64(s.Spaces), a.name)
			out <- prometheus.MustNewConstMetric(g.failed, prometheus.GaugeValue, failed, a.name)
		}
	}
}
