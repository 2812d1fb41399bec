package health

import (
	"fmt"
	"time"

	"numwatch/phone"
)

const (
	// notPolled is the code of what failed because it was not polled.
	notPolled = "NotPolled"
	// A space counts as not polled after so many times the longest wait.
	blindAfter = 3
)

// FindBlind makes FAILING what was not polled for too long, whatever the reason:
// the account where many spaces wait longer than they ever should, else a space
// that had no successful poll for several times that long. An account that is not
// well speaks for its spaces, and once it is well again they need time to be polled.
func (a *Account) FindBlind(now time.Time, longest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if longest <= 0 {
		return
	}
	a.findLate(now, longest)
	if a.unwell() {
		return
	}
	for id, s := range a.spaces {
		if last := a.lastPoll(s); s.member && now.Sub(last) >= blindAfter*longest {
			a.setSpace(id, s, phone.Failing, notPolled, "no successful poll since "+last.UTC().Format(time.RFC3339), now)
		}
	}
}

// findLate makes the account FAILING where at least two spaces, and a tenth of all,
// wait too long that are not known to fail or to be denied themselves. It takes a little more than
// the longest wait to begin than to go on.
func (a *Account) findLate(now time.Time, longest time.Duration) {
	if a.unwell() && !a.late {
		return
	}
	limit := longest
	if !a.late {
		limit += longest / 4
	}
	waiting, of := 0, 0
	for _, s := range a.spaces {
		if !s.member || s.failures >= failingAfter || s.value == phone.Denied {
			continue
		}
		if of++; now.Sub(a.lastPoll(s)) >= limit {
			waiting++
		}
	}
	late := waiting >= 2 && 10*waiting >= of
	switch {
	case late == a.late:
	case late:
		a.late = true
		turned := a.turned
		a.setAccount(phone.Failing, a.lateness(waiting, of, now.Add(-limit)), now)
		a.turned = turned // their polls are as late as before
	default:
		a.late = false
		a.setWell(now)
	}
}

// lateness says which spaces wait, and why if that is known.
func (a *Account) lateness(waiting, of int, since time.Time) Failure {
	f := Failure{Code: notPolled, Reason: fmt.Sprintf("%s of %s have had no successful poll since %s",
		phone.Grouped(waiting), phone.Count(of, "space"), since.UTC().Format(time.RFC3339))}
	if a.refused.Err != nil && a.refused.At.After(since) {
		f.Reason += "; the cloud throttles the account: " + a.refused.Err.Error()
	}
	return f
}

// lastPoll is when a space was polled successfully, or could first have been.
func (a *Account) lastPoll(s *space) time.Time {
	if a.turned.After(s.answered) {
		return a.turned
	}
	return s.answered
}
