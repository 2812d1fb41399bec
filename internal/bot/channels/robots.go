package channels

import (
	"context"
	"errors"

	"numwatch/alert"
	"numwatch/internal/config"
	"numwatch/notify"
	"numwatch/notify/robot"
	"numwatch/rules"
)

func robots(dialect *robot.Dialect) kind {
	return kind{
		open: openRobots(dialect), check: checkRobot,
		waiting: "numwatch_" + dialect.Kind + "_waiting_incidents", help: "Incidents that the " + dialect.Kind + " channel has not been told of yet.",
	}
}

func openRobots(dialect *robot.Dialect) func(o *Options) func(*config.Channel) ([]Sink, error) {
	return func(o *Options) func(*config.Channel) ([]Sink, error) {
		messages := robot.NewMessages(o.Registerer, dialect.Kind)
		return func(c *config.Channel) ([]Sink, error) {
			return []Sink{robot.New(robot.Options{
				Dialect: dialect, Name: c.Name, URL: c.URL.Reveal(), Secret: c.Secret.Reveal(), AllowPrivate: c.AllowPrivate,
				Channels: leadingTo(c, o.Rules), State: o.State, Recorder: o.Loop, Space: o.Space, Settle: o.Settle, Link: o.Link,
				May: o.May, Messages: messages, Logger: o.Logger, Trace: o.Trace,
			})}, nil
		}
	}
}

// leadingTo are the channels of the rules that lead to one of config.yaml.
func leadingTo(c *config.Channel, all []rules.Channel) (out []robot.Channel) {
	for _, r := range all {
		if string(r.Kind) == c.Type && r.Target == c.Name {
			out = append(out, robot.Channel{Name: r.Name, Mention: r.Mention, Language: r.Language})
		}
	}
	return out
}

func checkRobot(ctx context.Context, c *config.Channel) []Finding {
	host, err := notify.Reach(ctx, c.URL.Reveal(), c.AllowPrivate)
	return []Finding{{c.Type + ":" + c.Name, host + " can be reached; numwatch drill posts a message", err}}
}

// robots are the sinks for chat groups.
func (s *Set) robots(visit func(c *config.Channel, r *robot.Robot)) {
	for _, sink := range s.sinks {
		if r, ok := sink.(*robot.Robot); ok {
			for i := range s.o.Channels {
				if c := &s.o.Channels[i]; c.Type+":"+c.Name == r.Component() {
					visit(c, r)
				}
			}
		}
	}
}

// Update says that alerts have changed. It does not block.
func (s *Set) Update(alerts []alert.Alert) {
	s.robots(func(_ *config.Channel, r *robot.Robot) { r.Update(alerts) })
}

// BaselineDone says that the first round of an account is over.
func (s *Set) BaselineDone(account string) {
	s.robots(func(_ *config.Channel, r *robot.Robot) { r.BaselineDone(account) })
}

// Needs reports whether a closed alert must still be sent.
func (s *Set) Needs(a *alert.Alert) (needs bool) {
	s.robots(func(_ *config.Channel, r *robot.Robot) { needs = needs || r.Needs(a) })
	return needs
}

// RetryDead tries a dead letter again, and reports whether it is of one of these channels.
func (s *Set) RetryDead(ctx context.Context, id string) (mine bool, err error) {
	s.robots(func(_ *config.Channel, r *robot.Robot) {
		if !mine {
			mine, err = r.RetryDead(ctx, id)
		}
	})
	return mine, err
}

// Announce posts a text to every group, without a record.
func (s *Set) Announce(ctx context.Context, text string) error {
	var all []*robot.Robot
	s.robots(func(_ *config.Channel, r *robot.Robot) { all = append(all, r) })
	failed := make(chan error, len(all))
	for _, r := range all {
		go func() { failed <- r.Announce(ctx, text) }()
	}
	var errs []error
	for range all {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}
