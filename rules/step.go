package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Input is something that may move alerts: Seen, Tick, Left or Reloaded.
type Input interface{ input() }

// Seen is all the changes of one subject that one poll brought.
type Seen struct {
	Space   phone.Space // that the subject is in; of accounts and the bot, as far as there is one
	From    phone.Space // that the number came from, of one that moved
	Changes []phone.Change
}

// NewSeen returns the input of changes, with the spaces as they are described.
func NewSeen(changes []phone.Change, describe func(phone.SpaceKey) phone.Space) Seen {
	if len(changes) == 0 {
		return Seen{}
	}
	first := &changes[0]
	in := Seen{Space: phone.Space{SpaceKey: first.Subject.SpaceKey()}, Changes: changes}
	if in.Space.ID != "" {
		in.Space = describe(in.Space.SpaceKey)
	}
	if first.MovedFrom != "" {
		in.From = describe(phone.SpaceKey{Account: first.Subject.Account, ID: first.MovedFrom})
	}
	return in
}

// Tick says that time has passed.
type Tick struct{}

// Left says that spaces left the configuration, or accounts, whose keys have no
// ID and stand for the account itself.
type Left struct {
	Spaces []phone.SpaceKey
	Reason string // for people; may be empty
}

// Reloaded says that the set takes the place of another: what stands is
// reconciled with its rules.
type Reloaded struct{}

func (Seen) input()     {}
func (Tick) input()     {}
func (Left) input()     {}
func (Reloaded) input() {}

// Step judges an input by the rules, and returns each alert that it moves as
// it is afterwards: those that close last, so that nobody who follows takes what was
// replaced for over, then by rule, subject and field. It does not modify the state: the
// caller stores the alerts and Applies them.
//
// An alert with a higher Revision than the state's made the transition that it
// names. One that is pending, or whose Revision did not rise, has made none:
// nothing is to be said, but what it holds (the rule's new name, HeldBy,
// Channels) is to be kept. One that is Unsaid is to be forgotten.
func (s *Set) Step(state *State, in Input, now time.Time) []alert.Alert {
	st := step{set: s, state: state, now: now}
	switch in := in.(type) {
	case Seen:
		st.seen(in)
	case Tick:
		st.tick()
	case Left:
		st.left(in)
	case Reloaded:
		st.reloaded()
	}
	st.settleEnded()
	if _, ok := in.(Reloaded); ok || s.anyHeld {
		st.updateHolds(in)
	}
	for i := range st.out {
		s.address(&st.out[i], Kind.TakesEvents) // others once it is known what else holds it back
	}
	if len(st.out) > 1 {
		slices.SortFunc(st.out, compareAlerts)
	}
	return st.out
}

// Address notes the followers to which an alert's channels lead now. Those that got it
// before stay: whatever becomes of a channel, everybody who was told of an alert is
// told how it ends. An alert that is held back is new only to those that take events.
func (s *Set) Address(a *alert.Alert) {
	s.address(a, func(k Kind) bool { return len(a.HeldBy) == 0 || k.TakesEvents() })
}

func (s *Set) address(a *alert.Alert, begins func(Kind) bool) {
	if len(s.followers) == 0 {
		return
	}
	for _, name := range a.Channels {
		if to, ok := s.followers[name]; ok && begins(to.kind) && !slices.Contains(a.Followers, to.name) {
			a.Followers = union(a.Followers, []string{to.name})
		}
	}
}

// step is one Step in progress.
type step struct {
	set   *Set
	state *State
	now   time.Time
	out   []alert.Alert

	incident   string // of the subject on which an alert opened last
	incidentOf phone.Subject

	after map[alert.Key]alert.State // of what moved, while holds are updated
}

func compareAlerts(a, b alert.Alert) int {
	closes := func(a *alert.Alert) int {
		if a.Transition == alert.WasResolved || a.Transition == alert.WasEnded {
			return 1
		}
		return 0
	}
	return cmp.Or(closes(&a)-closes(&b), strings.Compare(a.Rule, b.Rule), a.Subject.Compare(b.Subject), int(a.Field)-int(b.Field), strings.Compare(a.ID, b.ID))
}

// tick opens the pending alerts whose condition has held for long enough, and settles
// what no longer flaps.
func (s *step) tick() {
	var due []*alert.Alert
	for _, a := range s.state.pending {
		if r := s.set.fieldRule(a.Rule, a.Field); r != nil && s.now.Sub(a.Since) >= r.For {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *alert.Alert) int { // what came true first finds the incident that lived then
		return cmp.Or(a.Subject.Compare(b.Subject), a.Since.Compare(b.Since), compareAlerts(*a, *b))
	})
	for _, a := range due {
		s.fire(*a)
	}
	s.settle()
}

// left ends the alerts of spaces and of the numbers in them.
func (s *step) left(in Left) {
	why := cmp.Or(in.Reason, alert.ClosedSpaceLeft)
	gone := make(map[phone.SpaceKey]bool, len(in.Spaces))
	for _, k := range in.Spaces {
		gone[k] = true
	}
	for a := range s.state.open() {
		if gone[a.Subject.SpaceKey()] {
			s.out = append(s.out, ended(*a, why, s.now))
		}
	}
}

// reloaded ends the alerts whose rule is no longer there, and hands those
// of renamed rules to their successors.
func (s *step) reloaded() {
	// In order, so that it is always the same one of two that the successor takes.
	open := slices.SortedFunc(s.state.open(), func(a, b *alert.Alert) int { return compareAlerts(*a, *b) })
	for _, a := range open {
		if w := s.set.fieldRule(a.Rule, a.Field); w != nil {
			if w.Once {
				s.out = append(s.out, ended(*a, alert.ClosedOnce, s.now))
			}
			continue
		}
		if s.set.byName[a.Rule] != nil {
			s.out = append(s.out, ended(*a, alert.ClosedField+a.Field.String(), s.now))
			continue
		}
		s.out = append(s.out, s.renamed(*a))
	}
}

func (s *step) renamed(a alert.Alert) alert.Alert {
	successor := s.set.successors[a.Rule]
	switch {
	case successor == nil:
		return ended(a, alert.ClosedRule, s.now)
	case successor.Once || s.set.fieldRule(successor.Name, a.Field) == nil:
		return ended(a, alert.ClosedRule+": "+successor.Name+" does not continue it", s.now)
	case s.state.openOf(successor.Name, a.Subject, a.Field) != nil || s.adopted(successor.Name, &a):
		return ended(a, alert.ClosedRule+": "+successor.Name+" has an alert of its own", s.now)
	}
	if a.OpenedAs == "" {
		a.OpenedAs = a.Rule
	}
	a.Rule = successor.Name
	return a
}

// adopted reports whether the successor took an alert on the same field already.
func (s *step) adopted(successor string, a *alert.Alert) bool {
	return slices.ContainsFunc(s.out, func(o alert.Alert) bool {
		return o.Rule == successor && o.Subject == a.Subject && o.Field == a.Field && !o.State.Closed()
	})
}
