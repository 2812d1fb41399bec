package schedule

import (
	"math"
	"time"
)

// learned is what is known of how often a space changes: polls that brought a
// change, and the days that they watched. Both fade, so that the present counts.
type learned struct {
	changes float64
	days    float64
}

// rates estimates how often each space changes, in changes a day. Changes of a
// space come at random (Poisson) at a rate of its own, and the rates of all
// spaces are spread log-normally; the mean and the spread are learned with
// them. So a space about which little is known is taken for what spaces like it
// have turned out to be. A Gamma in the log-normal's place would be simpler to
// compute, but its tails are too light: it takes the few spaces that change
// often for chance.
type rates struct {
	mean, dev float64        // of the logarithm
	weights   [steps]float64 // logarithms of those of the grid's rates, from mean and dev
	groups    [groups]group
	spaces    int
	answers   int // since the last fit
}

// group is the spaces that showed about the same number of changes; of the last
// one, all with more.
type group struct {
	spaces        int
	changes, days float64
}

const (
	steps  = 40
	lowest = 1e-4 // changes a day: one in 27 years
	ratio  = 1.5  // from one rate of the grid to the next: up to 740 a day
	groups = 64

	halfLife = 90.0 // days after which what was seen counts half
	minDev   = 0.2

	// What is assumed before anything is seen, as of so many spaces.
	assumed     = 2.0
	assumedMean = -3.3 // one change in 27 days for most, and some far more often
	assumedDev  = 1.8
)

// grid holds the rates and their logarithms.
var grid, gridLog = func() (g, l [steps]float64) {
	for i := range g {
		g[i] = lowest * math.Pow(ratio, float64(i))
		l[i] = math.Log(g[i])
	}
	return g, l
}()

func newRates() rates {
	var r rates
	r.assume(assumedMean, assumedDev)
	return r
}

// assume sets the distribution of the rates.
func (r *rates) assume(mean, dev float64) {
	r.mean, r.dev = mean, max(dev, minDev)
	for i := range r.weights {
		d := (gridLog[i] - r.mean) / r.dev
		r.weights[i] = -d * d / 2
	}
}

// add and drop keep the groups in step with the spaces.
func (r *rates) add(l learned)  { r.count(l, 1) }
func (r *rates) drop(l learned) { r.count(l, -1) }

func (r *rates) count(l learned, n int) {
	g := &r.groups[min(int(l.changes+0.5), groups-1)]
	g.spaces += n
	g.changes += float64(n) * l.changes
	g.days += float64(n) * l.days
	r.spaces += n
}

// learn notes that a space, which has been added, was watched for a while, and
// whether it changed.
func (r *rates) learn(l *learned, changed bool, watched time.Duration) {
	r.drop(*l)
	days := watched.Hours() / 24
	fade := math.Exp2(-days / halfLife)
	l.changes *= fade
	l.days *= fade
	if changed {
		// Whether more followed the first is not seen: the likelihood of at
		// least one, 1-exp(-r·days), is close to r·days·exp(-r·days/2).
		l.changes++
		days /= 2
	}
	l.days += days
	r.add(*l)
	if r.answers++; r.answers >= max(100, r.spaces/4) {
		r.answers = 0
		r.fit()
	}
}

// of is the expected rate of a space, in changes a day.
func (r *rates) of(l learned) float64 {
	var p [steps]float64
	sum := r.posterior(&p, l.changes, l.days)
	mean := 0.0
	for i, v := range p {
		mean += v * grid[i]
	}
	return mean / sum
}

// negligible is the logarithm below which a weight, as a part of the greatest, is
// taken for nothing.
const negligible = -25

// posterior fills p with the weight of each rate for a space with these
// observations, as a part of the greatest, and returns the sum.
func (r *rates) posterior(p *[steps]float64, changes, days float64) (sum float64) {
	top := math.Inf(-1)
	for i, w := range r.weights {
		p[i] = w + changes*gridLog[i] - grid[i]*days
		top = max(top, p[i])
	}
	for i, v := range p {
		p[i] = 0
		if v -= top; v > negligible {
			p[i] = math.Exp(v)
			sum += p[i]
		}
	}
	return sum
}

// fit moves mean and dev towards what explains the groups best, by some steps
// of expectation and maximisation.
func (r *rates) fit() {
	for range 10 {
		r.improve()
	}
}

func (r *rates) improve() {
	n, first, second := assumed, assumed*assumedMean, assumed*(assumedMean*assumedMean+assumedDev*assumedDev)
	for _, g := range r.groups {
		if g.spaces < 1 {
			continue
		}
		weight := float64(g.spaces)
		var p [steps]float64
		sum := r.posterior(&p, max(g.changes/weight, 0), max(g.days/weight, 0))
		for i, v := range p {
			v *= weight / sum
			n += v
			first += v * gridLog[i]
			second += v * gridLog[i] * gridLog[i]
		}
	}
	mean := first / n
	r.assume(mean, math.Sqrt(max(second/n-mean*mean, 0)))
}
