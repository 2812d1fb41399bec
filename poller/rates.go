package poller

import (
	"math"
	"time"
)

// learned is what is known of how often a space changes: polls that brought a
// change, and the days that they watched. Both fade, so that the present counts.
type learned struct {
	changes float64
	days    float64
	added   bool
}

// rates estimates how often each space changes, in changes a day. Changes come
// at random (Poisson) at a rate of the space's own; how such rates are spread
// over all spaces is learned with them, as weights of a grid of rates. A space
// about which little is known yet is so taken for what spaces like it are.
type rates struct {
	weights [steps]float64 // sum to 1
	groups  [maxGroup + 1]group
	since   int // answers since the weights were fitted
	count   int // spaces
}

// group is the spaces that showed about the same number of changes.
type group struct{ spaces, days float64 }

const (
	steps    = 24
	lowest   = 1e-4 // changes a day: one in 27 years
	ratio    = 2.0  // from one step of the grid to the next: up to 840 a day
	maxGroup = 40
	halfLife = 60.0 // days after which what was seen counts half
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
	r := rates{}
	for i := range r.weights {
		r.weights[i] = initial(i)
	}
	normalise(&r.weights)
	return r
}

// initial is the weight of a step before anything is known: spread around one
// change in five days.
func initial(i int) float64 {
	d := (gridLog[i] - math.Log(0.2)) / 1.5
	return math.Exp(-d*d/2) + 1e-6
}

func normalise(w *[steps]float64) {
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	for i := range w {
		w[i] /= sum
	}
}

func (r *rates) group(l *learned) *group {
	return &r.groups[min(int(l.changes+0.5), maxGroup)]
}

func (r *rates) add(l *learned) {
	g := r.group(l)
	g.spaces++
	g.days += l.days
	l.added = true
	r.count++
}

func (r *rates) drop(l *learned) {
	if !l.added {
		return
	}
	g := r.group(l)
	g.spaces--
	g.days -= l.days
	l.added = false
	r.count--
}

// learn notes that a space was watched for a while, and whether it changed.
func (r *rates) learn(l *learned, changed bool, watched time.Duration) {
	r.drop(l)
	days := watched.Hours() / 24
	fade := math.Exp2(-days / halfLife)
	l.changes *= fade
	l.days = l.days*fade + days
	if changed {
		l.changes++
	}
	r.add(l)
	if r.since++; r.since >= max(100, r.count/4) {
		r.since = 0
		r.fit()
	}
}

// of is the expected rate of a space, in changes a day.
func (r *rates) of(l *learned) float64 {
	var p [steps]float64
	top := r.likelihoods(&p, l.changes, l.days)
	_ = top
	sum, mean := 0.0, 0.0
	for i, v := range p {
		sum += v
		mean += v * grid[i]
	}
	return mean / sum
}

// likelihoods fills p with the weight of each step for a space with these
// observations, up to a common factor.
func (r *rates) likelihoods(p *[steps]float64, changes, days float64) float64 {
	top := math.Inf(-1)
	for i := range p {
		p[i] = changes*gridLog[i] - grid[i]*days
		top = max(top, p[i])
	}
	for i := range p {
		p[i] = r.weights[i] * math.Exp(p[i]-top)
	}
	return top
}

// fit improves the weights by one step of expectation and maximisation over
// the groups.
func (r *rates) fit() {
	var next [steps]float64
	for i := range next {
		next[i] = pseudo * initial(i)
	}
	for n, g := range r.groups {
		if g.spaces < 0.5 {
			continue
		}
		var p [steps]float64
		r.likelihoods(&p, float64(n), g.days/g.spaces)
		sum := 0.0
		for _, v := range p {
			sum += v
		}
		for i, v := range p {
			next[i] += g.spaces * v / sum
		}
	}
	normalise(&next)
	r.weights = next
}

// pseudo is how many spaces the first guess weighs.
const pseudo = 2.0
