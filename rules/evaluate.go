package rules

import (
	"slices"

	"numwatch/alert"
	"numwatch/phone"
)

// evaluation is one subject as an input shows it, while the rules are evaluated
// on it.
type evaluation struct {
	*step
	in      Seen
	subject phone.Subject
	number  *phone.Number // nil for subjects that are no numbers
	changed phone.FieldSet
	end     *phone.Change // the change that ends the number's life here
	// first: the number appeared, or came back to life: what holds is judged
	// without a change of the field.
	first bool
	gone  bool         // the number has left the space
	env   *environment // made by fill: most changes concern no rule
}

// newEvaluation takes the changes of one subject, at least one.
func (s *step) newEvaluation(in Seen) *evaluation {
	e := &evaluation{step: s, in: in, subject: in.Changes[0].Subject}
	for i := range in.Changes {
		c := &in.Changes[i]
		e.changed = e.changed.With(c.Field)
		if c.Number != nil {
			e.number = c.Number
		}
		switch {
		case c.Field.EndsLife(c.New):
			e.end = c
		case c.Field == phone.Presence && c.New == phone.Appeared, c.Field.EndsLife(c.Old):
			e.first = true
		}
	}
	e.gone = e.end != nil || e.number != nil && phone.Status.EndsLife(e.number.Get(phone.Status))
	return e
}

// seen evaluates the rules that the changes of a subject may concern.
func (s *step) seen(in Seen) {
	if len(in.Changes) == 0 {
		return
	}
	e := s.newEvaluation(in)
	var room [64]int
	for _, i := range e.candidates(room[:0]) {
		e.evaluate(&s.set.fieldRules[i])
	}
}

// evaluate opens, changes or closes the alert of a rule on the subject.
func (e *evaluation) evaluate(r *fieldRule) {
	a := e.state.openOf(r.Name, e.subject, r.field)
	clause, _ := e.decide(r, a)
	v, _ := e.value(r.field)
	switch {
	case a == nil && clause == None:
		e.open(r, e.changeOf(r.field, v))
	case a == nil, clause == Value:
	case clause == Life:
		e.out = append(e.out, e.lifeEnded(*a))
	case clause != None:
		e.out = append(e.out, e.resolved(*a, e.changeOf(r.field, v)))
	case v != a.Change.New:
		e.changeValue(r, *a, e.changeOf(r.field, v))
	case e.explained(r.field):
		e.changeReason(r, *a)
	}
}

// explained reports whether the field kept its value, and only what caused it changed.
func (e *evaluation) explained(f phone.Field) bool {
	c := e.change(f)
	return c != nil && c.Old == c.New
}

// changeReason updates an open alert's reason. That is no transition.
func (e *evaluation) changeReason(r *fieldRule, a alert.Alert) {
	now := e.change(r.field)
	c := a.Change
	c.SeenAt, c.Code, c.Reason = now.SeenAt, now.Code, now.Reason
	e.render(r, &a, c)
	e.out = append(e.out, a)
}

// decide returns the clause that keeps a rule from opening an alert or, where
// one is open, closes it (Value leaves it as it is); None if there is none. Of
// Where it also returns the condition that is false.
func (e *evaluation) decide(r *fieldRule, open *alert.Alert) (Clause, *condition) {
	if open != nil {
		return e.decideOpen(r, open)
	}
	c := e.change(r.field)
	v, known := e.value(r.field)
	switch {
	case c == nil && !e.concerned(r):
		return On, nil
	case !known:
		return Value, nil
	case e.lifeOver(r, c):
		return Life, nil
	case !r.opensFor(v):
		return To, nil
	case c != nil && !r.fromFits(c.Old):
		return From, nil
	case c != nil && !r.directionFits(c.Direction):
		return Direction, nil
	case c == nil && !r.opensUnmoved() && (!e.appeared() || r.to == nil || r.from != nil):
		return Move, nil
	}
	now := e.changeOf(r.field, v)
	return e.decideWhere(r, &now, nil)
}

// decideOpen is decide for a rule whose alert is open. Its conditions see the
// change that moved it last, unless its field changed again.
func (e *evaluation) decideOpen(r *fieldRule, a *alert.Alert) (Clause, *condition) {
	c := e.change(r.field)
	v, known := e.value(r.field)
	judged := c
	if c == nil {
		last := a.Change
		last.New = v
		judged = &last
	}
	if e.end != nil && !e.aboutEnd(r, c, a) {
		return Life, nil
	}
	switch {
	case !known, offScale(r.field, v) && !r.field.Rests(v) && !r.namesValue(v):
		return Value, nil
	case !r.stillApplies(a, v):
		return To, nil
	default:
		return e.decideWhere(r, judged, a)
	}
}

// aboutEnd reports whether an open alert is about the very change that ends the
// number's life, and so outlives it.
func (e *evaluation) aboutEnd(r *fieldRule, c *phone.Change, a *alert.Alert) bool {
	if c != e.end || !r.opensFor(c.New) {
		return false
	}
	clause, _ := e.decideWhere(r, c, a)
	return clause == None
}

// decideWhere returns Where and the first condition that is false.
func (e *evaluation) decideWhere(r *fieldRule, c *phone.Change, open *alert.Alert) (Clause, *condition) {
	if len(r.where) == 0 {
		return None, nil
	}
	since := e.now
	if open != nil {
		since = open.Since
	}
	e.fill()
	e.env.setChange(&e.in, c, r.Severity, since)
	for _, condition := range r.where {
		if !condition.isTrue(&e.state.vm, e.env) {
			return Where, condition
		}
	}
	return None, nil
}

func (e *evaluation) fill() {
	if e.env == nil {
		e.env = &environment{}
		e.env.setSubject(&e.in, e.subject, e.number)
	}
}

// concerned reports whether a rule may open though its field did not change:
// because the number is seen for the first time, or because its where looks at
// a field that changed.
func (e *evaluation) concerned(r *fieldRule) bool {
	if e.first && e.number != nil && r.field.OfNumber() {
		return true
	}
	v, known := e.value(r.field)
	return r.opensUnmoved() && r.depends&e.changed != 0 && known && r.opensFor(v)
}

// lifeOver reports whether a rule no longer opens because the number is gone: only
// that is still reported, and what has once.
func (e *evaluation) lifeOver(r *fieldRule, c *phone.Change) bool {
	switch {
	case r.Once:
		return false
	case e.end != nil:
		return c == nil || !c.Field.EndsLife(c.New)
	default:
		return e.gone && r.field != phone.Status && r.field != phone.Presence
	}
}

// change returns the input's change of the field, nil if it has none.
func (e *evaluation) change(f phone.Field) *phone.Change {
	if !e.changed.Has(f) {
		return nil
	}
	i := slices.IndexFunc(e.in.Changes, func(c phone.Change) bool { return c.Field == f })
	return &e.in.Changes[i]
}

// value returns the field's present value; false where it is not known.
func (e *evaluation) value(f phone.Field) (string, bool) {
	if c := e.change(f); c != nil {
		return c.New, true
	}
	switch {
	case e.number == nil:
		return "", false
	case f == phone.Presence:
		return phone.Appeared, true
	default:
		return e.number.Get(f), e.number.Has(f)
	}
}

func (e *evaluation) appeared() bool {
	c := e.change(phone.Presence)
	return c != nil && c.New == phone.Appeared
}

// changeOf returns the field's change. Where another field's change made the
// rule look, it is one without a move, to the present value v.
func (e *evaluation) changeOf(f phone.Field, v string) phone.Change {
	if c := e.change(f); c != nil {
		return *c
	}
	still := e.in.Changes[0]
	still.Field, still.Old, still.New, still.Direction = f, v, v, phone.NoDirection
	if e.appeared() {
		still.Old = ""
	}
	still.Number, still.Code, still.Reason = e.number, "", ""
	return still
}

const fieldCount = int(phone.Spaces) + 1

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
		if r.opensUnmoved() {
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
