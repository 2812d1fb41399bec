package slack

import (
	"context"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

const (
	codeWaiting  = "waiting"
	waitsTooLong = 5 * time.Minute
)

// review tells, through the rules, what no failed call tells: that a channel has
// dead letters, that alerts wait for it too long whatever the reason, and that a
// part which was parked is no longer configured. Dead letters are a part of
// their own, so that a channel which works does not hide them.
func (s *Slack) review(ctx context.Context) {
	now := time.Now()
	s.mu.Lock()
	reports := s.findings(now)
	s.metrics.dead.Set(float64(len(s.board.dead())))
	s.mu.Unlock()
	for _, r := range reports {
		s.tell(ctx, r)
	}
}

// findings is called with the lock held.
func (s *Slack) findings(now time.Time) (reports []alert.SinkReport) {
	configured := map[string]bool{slackPart: true, SocketPart: s.pressable}
	for _, c := range s.channels {
		part := slackPart + ":" + c.Name
		configured[part], configured[part+notify.DeadSuffix] = true, true
		r := s.deadIn(c.Name)
		r.Component, r.At = part+notify.DeadSuffix, now
		if r.Value == phone.Parked || s.reported[r.Component] == phone.Parked {
			reports = append(reports, r)
		}
		if n, since := s.board.overdue(c.Name, now.Add(-waitsTooLong)); n > 0 {
			reports = append(reports, alert.SinkReport{
				Component: part, Value: phone.Parked, Code: codeWaiting, At: now,
				Reason: fmt.Sprintf("%d alerts wait to be shown, the first for %s; %s", n, phone.Span(now.Sub(since)), s.lately(c.Name, now)),
			})
		}
	}
	for part, value := range s.reported {
		if value == phone.Parked && !configured[part] {
			reports = append(reports, alert.SinkReport{Component: part, Value: phone.OK, Reason: "it is no longer configured", At: now})
		}
	}
	return reports
}

func (s *Slack) deadIn(channel string) alert.SinkReport {
	n, last := 0, ""
	for _, m := range s.board.dead() {
		if m.Channel == channel {
			n, last = n+1, m.Reason
		}
	}
	if n == 0 {
		return alert.SinkReport{Value: phone.OK}
	}
	return alert.SinkReport{
		Value: phone.Parked, Code: notify.CodeDead,
		Reason: fmt.Sprintf("Slack refuses %d of the channel's messages for good, the last one with: %s; see numwatch deadletters", n, last),
	}
}

// lately says why a channel makes no progress, as far as that is known.
func (s *Slack) lately(channel string, now time.Time) string {
	gate := s.gate
	if o := s.outlets[channel]; o != nil {
		gate = later(gate, o.gate)
	}
	if gate.After(now) {
		return "nothing is posted before " + card.UTC(gate)
	}
	return "see the log"
}

// overdue counts the alerts that are ready since before a time and that no
// message lists yet.
func (b *board) overdue(channel string, before time.Time) (n int, first time.Time) {
	for id, since := range b.column(channel).waiting {
		a := b.alerts[id]
		if a.Baseline {
			since = later(since, b.round(a.Subject.Account).ready())
		}
		if !since.Before(before) {
			continue
		}
		if n++; n == 1 || since.Before(first) {
			first = since
		}
	}
	return n, first
}
