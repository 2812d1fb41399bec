package poller

import (
	"sort"
	"time"

	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/schedule"
)

// Status is how an account is being polled. Durations and rates are of the
// moment, or of the last minute where that is said.
type Status struct {
	Account string
	Plan    schedule.Plan // what the schedule can promise
	// Pace is how many requests per second are sent at most, Used how many were
	// in the last minute, Throttled the share of these that was refused.
	Pace      float64
	Used      float64
	Throttled float64
	InFlight  int
	// Oldest is the time of the oldest last answer of the spaces that wait,
	// counted from its start for a space without one; zero if none waits.
	Oldest  time.Time
	Failing []Failure // spaces whose last poll failed, by id
	// Denied tells why the account is refused, nil if it is not; it is tried
	// again at DeniedUntil.
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
	pace := p.o.Pace.Rate()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.SetRate(pace)
	used, throttled := p.meter.read(time.Now())
	s := Status{
		Account: p.o.Account, Plan: p.schedule.Plan(), Pace: pace, Used: used, Throttled: throttled,
		InFlight: p.schedule.InFlight(), Oldest: p.schedule.Oldest(),
		Denied: p.refusal.err, DeniedUntil: p.refusal.until,
	}
	for _, f := range p.failing {
		s.Failing = append(s.Failing, f)
	}
	sort.Slice(s.Failing, func(i, j int) bool { return s.Failing[i].Space.Compare(s.Failing[j].Space) < 0 })
	return s
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
	sent, refused := 0, 0
	for _, s := range m.seconds {
		if s.at > now.Unix()-int64(len(m.seconds)) {
			sent += s.sent
			refused += s.throttled
		}
	}
	if sent == 0 {
		return 0, 0
	}
	span := min(max(now.Sub(m.since), time.Second), time.Minute)
	return float64(sent) / span.Seconds(), min(float64(refused)/float64(sent), 1)
}
