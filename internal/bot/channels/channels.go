// Package channels runs the channels of config.yaml for the bot, each by the sinks of its
// kind, and reports those that rules.yaml names though they do not exist. It imports the
// vocabulary, rules, store, internal/config and the sinks; internal/bot and check call it.
package channels

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/internal/config"
	"numwatch/notify"
	"numwatch/notify/robot"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

const codeNotConfigured = "not_configured"

// Loop commits what channels report.
type Loop interface {
	notify.Recorder
	notify.Saver
}

// Options are what channels are made of.
type Options struct {
	Channels   []config.Channel
	Rules      []rules.Channel // those of the rules that the bot starts with
	Store      *store.Store
	Loop       Loop
	Alerts     func() []*alert.Alert // as they stand, closed ones too
	State      robot.State           // what robots compare with what people were told
	Space      func(phone.SpaceKey) phone.Space
	Link       string               // public address of the pages; may be empty
	Settle     func() time.Duration // how long a flapping alert must be stable until it is told again
	May        func() error         // called before each request; its error prevents it
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	Trace      func(string) // nil but in tests
}

// Set is all channels of config.yaml. It is safe for concurrent use.
type Set struct {
	o     Options
	sinks []Sink // by channel
	// named is the channels of rules.yaml by where they lead.
	named   atomic.Pointer[map[place][]string]
	changed notify.Signal // what rules.yaml names
}

// place is where a channel of rules.yaml leads.
type place struct {
	kind rules.Kind
	name string // in config.yaml
}

func (p place) component() string { return string(p.kind) + ":" + p.name }

// New returns the channels; they deliver nothing until Run.
func New(o Options) (*Set, error) {
	s := &Set{o: o, changed: notify.NewSignal()}
	s.Name(o.Rules)
	open := map[string]func(*config.Channel) ([]Sink, error){}
	for name, k := range kinds() {
		open[string(name)] = k.open(&o)
	}
	for i := range o.Channels {
		sinks, err := open[o.Channels[i].Type](&o.Channels[i])
		if err != nil {
			return nil, err
		}
		s.sinks = append(s.sinks, sinks...)
	}
	return s, o.Registerer.Register(newGauges(s))
}

// Sinks returns all sinks, by channel.
func (s *Set) Sinks() []Sink { return s.sinks }

// Wake says that the log has grown. It does not block.
func (s *Set) Wake() {
	for _, sink := range s.sinks {
		sink.Wake()
	}
}

// Retry tries again now what waits. It does not block.
func (s *Set) Retry() {
	for _, sink := range s.sinks {
		sink.Retry()
	}
}

// Name notes which channels of the rules lead where. It does not block.
func (s *Set) Name(channels []rules.Channel) {
	named := map[place][]string{}
	for _, c := range channels {
		if c.Kind != rules.Slack {
			to := place{c.Kind, c.Target}
			named[to] = append(named[to], c.Name)
		}
	}
	s.named.Store(&named)
	s.robots(func(c *config.Channel, r *robot.Robot) { r.SetChannels(leadingTo(c, channels)) })
	s.changed.Send()
}

// Unknown says why a channel of rules.yaml leads nowhere; nil: it leads to one of
// config.yaml.
func Unknown(c *rules.Channel, all []config.Channel) error {
	i := slices.IndexFunc(all, func(o config.Channel) bool { return o.Name == c.Target })
	switch {
	case c.Kind == rules.Slack:
		return nil
	case i < 0:
		return fmt.Errorf("the rules name the %s %s, which is not in config.yaml: add channels.%s", c.Kind, c.Target, c.Target)
	case all[i].Type != string(c.Kind):
		return fmt.Errorf("the rules have %s %s, but in config.yaml channels.%s has the type %s: make them the same", c.Target, c.Kind, c.Target, all[i].Type)
	}
	return nil
}

// ReportUnknown parks the channels that rules.yaml names and config.yaml does not have,
// and ends what was reported of those that nobody names any more, until ctx ends.
func (s *Set) ReportUnknown(ctx context.Context) error {
	reported, err := s.reportedBefore()
	if err != nil {
		return err
	}
	for {
		unknown := map[string]string{} // why, by component
		for to, names := range *s.named.Load() {
			c := rules.Channel{Kind: to.kind, Target: to.name}
			if err := Unknown(&c, s.o.Channels); err != nil {
				unknown[to.component()] = fmt.Sprintf("channel %s: %v, and start numwatch again", strings.Join(names, ", "), err)
			}
		}
		for _, component := range slices.Sorted(maps.Keys(unknown)) {
			s.report(ctx, component, phone.Parked, codeNotConfigured, unknown[component])
			reported[component] = true
		}
		for _, component := range slices.Sorted(maps.Keys(reported)) {
			if unknown[component] == "" {
				s.report(ctx, component, phone.OK, "", "it is no longer used")
				delete(reported, component)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
		}
	}
}

// reportedBefore are the components that an earlier run reported and that have no sink
// now.
func (s *Set) reportedBefore() (map[string]bool, error) {
	conditions, err := s.o.Store.Conditions()
	if err != nil {
		return nil, fmt.Errorf("reading the conditions: %w", err)
	}
	reported := map[string]bool{}
	for _, c := range conditions {
		component := c.Subject.Component
		kind, _, of := strings.Cut(component, ":")
		lives := slices.ContainsFunc(s.sinks, func(k Sink) bool { return k.Component() == strings.TrimSuffix(component, notify.DeadSuffix) })
		if of && slices.Contains(rules.Configured(), rules.Kind(kind)) && !lives {
			reported[component] = true
		}
	}
	return reported, nil
}

func (s *Set) report(ctx context.Context, component, value, code, reason string) {
	err := s.o.Loop.Record(ctx, alert.DeliveryUpdate{Sink: &alert.SinkReport{Component: component, Value: value, Code: code, Reason: reason, At: time.Now()}})
	if err != nil && ctx.Err() == nil {
		s.o.Logger.WarnContext(ctx, "the state of a channel could not be stored", "component", component, "err", err)
	}
}
