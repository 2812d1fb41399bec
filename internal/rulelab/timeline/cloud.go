package timeline

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
)

// usualNumber is the healthy default number.
func usualNumber() (n phone.Number) {
	for f, v := range map[phone.Field]string{
		phone.VerifiedName:           "Acme Shop",
		phone.Status:                 "CONNECTED",
		phone.QualityRating:          "GREEN",
		phone.CodeVerificationStatus: "VERIFIED",
		phone.NewNameStatus:          "NONE",
		phone.NameStatus:             "APPROVED",
		phone.MessagingLimitTier:     "TIER_10K",
		phone.StatusQueue:            "",
		phone.UpQueue:                "",
		phone.StatusCallbackUrl:      "https://acme.example/status",
		phone.UpCallbackUrl:          "https://acme.example/messages",
		phone.IsOfficial:             "N",
		phone.CallingCallbackUrl:     "https://acme.example/calls",
		phone.CallingStatus:          "ENABLED",
		phone.CallHoursStatus:        "DISABLED",
		phone.MaxTalkTime:            "60",
		phone.CallHours:              "",
	} {
		n.Set(f, v)
	}
	return n
}

// usualSpace is the space of a test that names none.
func usualSpace() space {
	return space{
		Space:   phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "1001"}, Name: "Acme"},
		numbers: []number{{name: "8613800001111"}},
	}
}

// over returns a number with the fields set, and without those that are nil.
func (fs fields) over(n phone.Number) phone.Number {
	out := phone.Number{PhoneNumber: n.PhoneNumber}
	for f, v := range n.All() {
		if _, given := fs[f]; !given {
			out.Set(f, v)
		}
	}
	for f, v := range fs {
		if v != nil {
			out.Set(f, *v)
		}
	}
	return out
}

// cloudSpace is a space as the cloud now shows it.
type cloudSpace struct {
	phone.Space
	usual   phone.Number
	first   string // number, as given
	numbers map[string]phone.Number
	failure *failure  // nil: it answers
	polled  time.Time // the last answer
	left    bool      // it is no longer configured
}

func newCloudSpace(s space, usual phone.Number) *cloudSpace {
	c := &cloudSpace{Space: s.Space, usual: usual, numbers: map[string]phone.Number{}}
	for _, n := range s.numbers {
		c.put(n)
	}
	return c
}

func (c *cloudSpace) put(n number) {
	p := c.usual
	p.PhoneNumber = n.name
	c.numbers[n.name] = n.fields.over(p)
	if c.first == "" {
		c.first = n.name
	}
}

// change does what a step does to the space.
func (c *cloudSpace) change(s *step) error {
	missing := func(line int, name string) error {
		return fmt.Errorf("line %d: space %s has no number %q", line, c.ID, name)
	}
	if len(s.set) > 0 {
		name := s.number
		if name == "" {
			name = c.first
		}
		n, ok := c.numbers[name]
		if !ok {
			return missing(s.at.Line, name)
		}
		c.numbers[name] = s.set.over(n)
	}
	for _, n := range s.add {
		c.put(n)
	}
	for _, n := range s.remove {
		if _, ok := c.numbers[n.Text]; !ok {
			return missing(n.At.Line, n.Text)
		}
		delete(c.numbers, n.Text)
	}
	if s.fail != nil || s.heal {
		c.failure = s.fail
	}
	c.left = c.left || s.leave
	return nil
}

// answer is the result of polling the space, and the clock's warning: a request
// whose time is rejected is signed again with the cloud's time.
func (c *cloudSpace) answer(now time.Time, poll int) (r poller.Result, clock string) {
	r = poller.Result{Space: c.SpaceKey, Started: now, At: now, Previous: c.polled}
	if f := c.failure; f != nil {
		r.Err = cams.Rejected(c.SpaceKey, f.status, f.code, f.message)
		if r.Err.Class != cams.Clock {
			return r, ""
		}
		r.Err, clock = nil, r.Err.Error()
	}
	c.polled = now
	r.Snapshot = &phone.Snapshot{Space: c.SpaceKey, At: now, RequestId: fmt.Sprintf("poll-%d", poll)}
	for _, n := range slices.Sorted(maps.Keys(c.numbers)) {
		r.Snapshot.Numbers = append(r.Snapshot.Numbers, c.numbers[n])
	}
	return r, clock
}
