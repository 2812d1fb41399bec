// Package goals measures what the poller promises on several seeds and reports
// each figure beside its goal, as tools/benchtable.awk prints it. Benchmarks
// call it.
package goals

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

// seeds is how many fleets or runs a goal is Measured on: one alone may be luck.
const seeds = 8

// Measured holds the figures of the seeds, by name.
type Measured struct {
	mu      sync.Mutex
	Figures map[string][]float64
}

// Note adds the figure of a seed.
func (m *Measured) Note(name string, value float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Figures[name] = append(m.Figures[name], value)
}

// OnSeeds runs work for every seed, as many at once as there are processors.
func OnSeeds(work func(m *Measured, seed uint64)) *Measured {
	m := &Measured{Figures: map[string][]float64{}}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for seed := range uint64(seeds) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			work(m, seed+1)
		})
	}
	wg.Wait()
	return m
}

// Sum adds up the figures of all seeds.
func (m *Measured) Sum(name string) (sum float64) {
	for _, v := range m.Figures[name] {
		sum += v
	}
	return sum
}

// Report prints a figure as a line of its own; a goal of 0 means no goal.
func (m *Measured) Report(b *testing.B, name string, goal float64) {
	b.Run(name, func(b *testing.B) {
		values := m.Figures[name]
		for range b.N { // it has been Measured
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(slices.Min(values), "min")
		b.ReportMetric(m.Sum(name)/float64(len(values)), "mean")
		b.ReportMetric(slices.Max(values), "max")
		if goal > 0 {
			b.ReportMetric(goal, "goal")
		}
	})
}
