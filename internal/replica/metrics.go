package replica

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are what metrics show of what has happened.
type counts struct {
	takeovers atomic.Uint64
	appends   [stepFenced + 1]atomic.Uint64 // by what followed on the publish
	suspended atomic.Int64                  // in earlier terms
	took      atomic.Int64                  // the last append that was acknowledged at once
}

func (c *counts) tried(next step, took time.Duration) {
	c.appends[next].Add(1)
	if next == stepStored {
		c.took.Store(int64(took))
	}
}

// outcomes are the values of the label of numwatch_replica_appends_total.
var outcomes = [stepFenced + 1]string{"stored", "doubtful", "unanswered", "full", "fenced"}

type collector struct {
	node                                          *Node
	role, term, seq, applied, right, took, halted *prometheus.Desc
	appends, takeovers, suspended                 *prometheus.Desc
}

// RegisterMetrics registers the metrics of a node.
func RegisterMetrics(r prometheus.Registerer, n *Node) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("numwatch_replica_"+name, help, labels, nil)
	}
	r.MustRegister(&collector{
		node:      n,
		role:      desc("role", "1 for the role that this replica has.", "role"),
		term:      desc("term", "The term of the log: the sequence of the record that began it."),
		seq:       desc("log_seq", "The last record of the log that this replica has read."),
		applied:   desc("applied_seq", "The last record of the log that is in its store."),
		right:     desc("right_seconds", "For how long this replica may still act without another record in the log; 0: it may not."),
		took:      desc("append_seconds", "How long the last append to the log took."),
		halted:    desc("halted", "1 while the replica is halted, by reason.", "why"),
		appends:   desc("appends_total", "Attempts to append to the log, by outcome.", "outcome"),
		takeovers: desc("takeovers_total", "Times that this replica began to lead."),
		suspended: desc("suspended_seconds_total", "For how long this replica led and could not act, because the log took no records."),
	})
}

// Describe names the metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.role, c.term, c.seq, c.applied, c.right, c.took, c.halted, c.appends, c.takeovers, c.suspended,
	} {
		out <- d
	}
}

// Collect reads them.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.node.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, role := range []Role{Joining, Standby, Leading, Halted} {
		gauge(c.role, is(s.Role == role), string(role))
	}
	for _, why := range []string{WhyAhead, WhyForeign, WhyNewer, WhyUnmatched} {
		gauge(c.halted, is(s.Role == Halted && s.Why == why), why)
	}
	gauge(c.term, float64(s.Term))
	gauge(c.seq, float64(s.Seq))
	gauge(c.applied, float64(s.Applied))
	gauge(c.right, c.node.right.Load().Left().Seconds())
	gauge(c.took, time.Duration(c.node.counts.took.Load()).Seconds())
	for i, outcome := range outcomes {
		counter(c.appends, float64(c.node.counts.appends[i].Load()), outcome)
	}
	counter(c.takeovers, float64(c.node.counts.takeovers.Load()))
	suspended := time.Duration(c.node.counts.suspended.Load()) + c.node.right.Load().Suspended()
	counter(c.suspended, suspended.Seconds())
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
