package rules

import (
	"slices"

	"numwatch/alert"
	"numwatch/phone"
)

// sight is one subject as an input shows it, while the rules judge it.
type sight struct {
	*batch
	in      Seen
	subject phone.Subject
	number  *phone.Number // nil for subjects that are no numbers
	end     *phone.Change // the change that ends the number's life here
	// first: the number appeared, or came back to life: what holds is judged
	// without a change of the field.
	first   bool
	gone    bool // the number's life here is over
	machine *machine
	env     environment
	filled  bool       // env has the subject
	failed  *condition // of the where that was found false last
}

// seen judges the changes of a subject.
func (b *batch) seen(in Seen) {
	if len(in.Changes) == 0 {
		return
	}
	s := sight{batch: b, in: in, subject: in.Changes[0].Subject}
	for i := range in.Changes {
		s.look(&in.Changes[i])
	}
	s.gone = s.end != nil || s.number != nil && phone.Status.EndsLife(s.number.Get(phone.Status))
	var room [64]int
	candidates := s.candidates(room[:0])
	for _, i := range candidates {
		s.judge(&b.set.watches[i])
	}
	if s.trace != nil {
		s.traceOthers(candidates)
	}
	if s.machine != nil {
		b.set.machines.Put(s.machine)
	}
}

func (s *sight) look(c *phone.Change) {
	if c.Number != nil {
		s.number = c.Number
	}
	switch {
	case c.Field.EndsLife(c.New):
		s.end = c
	case c.Field == phone.Presence && c.New == phone.Appeared, c.Field.EndsLife(c.Old):
		s.first = true
	}
}

// candidates appends the watches that the input may concern, in order: those
// that the index gives, and those with an open alert on the subject.
func (s *sight) candidates(list []int) []int {
	x := &s.set.index
	for i := range s.in.Changes {
		f := s.in.Changes[i].Field
		groups := x.concerned[f]
		for j := range groups {
			list = s.appendGroup(list, &groups[j], groups[j].on == f)
		}
	}
	if s.first && s.number != nil {
		for f := range phone.FieldsOfNumber() {
			list = s.appendGroup(list, x.own(f), false)
		}
	}
	for _, a := range s.st.bySubject[s.subject] {
		if i, ok := x.byKey[ruleField{a.Rule, a.Field}]; ok {
			list = append(list, i)
		}
	}
	if len(list) > 1 {
		slices.Sort(list)
		list = slices.Compact(list)
	}
	return list
}

func (s *sight) appendGroup(list []int, g *group, moved bool) []int {
	v, ok := s.value(g.on)
	if !ok {
		return list
	}
	list = append(append(list, g.byValue[v]...), g.others...)
	if moved {
		list = append(list, g.moves...)
	}
	return list
}

// change returns the input's change of the field, nil if it has none.
func (s *sight) change(f phone.Field) *phone.Change {
	for i := range s.in.Changes {
		if s.in.Changes[i].Field == f {
			return &s.in.Changes[i]
		}
	}
	return nil
}

// value returns the field's present value; false where it is not known.
func (s *sight) value(f phone.Field) (string, bool) {
	if c := s.change(f); c != nil {
		return c.New, true
	}
	switch {
	case s.number == nil:
		return "", false
	case f == phone.Presence:
		return phone.Appeared, true
	default:
		return s.number.Get(f), s.number.Has(f)
	}
}

// judge lets a rule look at one field of the subject.
func (s *sight) judge(w *watch) {
	v, ok := s.value(w.field)
	if a := s.st.openOf(w.name, s.subject, w.field); a != nil {
		s.rejudge(w, a, v, ok)
		return
	}
	c := s.change(w.field)
	by := byValue
	if ok {
		by = s.refuses(w, c, v)
	}
	s.tellTrace(w, by, v)
	if by == byNothing {
		s.begin(w, s.changeOr(c, w.field, v))
	}
}

// refuses returns the clause because of which a rule without an open alert does
// not open one; byNothing if it does.
func (s *sight) refuses(w *watch, c *phone.Change, v string) clause {
	switch {
	case s.over(w, c):
		return byLife
	case !w.wants(v):
		return byTo
	}
	if by := s.unmoved(w, c); by != byNothing {
		return by
	}
	open := s.changeOr(c, w.field, v)
	if !s.holds(w, &open, nil) {
		return byWhere
	}
	return byNothing
}

// over reports whether the number's life is over for a rule: of a number that
// is gone, only that is news, and what speaks once.
func (s *sight) over(w *watch, c *phone.Change) bool {
	switch {
	case w.once:
		return false
	case s.end != nil:
		return c == nil || !c.Field.EndsLife(c.New)
	default:
		return s.gone && w.field != phone.Status && w.field != phone.Presence
	}
}

// wants reports whether the value is one to open for.
func (w *watch) wants(v string) bool {
	if w.to != nil {
		return w.to.match(w.field, v)
	}
	return !offScale(w.field, v)
}

// unmoved returns the clause that asks for a change which the input does not
// have; byNothing if none does.
func (s *sight) unmoved(w *watch, c *phone.Change) clause {
	switch {
	case c != nil && !w.fromFits(c.Old):
		return byFrom
	case c != nil && !w.directionFits(c.Direction):
		return byDirection
	case c != nil:
		return byNothing
	case w.standing(), s.first && s.appeared() && w.to != nil && w.from == nil:
		return byNothing
	default:
		return byMove
	}
}

func (w *watch) fromFits(old string) bool { return w.from == nil || w.from.match(w.field, old) }

func (w *watch) directionFits(d phone.Direction) bool {
	return w.direction == phone.NoDirection || w.direction == d
}

func (s *sight) appeared() bool {
	c := s.change(phone.Presence)
	return c != nil && c.New == phone.Appeared
}

// changeOr returns the change, or one that tells of the present value without
// a move, where another field's change made the rule look.
func (s *sight) changeOr(c *phone.Change, f phone.Field, v string) phone.Change {
	if c != nil {
		return *c
	}
	still := s.in.Changes[0]
	still.Field, still.Old, still.New, still.Direction = f, v, v, phone.NoDirection
	if s.appeared() {
		still.Old = ""
	}
	still.Number, still.Code, still.Reason = s.number, "", ""
	return still
}

// holds evaluates the rule's where. A standing alert's conditions see the
// change that moved it last, unless its field changed again.
func (s *sight) holds(w *watch, c *phone.Change, a *alert.Alert) bool {
	if len(w.where) == 0 {
		return true
	}
	since := s.now
	if a != nil {
		since = a.Since
	}
	s.fill()
	setChange(&s.env, c, w.severity, since)
	for _, condition := range w.where {
		if !s.machine.holds(condition, &s.env) {
			s.failed = condition
			return false
		}
	}
	return true
}

func (s *sight) fill() {
	if s.filled {
		return
	}
	s.filled = true
	if s.machine, _ = s.set.machines.Get().(*machine); s.machine == nil {
		s.machine = &machine{}
	}
	setSubject(&s.env, s.in.Space, s.subject, s.number)
}
