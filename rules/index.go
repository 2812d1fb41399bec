package rules

import (
	"slices"
	"strings"

	"numwatch/phone"
)

const fieldCount = int(phone.Sink) + 1

// index finds the watches that a change may concern, without a look at the
// others.
type index struct {
	byKey map[ruleField]int
	// concerned holds, for each field that may change, the watches to judge:
	// those on the field itself first, then those whose where looks at it.
	concerned [fieldCount][]group
}

type ruleField struct {
	rule  string
	field phone.Field
}

// group is the watches on one field, by how its value selects them. Members
// are positions in Set.watches.
type group struct {
	on      phone.Field
	byValue map[string][]int // `to` names values, and nothing else
	others  []int            // `to` has !X or unlisted
	moves   []int            // no `to`: only a change of the field itself counts
}

func (s *Set) buildIndex() {
	slices.SortFunc(s.watches, func(a, b watch) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return int(a.field) - int(b.field)
	})
	s.index.byKey = make(map[ruleField]int, len(s.watches))
	for i := range s.watches {
		w := &s.watches[i]
		s.index.byKey[ruleField{w.name, w.field}] = i
		s.index.group(w.field, w.field).add(i, w)
		if !w.standing() {
			continue
		}
		for f := range phone.FieldsOfNumber() {
			if f != w.field && w.depends.Has(f) {
				s.index.group(f, w.field).add(i, w)
			}
		}
	}
}

// standing reports whether the rule may open without a change of its field: by
// a value that is there, once the rest of the condition comes true.
func (w *watch) standing() bool {
	return w.to != nil && w.from == nil && w.direction == phone.NoDirection && !w.once
}

// group finds or makes the group of watches on a field, concerned by changes
// of another or the same.
func (x *index) group(changed, on phone.Field) *group {
	groups := &x.concerned[changed]
	for i := range *groups {
		if (*groups)[i].on == on {
			return &(*groups)[i]
		}
	}
	*groups = append(*groups, group{on: on, byValue: map[string][]int{}})
	return &(*groups)[len(*groups)-1]
}

// own returns the watches on the field itself.
func (x *index) own(f phone.Field) *group {
	for i := range x.concerned[f] {
		if x.concerned[f][i].on == f {
			return &x.concerned[f][i]
		}
	}
	return &group{on: f}
}

func (g *group) add(i int, w *watch) {
	switch {
	case w.to == nil:
		g.moves = append(g.moves, i)
	case !w.to.indexable():
		g.others = append(g.others, i)
	default:
		for _, v := range w.to.named {
			if members := g.byValue[v]; !slices.Contains(members, i) {
				g.byValue[v] = append(members, i)
			}
		}
	}
}
