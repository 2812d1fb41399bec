package cams

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"numwatch/phone"
)

// clock is the time by which requests are signed: this machine's, and the cloud's
// own once that has refused this machine's as too far off. Everything else goes by
// this machine's time.
type clock struct {
	machine func() time.Time
	behind  atomic.Int64 // nanoseconds of this machine behind the cloud; 0: right enough
	told    func(warning string)
	log     *slog.Logger
}

// tolerance is how far off this machine's time may be once it is used again. The
// cloud takes 15 minutes.
const tolerance = time.Minute

func newClock(o ClientOptions, log *slog.Logger) *clock {
	c := &clock{machine: o.Now, told: o.ClockOff, log: log}
	if c.machine == nil {
		c.machine = time.Now
	}
	if c.told == nil {
		c.told = func(string) {}
	}
	return c
}

// cloud returns the time for a signature.
func (c *clock) cloud() time.Time { return c.machine().Add(time.Duration(c.behind.Load())) }

// rejected takes over the time of an answer that refused a request's.
func (c *clock) rejected(h http.Header) {
	if behind, ok := c.measure(h); ok {
		c.set(behind)
	}
}

// accepted looks whether this machine's clock has been set meanwhile.
func (c *clock) accepted(h http.Header) {
	if c.behind.Load() == 0 {
		c.told("")
	} else {
		c.rejected(h)
	}
}

// measure returns how far this machine is behind the cloud, by an answer's Date.
func (c *clock) measure(h http.Header) (time.Duration, bool) {
	at, err := http.ParseTime(h.Get("Date"))
	return at.Sub(c.machine()).Round(time.Second), err == nil
}

func (c *clock) set(behind time.Duration) {
	if behind.Abs() < tolerance {
		behind = 0
	}
	before := c.behind.Swap(int64(behind))
	switch {
	case before == 0 && behind != 0:
		c.log.Warn("this machine's clock is off; requests are signed with the cloud's time", "off", off(behind))
	case before != 0 && behind == 0:
		c.log.Info("this machine's clock is right again")
	}
	c.told(warning(behind))
}

// warning says how far the clock is off; empty if it is accurate enough.
func (c *clock) warning() string { return warning(time.Duration(c.behind.Load())) }

func warning(behind time.Duration) string {
	if behind == 0 {
		return ""
	}
	return fmt.Sprintf("this machine's clock is %s the cloud's: set it. Requests are signed with the cloud's time until then.", off(behind))
}

// advice is what to do where the cloud's time was refused too, or is not known.
func (c *clock) advice(h http.Header) string {
	behind, ok := c.measure(h)
	if !ok {
		return "check this machine's clock: the cloud accepts requests that are at most 15 minutes off"
	}
	return fmt.Sprintf("set this machine's clock: it is %s the cloud's", off(behind))
}

// off says by how much a clock is behind or ahead.
func off(behind time.Duration) string {
	if behind < 0 {
		return phone.Span(-behind) + " ahead of"
	}
	return phone.Span(behind) + " behind"
}
