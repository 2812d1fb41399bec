package schedule

import (
	"container/heap"
	"math/rand/v2"
	"strconv"
)

// hints are what somebody says of a fleet: of some of the changes a while after each,
// and things that are not so.
type hints struct {
	recall  float64 // the part of all changes that a hint is about
	late    float64 // seconds from a change to its hint
	forged  float64 // hints a second about nothing
	targets int     // how many spaces those are about: the first
	chance  *rand.Rand
	coming  arrivals
	pending map[int]float64 // when the hint of the next change of a space comes
	owed    float64
	count   int

	all, prompt int // changes that were hinted at, and of these seen within 10 s of the hint

	others, ofOthers float64 // delays of spaces that are no target, and how many
}

// expectHints announces hints of a part of all changes, so many seconds late.
func (f *fleet) expectHints(recall, late float64) {
	f.hints = hints{recall: recall, late: late, chance: f.chance, pending: map[int]float64{}}
	for i, at := range f.next {
		f.hints.about(i, at)
	}
}

// about decides whether there is a hint of a change.
func (h *hints) about(i int, at float64) {
	if h.recall > 0 && h.chance.Float64() < h.recall {
		h.pending[i] = at + h.late
		heap.Push(&h.coming, arrival{at + h.late, i})
	}
}

// found notes that the change of a space that was next was seen.
func (h *hints) found(i int, t float64) {
	if at, ok := h.pending[i]; ok {
		h.all++
		if t <= at+10 {
			h.prompt++
		}
		delete(h.pending, i)
	}
}

// arrive hands on the hints that have come by t, after a turn.
func (h *hints) arrive(t, turn float64, hint func(i int, about string)) {
	for len(h.coming) > 0 && h.coming[0].at <= t {
		next, _ := heap.Pop(&h.coming).(arrival)
		hint(next.space, strconv.FormatFloat(next.at, 'f', 3, 64))
	}
	for h.owed += h.forged * turn; h.owed >= 1; h.owed-- {
		h.count++
		hint(h.count*7919%h.targets, strconv.Itoa(h.count))
	}
}

// others is the mean delay of changes in the spaces that no forged hint is about.
func (f *fleet) others() float64 { return f.hints.others / f.hints.ofOthers }

// arrivals is a heap of hints, by time.
type arrivals []arrival

type arrival struct {
	at    float64
	space int
}

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { next, _ := x.(arrival); *a = append(*a, next) }
func (a *arrivals) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
