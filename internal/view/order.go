package view

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"numwatch/phone"
	"numwatch/store"
)

// Sort keys of numbers, besides the names of fields: of these, values on a scale are
// listed from worst to best, and texts by the alphabet.
const (
	ByWorst  = "worst" // by the worse of Status and QualityRating
	ByNumber = "number"
	BySpace  = "space"
)

// Order is how the numbers that a query finds are listed. The zero one is by account,
// space and number, which is also how those are listed that are alike in any other.
type Order struct {
	By      string
	Reverse bool
}

// place is where a number that was found belongs.
type place struct {
	space    int32  // of those of the places
	from, to uint32 // of the places' numbers
	rank     int    // higher: earlier
	text     string
}

// places notes the place of every number that was found: a hundred thousand of them, so
// each takes little, and room is made for all at once.
type places struct {
	spaces  []phone.SpaceKey
	numbers []byte // one after the other
	all     []place
}

func newPlaces(several int) places {
	return places{numbers: make([]byte, 0, 16*several), all: make([]place, 0, several)}
}

func (p *places) add(s *phone.Space, l *store.StoredNumber, rank int, text string) {
	if n := len(p.spaces); n == 0 || p.spaces[n-1] != s.SpaceKey {
		p.spaces = append(p.spaces, s.SpaceKey)
	}
	from := len(p.numbers)
	p.numbers = append(p.numbers, l.PhoneNumber()...)
	p.all = append(p.all, place{int32(len(p.spaces) - 1), uint32(from), uint32(len(p.numbers)), rank, text})
}

func (p *places) sort(reverse bool) {
	slices.SortStableFunc(p.all, func(a, b place) int {
		if reverse {
			a, b = b, a
		}
		if a.rank != b.rank {
			return cmp.Compare(b.rank, a.rank)
		}
		return strings.Compare(a.text, b.text)
	})
}

// ordered is Find in an order that is not the store's. It notes the place of every number
// that matches, and then reads those that are asked for.
func (v *View) ordered(q Query, describe func(phone.SpaceKey) phone.Space) (Found, error) {
	all, of := newPlaces(v.numbers()), q.Order.placing()
	err := v.each(&q, describe, func(s *phone.Space, l *store.StoredNumber) {
		rank, text := of(s, l)
		all.add(s, l, rank, text)
	})
	if err != nil {
		return Found{}, err
	}
	all.sort(q.Order.Reverse)
	from := min(q.Offset, len(all.all))
	rows, err := v.rows(&all, all.all[from:min(from+q.Limit, len(all.all))])
	return Found{Total: len(all.all), Rows: rows}, err
}

// numbers counts all numbers.
func (v *View) numbers() (several int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, n := range v.spaces.totals {
		several += n
	}
	return several
}

// A placing says where a number of a space belongs: by rank, and then by text.
type placing func(*phone.Space, *store.StoredNumber) (rank int, text string)

func (o Order) placing() placing {
	f, _ := phone.ParseField(o.By)
	switch {
	case o.By == ByWorst:
		return byState()
	case o.By == BySpace:
		return func(s *phone.Space, _ *store.StoredNumber) (int, string) { return 0, strings.ToLower(s.Title()) }
	case o.By == ByNumber:
		return func(_ *phone.Space, l *store.StoredNumber) (int, string) { return 0, string(l.PhoneNumber()) }
	case f.IsEnum():
		return func(_ *phone.Space, l *store.StoredNumber) (int, string) { return rankOf(f, string(l.Get(f))), "" }
	default:
		return func(_ *phone.Space, l *store.StoredNumber) (int, string) {
			return 0, strings.ToLower(f.Shown(string(l.Get(f))))
		}
	}
}

// byState ranks each state once: the same few stand with most numbers.
func byState() placing {
	known := map[string]map[string]int{}
	return func(_ *phone.Space, l *store.StoredNumber) (int, string) {
		status, quality := l.Get(phone.Status), l.Get(phone.QualityRating)
		rank, ok := known[string(status)][string(quality)]
		if !ok {
			rank = Count{Status: string(status), QualityRating: string(quality)}.Badness()
			if known[string(status)] == nil {
				known[string(status)] = map[string]int{}
			}
			known[string(status)][string(quality)] = rank
		}
		return rank, ""
	}
}

// rankOf places a value on its field's scale; one that is beside it comes last.
func rankOf(f phone.Field, v string) int {
	rank, onScale := f.Rank(v)
	if !onScale {
		return math.MinInt
	}
	return rank
}

// rows reads numbers. What went away meanwhile is left out.
func (v *View) rows(all *places, some []place) (rows []Row, _ error) {
	states := map[phone.SpaceKey]*phone.SpaceState{}
	for _, p := range some {
		k := all.spaces[p.space]
		state, read := states[k]
		if !read {
			var err error
			if state, err = v.store.SpaceState(k); err != nil {
				return nil, err
			}
			states[k] = state
		}
		if n := numberIn(state, string(all.numbers[p.from:p.to])); n != nil {
			rows = append(rows, Row{k, n.Number})
		}
	}
	return rows, nil
}

// numberIn returns a number of a space, nil where it is not there.
func numberIn(s *phone.SpaceState, phoneNumber string) *phone.TrackedNumber {
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.Numbers, phoneNumber, func(e phone.TrackedNumber, n string) int {
		return strings.Compare(e.PhoneNumber, n)
	})
	if !ok {
		return nil
	}
	return &s.Numbers[i]
}
