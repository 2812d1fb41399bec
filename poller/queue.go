package poller

// queue is a binary heap of spaces that knows where each one stands, so that
// any can be taken out or moved in O(log n).
type queue struct {
	items []*entry
	place func(*entry) *int // where an entry notes its index; -1: not in this queue
	less  func(a, b *entry) bool
}

func (q *queue) len() int { return len(q.items) }

// first returns the least entry, nil if the queue is empty.
func (q *queue) first() *entry {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

func (q *queue) has(e *entry) bool { return *q.place(e) >= 0 }

func (q *queue) push(e *entry) {
	q.items = append(q.items, e)
	*q.place(e) = len(q.items) - 1
	q.up(len(q.items) - 1)
}

// remove takes e out; it does nothing if e is not in the queue.
func (q *queue) remove(e *entry) {
	i := *q.place(e)
	if i < 0 {
		return
	}
	last := len(q.items) - 1
	q.swap(i, last)
	q.items[last] = nil
	q.items = q.items[:last]
	*q.place(e) = -1
	if i < last {
		q.down(i)
		q.up(i)
	}
}

func (q *queue) swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	*q.place(q.items[i]), *q.place(q.items[j]) = i, j
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(q.items[i], q.items[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *queue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.items) {
			return
		}
		if right := child + 1; right < len(q.items) && q.less(q.items[right], q.items[child]) {
			child = right
		}
		if !q.less(q.items[child], q.items[i]) {
			return
		}
		q.swap(i, child)
		i = child
	}
}
