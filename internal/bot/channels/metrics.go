package channels

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/rules"
)

// gauges are how the channels of each kind keep up, read when they are asked for.
type gauges struct {
	set             *Set
	waiting, parked map[rules.Kind]*prometheus.Desc
}

func newGauges(s *Set) *gauges {
	g := &gauges{set: s, waiting: map[rules.Kind]*prometheus.Desc{}, parked: map[rules.Kind]*prometheus.Desc{}}
	for name, k := range kinds() {
		g.waiting[name] = prometheus.NewDesc(k.waiting, k.help, []string{"channel"}, nil)
		g.parked[name] = prometheus.NewDesc("numwatch_"+string(name)+"_parked", "1 while nothing can be delivered to the "+string(name)+".", []string{"channel"}, nil)
	}
	return g
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for name := range kinds() {
		out <- g.waiting[name]
		out <- g.parked[name]
	}
}

// Collect reads them.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	for _, sink := range g.set.sinks {
		s, parked := sink.Status(), 0.0
		if s.Parked {
			parked = 1
		}
		kind, channel, _ := strings.Cut(sink.Component(), ":")
		out <- prometheus.MustNewConstMetric(g.waiting[rules.Kind(kind)], prometheus.GaugeValue, float64(s.Lag), channel)
		out <- prometheus.MustNewConstMetric(g.parked[rules.Kind(kind)], prometheus.GaugeValue, parked, channel)
	}
}
