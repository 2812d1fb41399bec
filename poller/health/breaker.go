package health

import (
	"time"

	"numwatch/phone"
)

// How long a denied account is not polled before one space is tried.
const (
	firstWait = 30 * time.Second
	maxWait   = 10 * time.Minute
)

// breaker is the circuit breaker of an account: while it is open, one poll at a
// time is sent as a probe, each after a longer wait. The zero breaker is closed.
type breaker struct {
	wait  time.Duration // 0: no denial in this run
	until time.Time     // no poll is sent before
}

// open notes a denial.
func (b *breaker) open(now time.Time) {
	b.wait = min(max(2*b.wait, firstWait), maxWait)
	b.until = now.Add(b.wait)
}

// ProbeAt returns when a poll may be sent; zero where nothing forbids it.
func (a *Account) ProbeAt() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.breaker.until
}

// Sending notes that a poll is sent. While the account is denied no other is sent
// until its answer, or until the wait is over again.
func (a *Account) Sending(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.value == phone.Denied {
		a.breaker.until = now.Add(max(a.breaker.wait, firstWait))
	}
}
