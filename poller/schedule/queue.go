package schedule

import (
	"container/heap"
	"slices"
)

// queue is a heap of spaces that knows where each one stands, so that any can be
// taken out in O(log n).
type queue struct {
	items []item
	place func(*entry) *int32 // where an entry notes its index; -1: not in this queue
}

// item is an entry with what it is ordered by. Of those alike the one whose last
// answer is older is first.
type item struct {
	key float64
	*entry
}

// grow makes room for so many spaces in all, and for not many more.
func (q *queue) grow(spaces int) {
	q.items = slices.Grow(q.items, max(spaces-len(q.items), 0))
}

// first returns the least entry, nil if the queue is empty.
func (q *queue) first() *entry {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0].entry
}

func (q *queue) has(e *entry) bool { return *q.place(e) >= 0 }

func (q *queue) push(e *entry, key float64) { heap.Push(q, item{key, e}) }

// remove takes e out; it does nothing if e is not in the queue.
func (q *queue) remove(e *entry) {
	if q.has(e) {
		heap.Remove(q, int(*q.place(e)))
	}
}

// Len is part of heap.Interface, as are those that follow.
func (q *queue) Len() int { return len(q.items) }

func (q *queue) Less(i, j int) bool {
	a, b := &q.items[i], &q.items[j]
	return a.key < b.key || a.key == b.key && a.answered < b.answered
}

func (q *queue) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	*q.place(q.items[i].entry), *q.place(q.items[j].entry) = int32(i), int32(j)
}

func (q *queue) Push(x any) {
	added, _ := x.(item)
	*q.place(added.entry) = int32(len(q.items))
	q.items = append(q.items, added)
}

func (q *queue) Pop() any {
	last := len(q.items) - 1
	removed := q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	*q.place(removed.entry) = -1
	return removed
}
