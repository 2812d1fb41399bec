package rules

import (
	"slices"

	"numwatch/phone"
)

const fieldCount = int(phone.Sink) + 1

// index finds the rules that a change may concern without looking at the
// others: of a thousand rules, most wait for a value that a field does not have.
// It gives positions in Set.fieldRules.
type index struct {
	byKey      map[ruleField]int
	byValue    [fieldCount]map[string][]int // by field, and each value that `to` names
	anyValue   [fieldCount][]int            // by field: those that more values may open
	dependents [fieldCount]phone.FieldSet   // by field: the fields of rules whose where looks at it
}

type ruleField struct {
	rule  string
	field phone.Field
}

func newIndex(rules []fieldRule) (x index) {
	x.byKey = make(map[ruleField]int, len(rules))
	for i := range rules {
		r := &rules[i]
		x.byKey[ruleField{r.Name, r.field}] = i
		if r.standing() {
			for f := range phone.FieldsOfNumber() {
				if r.depends.Has(f) {
					x.dependents[f] = x.dependents[f].With(r.field)
				}
			}
		}
		if r.to == nil || !r.to.onlyNames() {
			x.anyValue[r.field] = append(x.anyValue[r.field], i)
			continue
		}
		if x.byValue[r.field] == nil {
			x.byValue[r.field] = map[string][]int{}
		}
		for _, v := range r.to.named {
			x.byValue[r.field][v] = append(x.byValue[r.field][v], i)
		}
	}
	return x
}

// candidates appends the rules that the input may concern, in order: those whose
// value a field has that changed or that another's change may concern, and those
// with an open alert on the subject.
func (e *evaluation) candidates(list []int) []int {
	x := &e.set.index
	looked := e.changed
	for f := range phone.Fields() {
		if e.changed.Has(f) {
			looked |= x.dependents[f]
		}
		if e.first && f.OfNumber() {
			looked = looked.With(f)
		}
	}
	for f := range phone.Fields() {
		if v, known := e.value(f); looked.Has(f) && known {
			list = append(append(list, x.byValue[f][v]...), x.anyValue[f]...)
		}
	}
	for _, a := range e.state.bySubject[e.subject] {
		if i, ok := x.byKey[ruleField{a.Rule, a.Field}]; ok {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
