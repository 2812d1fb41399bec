package poller

import (
	"time"

	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/schedule"
)

// Status is how an account is being polled. Durations and rates are of the
// moment, or of the last minute where that is said.
type Status struct {
	Plan schedule.Plan // what the schedule can promise
	// Pace is how many requests per second are sent at most, Used how many were
	// in the last minute, Throttled the share of these that was throttled.
	Pace      float64
	Used      float64
	Throttled float64
	// Oldest is the time of the oldest last answer of all spaces, counted from when
	// it was added for a space without one; zero if there is no space.
	Oldest  time.Time
	Failing []Failure // spaces whose last poll failed, by id
	// Denied tells why the account is denied, nil if it is not; it is tried again
	// at DeniedUntil.
	Denied      *cams.Error
	DeniedUntil time.Time
}

// Failure is a space whose last polls failed.
type Failure struct {
	Space    phone.SpaceKey
	Err      *cams.Error // the last
	Since    time.Time
	Failures int // in a row
}

// Status returns how the account is being polled.
func (p *Poller) Status() Status {
	s := Status{Pace: p.o.Pace.Rate(), DeniedUntil: p.o.Health.ProbeAt()}
	for _, f := range p.o.Health.Failing() {
		s.Failing = append(s.Failing, Failure{f.Space, cams.AsError(f.Space, f.Err), f.Since, f.Failures})
	}
	if f := p.o.Health.Denied(); f != nil {
		s.Denied = denial(p.o.Account, f)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.SetRate(s.Pace)
	s.Used, s.Throttled = p.meter.read(time.Now())
	s.Plan, s.Oldest = p.schedule.Plan(), p.schedule.Oldest()
	return s
}

// denial is the error of a denied account, which an earlier run may have stored.
func denial(account string, f *health.Failure) *cams.Error {
	if f.Err == nil {
		return &cams.Error{Class: cams.DeniedAccount, Account: account, Code: f.Code, Message: f.Reason}
	}
	return cams.AsError(f.Space, f.Err)
}

// meter counts the requests of the last minute, second by second.
type meter struct {
	since   time.Time // the first request
	seconds [60]struct {
		at              int64
		sent, throttled int
	}
}

func (m *meter) sent(now time.Time) {
	if m.since.IsZero() {
		m.since = now
	}
	m.second(now).sent++
}

func (m *meter) throttled(now time.Time) { m.second(now).throttled++ }

func (m *meter) second(now time.Time) *struct {
	at              int64
	sent, throttled int
} {
	s := &m.seconds[uint64(now.Unix())%uint64(len(m.seconds))]
	if s.at != now.Unix() {
		s.at, s.sent, s.throttled = now.Unix(), 0, 0
	}
	return s
}

// read returns the requests per second, and the share of them that was
// throttled.
func (m *meter) read(now time.Time) (rate, throttled float64) {
	sent, limited := 0, 0
	for _, s := range m.seconds {
		if s.at > now.Unix()-int64(len(m.seconds)) {
			sent += s.sent
			limited += s.throttled
		}
	}
	if sent == 0 {
		return 0, 0
	}
	span := min(max(now.Sub(m.since), time.Second), time.Minute)
	return float64(sent) / span.Seconds(), min(float64(limited)/float64(sent), 1)
}
