package slack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

const (
	component = "slack"
	// SocketComponent is the part of the bot that receives button presses. It is no
	// channel's component, whatever channels are called.
	SocketComponent = "slack-socket"

	unconfirmedSuffix = ":unconfirmed"
	codeWaiting       = "waiting"
	codeUnconfirmed   = "unconfirmed"

	leastKeep    = 2 * time.Hour
	parkFor      = 5 * time.Minute
	stuckAfter   = 2 * time.Minute
	waitsTooLong = 5 * time.Minute
	upkeepEvery  = time.Minute
)

// metrics counts calls (post, reply, edit, find) by outcome: ok, dead, or the
// class of the failure.
type metrics struct {
	calls  *prometheus.CounterVec
	parked *prometheus.GaugeVec
	dead   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_slack_calls_total", Help: "Calls to Slack, by call and outcome.",
		}, []string{"call", "outcome"}),
		parked: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "numwatch_slack_parked", Help: "1 while messages cannot be delivered to Slack, or to one of its channels.",
		}, []string{"part"}),
		dead: f.NewGauge(prometheus.GaugeOpts{
			Name: "numwatch_slack_dead_messages", Help: "Messages that Slack has permanently rejected.",
		}),
	}
}

func (w *channelWorker) component() string { return component + ":" + w.name }

// worked notes that calls of a lane succeed. A lane may be refused what another is
// allowed; but if posting works, everything does.
func (w *channelWorker) worked(ctx context.Context, l lane, call string) {
	w.s.metrics.calls.WithLabelValues(call, "ok").Inc()
	w.s.mu.Lock()
	open := l == posting || w.parkedBy == l
	failed := w.failures > 0
	if open {
		w.parkedBy = lanes
	}
	if l == posting {
		w.failures, w.failingSince = 0, time.Time{}
		w.s.postedAt = time.Now()
	}
	w.s.mu.Unlock()
	now := time.Now()
	if open {
		w.s.report(ctx, alert.SinkReport{Component: w.component(), Value: phone.OK, At: now})
		w.s.report(ctx, alert.SinkReport{Component: component, Value: phone.OK, At: now})
	}
	if failed && l == posting {
		w.s.log.Info("slack works again", "channel", w.name)
	}
}

func (w *channelWorker) note(ctx context.Context, call string, err error) {
	if ctx.Err() != nil {
		return
	}
	w.s.metrics.calls.WithLabelValues(call, classOf(err).String()).Inc()
	w.s.log.Debug("a call to slack failed", "call", call, "channel", w.name, "err", err)
}

// postFailed decides how the channel goes on after a post or a reply that
// failed: it waits a while, or it is parked.
func (w *channelWorker) postFailed(ctx context.Context, call string, conf Channel, err error) {
	if ctx.Err() != nil {
		return
	}
	w.note(ctx, call, err)
	now := time.Now()
	w.s.mu.Lock()
	if w.failures++; w.failures == 1 {
		w.failingSince = now
		w.s.log.Warn("posting to slack fails", "channel", w.name, "err", err)
	}
	stuck := now.Sub(w.failingSince) > stuckAfter
	all := now.Sub(w.s.postedAt) > stuckAfter // no channel can be posted to: it is Slack
	w.s.mu.Unlock()
	e := asPostError(err)
	if e.Class != Transient {
		w.refused(ctx, posting, conf, err)
		return
	}
	if stuck {
		r := w.parked(e)
		if all {
			r.Component = component
		}
		w.s.report(ctx, r)
	}
	w.pause(e.RetryAfter)
}

// pause lets the channel post nothing for as long as Slack asks, or longer with
// every failure.
func (w *channelWorker) pause(asked time.Duration) {
	w.s.mu.Lock()
	failures := w.failures
	w.s.mu.Unlock()
	w.s.delay(w.name, cmp.Or(asked, notify.Backoff(max(failures-1, 0), retryFirst, retryMax)))
}

// refused parks what an error concerns: all of Slack, or the channel, unless the
// configuration names another since the call was planned.
func (w *channelWorker) refused(ctx context.Context, l lane, conf Channel, err error) {
	e := asPostError(err)
	until := time.Now().Add(parkFor)
	r := w.parked(e)
	w.s.mu.Lock()
	if e.Class == BadToken {
		r.Component = component
		w.s.blocked = until
	} else if w.conf.Slack == conf.Slack {
		w.state().postAt, w.target, w.parkedBy = until, "", l // it may have been renamed
	}
	w.s.mu.Unlock()
	w.s.report(ctx, r)
}

func (w *channelWorker) parked(e *PostError) alert.SinkReport {
	return alert.SinkReport{Component: w.component(), Value: phone.Parked, Code: e.Code, Reason: e.Error(), At: time.Now()}
}

// report reports the state of a component. The loop drops repeats.
func (s *Sink) report(ctx context.Context, r alert.SinkReport) {
	parked := 0.0
	if r.Value == phone.Parked {
		parked = 1
	}
	s.metrics.parked.WithLabelValues(r.Component).Set(parked)
	if err := s.record(ctx, alert.DeliveryUpdate{Sink: &r}); err != nil {
		s.log.Warn("the state of slack could not be stored", "part", r.Component, "err", err)
	}
}

// review tells, through the rules, what no failed call tells: that a channel has
// dead letters, that alerts wait too long whatever the reason, and that a
// component which was parked is no longer configured. Dead letters and unknown
// outcomes are components of their own, so that a channel which works does not
// hide them.
func (s *Sink) review(ctx context.Context) {
	now := time.Now()
	s.mu.Lock()
	reports := s.findings(now)
	s.metrics.dead.Set(float64(len(s.dead(""))))
	s.mu.Unlock()
	for _, r := range reports {
		r.At = now
		s.report(ctx, r)
	}
}

// findings is called with the lock held.
func (s *Sink) findings(now time.Time) (reports []alert.SinkReport) {
	configured := map[string]bool{component: true, SocketComponent: s.o.Buttons}
	found := func(component, code, format string, args ...any) {
		configured[component] = true
		reports = append(reports, alert.SinkReport{Component: component, Value: phone.Parked, Code: code, Reason: fmt.Sprintf(format, args...)})
	}
	since := now.Add(-waitsTooLong)
	away := slices.ContainsFunc(s.o.State.Conditions(), func(c phone.Condition) bool { return c.Subject.Component == component })
	for _, channel := range s.channels {
		name, c := component+":"+channel.Name, s.plan.channel(channel.Name)
		configured[name] = true
		if n, first := s.plan.overdue(c, since); n > 0 && !away {
			found(name, codeWaiting, "%s waiting to be shown, the first for %s; %s",
				phone.Count(n, "alert"), phone.Span(now.Sub(first)), s.lately(channel.Name, now))
		}
		if n, first := s.plan.unconfirmed(c, since); n > 0 {
			found(name+unconfirmedSuffix, codeUnconfirmed, "it has been unknown for %[2]s whether %[1]d of the channel's messages were posted, because its history cannot be read; see the log",
				n, phone.Span(now.Sub(first)))
		}
		if dead := s.dead(channel.Name); len(dead) > 0 {
			found(name+notify.DeadSuffix, notify.CodeDead, "Slack has permanently rejected %d of the channel's messages, the last one with: %s; see numwatch deadletters",
				len(dead), dead[len(dead)-1].Reason)
		}
	}
	for _, c := range s.o.State.Conditions() {
		if part := c.Subject.Component; c.Field == phone.Sink && ours(part) && !configured[part] {
			reports = append(reports, alert.SinkReport{Component: part, Value: phone.OK, Reason: s.over(part)})
		}
	}
	return reports
}

func ours(part string) bool {
	return part == component || part == SocketComponent || strings.HasPrefix(part, component+":")
}

// ownSink reports whether an alert is about the very channel, or all of Slack: who reads
// it there knows that it works again.
func ownSink(channel string, s phone.Subject) bool {
	return s.Component == component || s.Component == component+":"+channel
}

// over says why a component is no longer parked, if it did not report that itself.
func (s *Sink) over(part string) string {
	for _, c := range s.channels {
		if strings.HasPrefix(part, component+":"+c.Name+":") {
			return ""
		}
	}
	return "it is no longer configured"
}

// lately says why a channel makes no progress, if that is known.
func (s *Sink) lately(channel string, now time.Time) string {
	until := later(s.blocked, s.plan.channel(channel).postAt)
	if until.After(now) {
		return "nothing is posted before " + card.UTC(until)
	}
	return "see the log"
}

// dead lists the messages that Slack has permanently rejected, oldest first, of one
// channel or of all.
func (s *Sink) dead(channel string) (all []*alert.Message) {
	for _, m := range s.o.State.Messages() {
		if m.State == alert.Dead && !elsewhere(m) && (channel == "" || m.Channel == channel) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *alert.Message) int { return a.At.Compare(b.At) })
	return all
}

// forget drops what is over and shown everywhere. What has reopened meanwhile is
// posted again.
func (s *Sink) forget(ctx context.Context) {
	now := time.Now()
	s.mu.Lock()
	alerts, messages := s.plan.expired(now, max(leastKeep, s.o.Keep()))
	s.mu.Unlock()
	if len(alerts)+len(messages) == 0 {
		return
	}
	update := alert.DeliveryUpdate{Forget: alerts}
	for _, m := range messages {
		update.Drop = append(update.Drop, m.ID)
	}
	if err := s.o.Recorder.Record(ctx, update); err != nil {
		s.log.Warn("closed alerts could not be deleted", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.plan.replace(m, now)
		delete(s.plan.channel(m.Channel).messages, m.ID)
	}
}

// Status is a view for pages.
type Status struct {
	Parked   string // why nothing can be posted at all; "" otherwise
	Buttons  string // why button presses are not received; "" otherwise
	Channels []ChannelStatus
}

// ChannelStatus is a view of one channel.
type ChannelStatus struct {
	Name    string
	Parked  string // why nothing can be posted here; "" otherwise
	Waiting int    // alerts that no message lists yet
	Digest  string // when digests come, which is all that it gets; "" otherwise
}

// Status returns how the channels stand.
func (s *Sink) Status() Status {
	reasons := make(map[string]string)
	for _, c := range s.o.State.Conditions() {
		if c.Field == phone.Sink {
			reasons[c.Subject.Component] = c.Reason
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Parked: reasons[component], Buttons: reasons[SocketComponent]}
	for _, c := range s.channels {
		one := ChannelStatus{Name: c.Name, Parked: reasons[component+":"+c.Name], Waiting: len(s.plan.channel(c.Name).waiting)}
		if c.Digest != nil {
			one.Digest = c.Digest.Text
		}
		status.Channels = append(status.Channels, one)
	}
	return status
}
