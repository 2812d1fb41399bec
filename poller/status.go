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
	// Unwell tells why the account as a whole cannot be polled, nil if it can. Where
	// that is because it is Denied, it is tried again at DeniedUntil.
	Unwell      *Failure
	Denied      bool
	DeniedUntil time.Time
}

// Failure is a space whose last polls failed, or an account.
type Failure struct {
	Space    phone.SpaceKey // without ID: the account
	Err      *cams.Error    // the last
	Since    time.Time
	Failures int // in a row
}

// Status returns how the account is being polled.
func (p *Poller) Status() Status {
	s := Status{Pace: p.o.Pace.Rate(), DeniedUntil: p.o.Health.ProbeAt()}
	for _, f := range p.o.Health.Failing() {
		s.Failing = append(s.Failing, Failure{f.Space, cams.AsError(f.Space, f.Err), f.Since, f.Failures})
	}
	if f, denied := p.o.Health.Unwell(); f != nil {
		s.Unwell, s.Denied = &Failure{f.Space, reasonOf(f, denied), f.Since, f.Failures}, denied
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.SetRate(s.Pace)
	s.Used, s.Throttled = p.meter.read(time.Now())
	s.Plan, s.Oldest = p.schedule.Plan(), p.schedule.Oldest()
	return s
}

// LongestWait is how long a space may have to wait for its poll at the full pace.
func (p *Poller) LongestWait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := schedule.Options{MaxAge: p.o.MaxAge, MinInterval: p.o.MinInterval, Rate: p.o.Pace.Full()}
	return max(p.o.MaxAge, o.Plan(p.schedule.Plan().Spaces).Worst)
}

// reasonOf is the error of an account that is unwell, which an earlier run may have
// stored.
func reasonOf(f *health.Failure, denied bool) *cams.Error {
	if f.Err != nil {
		return cams.AsError(f.Space, f.Err)
	}
	e := &cams.Error{Class: cams.Transient, Account: f.Space.Account, Code: f.Code, Message: f.Reason}
	if denied {
		e.Class = cams.DeniedAccount
	}
	return e
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
