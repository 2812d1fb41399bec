package poller

import (
	"cmp"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/poller/cams"
)

// metrics of one account, which is a label of all. Spaces and numbers are none.
type metrics struct {
	polls    *prometheus.CounterVec
	duration prometheus.Histogram
	detect   prometheus.Histogram
	hinted   *prometheus.CounterVec
	found    *prometheus.CounterVec
}

// bySchedule is what found a change that no hint was about.
const bySchedule = "schedule"

// newMetrics registers the poller's metrics, if it has a registry. Where an
// earlier poller of the account has done so, its counters go on.
func newMetrics(p *Poller) *metrics {
	m := &metrics{
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_polls_total", Help: "Polls by outcome: ok, or the class of the error.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numwatch_poll_duration_seconds", Help: "Time from sending a request to its complete answer.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		detect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numwatch_time_to_detect_seconds", Help: "Expected time from a change to its detection: half of the time between the polls around it, or where a hint led to it the time since the hint.",
			Buckets: []float64{5, 15, 30, 60, 120, 300, 600, 1200, 2400, 4800},
		}),
	}
	m.hinted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_hinted_polls_total", Help: "Polls that followed a hint, by the source of the hint.",
	}, []string{"source"})
	m.found = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_changes_found_total", Help: "Changes by what led to their poll: the schedule, or the source of a hint.",
	}, []string{"by"})
	if p.o.Metrics == nil {
		return m
	}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"account": p.o.Account}, p.o.Metrics)
	m.polls = register(p, reg, m.polls)
	m.duration = register(p, reg, m.duration)
	m.detect = register(p, reg, m.detect)
	m.hinted = register(p, reg, m.hinted)
	m.found = register(p, reg, m.found)
	m.found.WithLabelValues(bySchedule)
	for _, source := range p.o.HintSources {
		m.followed(source, 0)
		m.changes(source, 0)
	}
	register(p, reg, newGauges(p.Status))
	for _, outcome := range append([]string{"ok"}, cams.Classes()...) {
		m.polls.WithLabelValues(outcome)
	}
	return m
}

// gauges collects what the status says, reading it once.
type gauges struct {
	status func() Status
	descs  []*prometheus.Desc // as statusGauges
}

// statusGauges are the figures of the status.
var statusGauges = []struct {
	name, help string
	value      func(*Status) float64
}{
	{"numwatch_poll_pace", "Maximum requests per second at present.", func(s *Status) float64 { return s.Pace }},
	{"numwatch_poll_rate", "Requests per second in the last minute.", func(s *Status) float64 { return s.Used }},
	{"numwatch_poll_throttled_ratio", "Share of the last minute's requests that were throttled.", func(s *Status) float64 { return s.Throttled }},
	{"numwatch_spaces", "Spaces that are polled.", func(s *Status) float64 { return float64(s.Plan.Spaces) }},
	{"numwatch_spaces_failing", "Spaces whose last poll failed.", func(s *Status) float64 { return float64(len(s.Failing)) }},
	{"numwatch_expected_time_to_detect_seconds", "Average delay until a change is seen.", func(s *Status) float64 { return s.Plan.Expected.Seconds() }},
	{"numwatch_worst_time_to_detect_seconds", "Longest delay until a change is seen, as the schedule stands.", func(s *Status) float64 { return s.Plan.Worst.Seconds() }},
	{"numwatch_round_seconds", "Time to poll every space once at the present pace.", func(s *Status) float64 { return s.Plan.Round.Seconds() }},
	{"numwatch_max_age_holds", "1 if every space can be polled within max_age, else 0.", func(s *Status) float64 { return truth(s.Plan.Feasible) }},
	{"numwatch_account_denied", "1 while the account is denied, else 0.", func(s *Status) float64 { return truth(s.Denied) }},
	{"numwatch_account_failing", "1 while polls of the whole account fail or are late, else 0.", func(s *Status) float64 { return truth(s.Unwell != nil && !s.Denied) }},
	{"numwatch_oldest_poll_age_seconds", "Age of the oldest last answer of all spaces.", oldestAge},
}

func newGauges(status func() Status) *gauges {
	g := &gauges{status: status}
	for _, d := range statusGauges {
		g.descs = append(g.descs, prometheus.NewDesc(d.name, d.help, nil, nil))
	}
	return g
}

// Describe is part of prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.status()
	for i, d := range statusGauges {
		ch <- prometheus.MustNewConstMetric(g.descs[i], prometheus.GaugeValue, d.value(&s))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func oldestAge(s *Status) float64 {
	if s.Oldest.IsZero() {
		return 0
	}
	return time.Since(s.Oldest).Seconds()
}

// register registers a collector, or returns the one that is registered already.
func register[C prometheus.Collector](p *Poller, reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if earlier, ok := known.ExistingCollector.(C); ok {
			return earlier
		}
	}
	if err != nil {
		p.log.Error("metric not registered", "err", err)
	}
	return c
}

func (m *metrics) polled(r Result) {
	outcome := "ok"
	if r.Err != nil {
		outcome = r.Err.Class.String()
	}
	m.polls.WithLabelValues(outcome).Inc()
	m.duration.Observe(r.At.Sub(r.Started).Seconds())
}

// detected notes that a change was found so long after it is likely to have come.
func (m *metrics) detected(delay time.Duration) { m.detect.Observe(delay.Seconds()) }

// followed notes polls that followed a hint.
func (m *metrics) followed(source string, polls int) {
	m.hinted.WithLabelValues(source).Add(float64(polls))
}

// changes notes what a poll found that a hint led to; "" is none.
func (m *metrics) changes(source string, found int) {
	m.found.WithLabelValues(cmp.Or(source, bySchedule)).Add(float64(found))
}
