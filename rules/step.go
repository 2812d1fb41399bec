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
	Changes []phone.Change
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
// it is afterwards, ordered by rule, subject and field. It does not modify st:
// the caller stores the alerts and Applies them.
//
// An alert with a higher Revision than the state's made the transition that it
// names. One that is pending, or whose Revision did not rise, has made none:
// nothing is to be said, but what it holds (the rule's new name, HeldBy,
// Channels) is to be kept. One that is Unsaid is to be forgotten.
func (s *Set) Step(st *State, in Input, now time.Time) []alert.Alert {
	b := batch{set: s, st: st, now: now}
	b.step(in)
	return b.out
}

func (b *batch) step(in Input) {
	switch in := in.(type) {
	case Seen:
		b.seen(in)
	case Tick:
		b.tick()
	case Left:
		b.left(in)
	case Reloaded:
		b.reloaded()
	}
	if _, ok := in.(Reloaded); ok || b.set.holds {
		b.updateHolds(in)
	}
	if len(b.out) > 1 {
		slices.SortFunc(b.out, compareAlerts)
	}
}

// batch is one Step on its way.
type batch struct {
	set *Set
	st  *State
	now time.Time
	out []alert.Alert

	trace *trace // nil but where somebody wants to know why

	// While holds are updated: what moved.
	ids   map[string]bool
	after map[alert.Key]alert.State
}

func compareAlerts(a, b alert.Alert) int {
	return cmp.Or(strings.Compare(a.Rule, b.Rule), a.Subject.Compare(b.Subject), int(a.Field)-int(b.Field), strings.Compare(a.ID, b.ID))
}

// left ends the alerts of spaces and of the numbers in them.
func (b *batch) left(in Left) {
	why := cmp.Or(in.Reason, "the space is no longer watched")
	gone := make(map[phone.SpaceKey]bool, len(in.Spaces))
	for _, k := range in.Spaces {
		gone[k] = true
	}
	for a := range b.st.open() {
		if gone[a.Subject.SpaceKey()] {
			b.out = append(b.out, ended(*a, why, b.now))
		}
	}
}

// reloaded ends the alerts that no rule stands behind any more, and hands those
// of renamed rules to their heirs.
func (b *batch) reloaded() {
	// In order, so that it is always the same one of two that the heir takes.
	open := slices.SortedFunc(b.st.open(), func(a, b *alert.Alert) int { return compareAlerts(*a, *b) })
	for _, a := range open {
		if w := b.set.watch(a.Rule, a.Field); w != nil {
			if w.once {
				b.out = append(b.out, ended(*a, "the rule now speaks once and keeps no alert open", b.now))
			}
			continue
		}
		if b.set.byName[a.Rule] != nil {
			b.out = append(b.out, ended(*a, "the rule no longer looks at "+a.Field.String(), b.now))
			continue
		}
		b.out = append(b.out, b.inherited(*a))
	}
}

func (b *batch) inherited(a alert.Alert) alert.Alert {
	heir := b.set.adopters[a.Rule]
	switch {
	case heir == nil:
		return ended(a, "rule removed", b.now)
	case heir.once || b.set.watch(heir.name, a.Field) == nil:
		return ended(a, "rule removed: "+heir.name+" does not go on with it", b.now)
	case b.st.openOf(heir.name, a.Subject, a.Field) != nil || b.adopted(heir.name, &a):
		return ended(a, "rule removed: "+heir.name+" has an alert of its own", b.now)
	}
	if a.OpenedAs == "" {
		a.OpenedAs = a.Rule
	}
	a.Rule = heir.name
	return a
}

// adopted reports whether the heir took an alert on the same field already.
func (b *batch) adopted(heir string, a *alert.Alert) bool {
	return slices.ContainsFunc(b.out, func(o alert.Alert) bool {
		return o.Rule == heir && o.Subject == a.Subject && o.Field == a.Field && !o.State.Closed()
	})
}
