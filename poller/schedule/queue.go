package schedule

import "slices"

// queue is a binary heap of spaces that knows where each one stands, so that
// any can be taken out in O(log n).
type queue struct {
	items []item
	place func(*entry) *int32 // where an entry notes its index; -1: not in this queue
}

// item is an entry with what it is ordered by, held here because that is where
// it is read. Of those alike the one whose last answer is older is first.
type item struct {
	key float64
	*entry
}

func (a *item) before(b *item) bool {
	return a.key < b.key || a.key == b.key && a.answered < b.answered
}

// grow makes room for so many spaces in all, and for not many more.
func (q *queue) grow(spaces int) {
	q.items = slices.Grow(q.items, max(spaces-len(q.items), 0))
}

func (q *queue) len() int { return len(q.items) }

// first returns the least entry, nil if the queue is empty.
func (q *queue) first() *entry {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0].entry
}

func (q *queue) has(e *entry) bool { return *q.place(e) >= 0 }

func (q *queue) push(e *entry, key float64) {
	q.items = append(q.items, item{key, e})
	q.up(len(q.items) - 1)
}

// remove takes e out; it does nothing if e is not in the queue.
func (q *queue) remove(e *entry) {
	i := int(*q.place(e))
	if i < 0 {
		return
	}
	last := len(q.items) - 1
	moved := q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	*q.place(e) = -1
	if i < last {
		q.items[i] = moved
		q.down(i)
		q.up(int(*q.place(moved.entry)))
	}
}

func (q *queue) put(i int, it item) {
	q.items[i] = it
	*q.place(it.entry) = int32(i)
}

func (q *queue) up(i int) {
	it := q.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !it.before(&q.items[parent]) {
			break
		}
		q.put(i, q.items[parent])
		i = parent
	}
	q.put(i, it)
}

func (q *queue) down(i int) {
	it := q.items[i]
	for {
		child := 2*i + 1
		if child >= len(q.items) {
			break
		}
		if right := child + 1; right < len(q.items) && q.items[right].before(&q.items[child]) {
			child = right
		}
		if !q.items[child].before(&it) {
			break
		}
		q.put(i, q.items[child])
		i = child
	}
	q.put(i, it)
}
