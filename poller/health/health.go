// Package health judges from the results of polls how an account and its spaces
// are: OK, FAILING or DENIED, and when a denied account is tried again. It is
// pure: times come in as values. It imports phone alone. The poller reports each
// poll to it and asks it when to probe; status and metrics read it; the loop takes
// the changes and makes conditions and events of them.
package health

import (
	"slices"
	"sync"
	"time"

	"numwatch/phone"
)

const (
	// failingAfter is how many failures in a row make a space FAILING.
	failingAfter = 3
	// An account is FAILING when this many polls in a row failed, of at least
	// accountSpaces spaces: then one alert replaces many.
	accountFailures = 6
	accountSpaces   = 3
)

// Verdict is what a poll says about its space and account.
type Verdict uint8

// The verdicts.
const (
	Failed Verdict = iota // no answer, which says nothing of the account's permissions
	Succeeded
	Unusable      // the account was let in, but the answer cannot be used
	SpaceDenied   // the account was let in, the space was denied
	AccountDenied // whatever the space
	Throttled     // like other spaces of the account: means nothing but delay
	AccountFailed // no request could be made, whatever the space
)

// Poll is the result of one poll.
type Poll struct {
	Space   string
	Verdict Verdict
	Started time.Time
	At      time.Time
	Code    string // of a failure, like Err
	Err     error
}

// Failure is a space, or an account, whose last polls failed.
type Failure struct {
	Space    phone.SpaceKey // without ID: the account
	Code     string
	Err      error // the last; nil where only the stored reason is known
	Reason   string
	Since    time.Time
	Failures int // in a row; of spaces
}

// Account is the health of one account and its spaces. It is safe for concurrent
// use.
type Account struct {
	mu      sync.Mutex
	name    string
	value   string  // phone.OK, phone.ClockOff, phone.Failing or phone.Denied
	last    Failure // that value, where it is not OK
	breaker breaker // open while the value is DENIED
	streak  streak
	failed  int       // polls in a row with the verdict AccountFailed
	letIn   string    // the space that was let in last, since the account was denied last
	suspect *Poll     // AccountDenied, of which the next answer to another space says whether it is so
	clock   string    // what is wrong with the clock while polls succeed all the same
	late    bool      // FAILING though polls succeed, because too many spaces wait for theirs
	refused Poll      // the last with the verdict Throttled
	turned  time.Time // when the value last changed or was confirmed, in this run
	spaces  map[string]*space
	changes []phone.Change // that were not taken yet
}

// space is the health of one space.
type space struct {
	value    string
	member   bool      // of the account's set; else it is only known from earlier
	failures int       // in a row
	doubted  bool      // its last list was in doubt: answers alone do not make it OK
	last     *Failure  // of those; nil: there are none
	answered time.Time // successfully, in this run; until then, when it joined
}

// streak is a run of failed polls.
type streak struct {
	polls  int
	spaces map[string]struct{} // at most accountSpaces of them
}

// New returns the health of an account as the stored conditions say.
func New(account string, stored []phone.Condition) *Account {
	a := &Account{name: account, value: phone.OK, spaces: map[string]*space{}}
	for _, c := range stored {
		if c.Field != phone.Poll || c.Subject.Account != account {
			continue
		}
		f := Failure{Space: c.Subject.SpaceKey(), Code: c.Code, Reason: c.Reason, Since: c.Since}
		if c.Subject.Space == "" {
			a.value, a.last = c.Value, f
			a.late = c.Value == phone.Failing && c.Code == notPolled
		} else {
			a.spaces[c.Subject.Space] = &space{value: c.Value}
		}
	}
	return a
}

// SetSpaces replaces the set of spaces. Those that leave are forgotten; what is
// stored of spaces that were not named yet waits for them.
func (a *Account) SetSpaces(ids []string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	named := make(map[string]bool, len(ids))
	for _, id := range ids {
		named[id] = true
		s := a.spaces[id]
		if s == nil {
			s = &space{value: phone.OK}
			a.spaces[id] = s
		}
		if !s.member {
			s.member, s.answered = true, now
		}
	}
	for id, s := range a.spaces {
		if s.member && !named[id] {
			delete(a.spaces, id)
		}
	}
}

// Forget drops what is known of a space.
func (a *Account) Forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.spaces, id)
}

// Polled takes a poll into account. One that was under way when the account was
// found unwell, or well again, does not speak for the account.
func (a *Account) Polled(p Poll) {
	a.mu.Lock()
	defer a.mu.Unlock()
	current := !p.Started.Before(a.turned)
	if current {
		a.judge(p)
	}
	s := a.spaces[p.Space]
	if s == nil || !s.member || p.Verdict == Throttled || p.Verdict == AccountDenied || p.Verdict == AccountFailed {
		return // it left while it was polled, or is not to blame
	}
	if p.Verdict == Succeeded {
		s.answered = p.At
		if !s.doubted {
			a.spaceWell(p.Space, s, p.At)
		}
		return
	}
	a.spaceFailed(s, p, current)
}

func (a *Account) spaceWell(id string, s *space, at time.Time) {
	s.doubted, s.failures, s.last = false, 0, nil
	a.setSpace(id, s, phone.OK, "", "", at)
}

// Listed notes whether the list of numbers of a poll that succeeded can be used;
// doubt says why not, nil if it can.
func (a *Account) Listed(id string, doubt error, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.spaces[id]
	switch {
	case s == nil || !s.member:
	case doubt != nil:
		s.doubted = true
		a.spaceFailed(s, Poll{Space: id, At: at, Code: ListInDoubt, Err: doubt}, false)
	case s.doubted:
		a.spaceWell(id, s, at)
	}
}

// ListInDoubt is the code of a space whose lists of numbers cannot be used.
const ListInDoubt = "ListInDoubt"

// judge concludes what a poll says of the account alone.
func (a *Account) judge(p Poll) {
	if p.Verdict != AccountFailed {
		a.failed = 0
	}
	if a.onItsOwn(p) {
		return
	}
	switch p.Verdict {
	case AccountFailed:
		if a.failed++; a.failed >= failingAfter {
			a.setAccount(phone.Failing, p.failure(), p.At)
		}
	case AccountDenied:
		a.letIn, a.suspect = "", nil
		a.breaker.open(p.At)
		a.turned, a.late = p.At, false
		a.last.Err = p.Err
		a.setAccount(phone.Denied, p.failure(), p.At)
	case Succeeded:
		a.streak = streak{}
		a.setWell(p.At)
	case SpaceDenied, Unusable:
		if a.value == phone.Denied {
			a.setWell(p.At)
		}
	case Throttled:
		a.refused = p
	}
}

// spaceFailed notes a failure of a space. While only failures come from several
// spaces, the account is in doubt, and none of its spaces.
func (a *Account) spaceFailed(s *space, p Poll, current bool) {
	since := p.At
	if s.failures++; s.failures > 1 {
		since = s.last.Since
	}
	s.last = &Failure{Space: a.key(p.Space), Code: p.Code, Err: p.Err, Reason: p.Err.Error(), Since: since}
	if p.Verdict == SpaceDenied {
		a.setSpace(p.Space, s, phone.Denied, p.Code, s.last.Reason, p.At)
		return
	}
	if current {
		a.streak.add(p.Space)
	}
	several := len(a.streak.spaces) >= accountSpaces
	if several && a.streak.polls >= accountFailures {
		a.setAccount(phone.Failing, p.failure(), p.At)
	}
	if s.failures >= failingAfter && !several && (a.late || !a.unwell()) {
		a.setSpace(p.Space, s, phone.Failing, p.Code, s.last.Reason, p.At)
	}
}

// add counts a failed poll.
func (s *streak) add(space string) {
	s.polls++
	if s.spaces == nil {
		s.spaces = map[string]struct{}{}
	}
	if len(s.spaces) < accountSpaces {
		s.spaces[space] = struct{}{}
	}
}

// failure is what a failed poll says of its account.
func (p *Poll) failure() Failure { return Failure{Code: p.Code, Err: p.Err, Reason: p.Err.Error()} }

// setWell changes the account's value to that of one that can be polled.
func (a *Account) setWell(at time.Time) {
	switch {
	case a.late: // only FindBlind ends that
	case a.clock != "":
		a.setAccount(phone.ClockOff, Failure{Reason: a.clock}, at)
	default:
		a.setAccount(phone.OK, Failure{}, at)
	}
}

// setAccount changes the account's value. What is DENIED stays so until the
// account is let in.
func (a *Account) setAccount(value string, f Failure, at time.Time) {
	old := a.value
	if old == value || old == phone.Denied && value == phone.Failing {
		return
	}
	f.Space, f.Since = a.key(""), at
	a.value, a.turned, a.last = value, at, f
	if value != phone.Denied {
		a.breaker = breaker{}
	}
	a.change(phone.Subject{Account: a.name}, old, value, f.Code, f.Reason, at)
}

// unwell reports whether the account as a whole cannot be polled.
func (a *Account) unwell() bool { return a.value == phone.Failing || a.value == phone.Denied }

// ClockOff notes what is wrong with the clock of this machine, nothing where it is
// right. It counts from the next poll that succeeds.
func (a *Account) ClockOff(warning string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock = warning
}

// setSpace changes a space's value. What is DENIED stays so until a poll succeeds.
func (a *Account) setSpace(id string, s *space, value, code, reason string, at time.Time) {
	old := s.value
	if old == value || old == phone.Denied && value == phone.Failing {
		return
	}
	s.value = value
	a.change(phone.Subject{Account: a.name, Space: id}, old, value, code, reason, at)
}

func (a *Account) change(subject phone.Subject, old, value, code, reason string, at time.Time) {
	a.changes = append(a.changes, phone.Change{
		Subject: subject, Field: phone.Poll, Old: old, New: value, Direction: phone.Poll.Direction(old, value),
		SeenAt: at, Code: code, Reason: reason,
	})
}

// Changes returns what has changed since it was called last, in order.
func (a *Account) Changes() []phone.Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	changes := a.changes
	a.changes = nil
	return changes
}

// Unwell returns why the account as a whole cannot be polled, and whether that is
// because it is denied; nil if it can.
func (a *Account) Unwell() (why *Failure, denied bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.unwell() {
		return nil, false
	}
	f := a.last
	return &f, a.value == phone.Denied
}

// Failing returns the spaces whose last polls failed, by id.
func (a *Account) Failing() []Failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	var failing []Failure
	for _, s := range a.spaces {
		if s.failures > 0 {
			f := *s.last
			f.Failures = s.failures
			failing = append(failing, f)
		}
	}
	slices.SortFunc(failing, func(x, y Failure) int { return x.Space.Compare(y.Space) })
	return failing
}

func (a *Account) key(id string) phone.SpaceKey { return phone.SpaceKey{Account: a.name, ID: id} }
