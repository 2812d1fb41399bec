package channels

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/internal/config"
	"numwatch/notify"
	"numwatch/notify/alertmanager"
	"numwatch/notify/jetstream"
	"numwatch/notify/robot"
	"numwatch/notify/webhook"
	"numwatch/rules"
)

// Sink delivers to a channel, or to one address of it.
type Sink interface {
	Component() string // its name as a part of the bot; begins with the kind and the channel's name
	Run(ctx context.Context) error
	Wake()  // the log has grown; does not block
	Retry() // try again now; does not block
	Status() notify.Status
}

// kind is all that differs between kinds of channels.
type kind struct {
	// open prepares what the channels have in common, and returns what makes the sinks of one.
	open func(o *Options) (sinks func(c *config.Channel) ([]Sink, error))
	// check tries what a channel needs, and delivers nothing.
	check   func(ctx context.Context, c *config.Channel) []Finding
	waiting string // the metric of what is to be delivered
	help    string
}

// kinds are those whose channels config.yaml describes: all of rules.Configured.
func kinds() map[rules.Kind]kind {
	return map[rules.Kind]kind{
		rules.Webhook:      {openWebhooks, checkWebhook, "numwatch_webhook_lag_events", "Events in the log that the webhook has not processed, by channel."},
		rules.Alertmanager: {openAlertmanagers, checkAlertmanager, "numwatch_alertmanager_lag_events", "Events in the log that an Alertmanager has not been told of, by channel with address."},
		rules.DingTalk:     robots(robot.DingTalk()),
		rules.Feishu:       robots(robot.Feishu()),
		rules.WeCom:        robots(robot.WeCom()),
	}
}

// Finding is the result of a check.
type Finding struct {
	Component, Text string
	Err             error
}

// Check tries what a channel needs, and delivers nothing.
func Check(ctx context.Context, c *config.Channel) []Finding {
	return kinds()[rules.Kind(c.Type)].check(ctx, c)
}

// follow is how a sink follows the log.
func (o *Options) follow(c *config.Channel, name string, allowPrivate bool, outcomes *prometheus.CounterVec) (notify.FollowerOptions, error) {
	stored, err := o.Store.Checkpoint(name)
	if err != nil {
		return notify.FollowerOptions{}, fmt.Errorf("reading the position of %s: %w", name, err)
	}
	return notify.FollowerOptions{
		Channel: c.Name, Name: name, AllowPrivate: allowPrivate, Log: o.Store, Recorder: o.Loop, Saver: o.Loop, Stored: stored,
		May: o.May, Outcomes: outcomes, Logger: o.Logger, Trace: o.Trace,
	}, nil
}

func openWebhooks(o *Options) func(*config.Channel) ([]Sink, error) {
	events := notify.NewOutcomes(o.Registerer, "numwatch_webhook_events_total", "Events posted to webhooks, by channel and outcome.")
	return func(c *config.Channel) ([]Sink, error) {
		follow, err := o.follow(c, webhook.Component+c.Name, c.AllowPrivate, events)
		if err != nil {
			return nil, err
		}
		secrets, err := secretsOf(c)
		if err != nil {
			return nil, err
		}
		return []Sink{webhook.New(webhook.Options{
			Follower: follow, URL: c.URL.Reveal(), Secrets: secrets, FirstSeq: o.Store.FirstSeq,
			Wants:    func(e *alert.Event) bool { return wants(c, e) },
			Renderer: &jetstream.Renderer{Epoch: o.Store.Epoch(), Space: o.Space, RedactURLs: c.RedactURLs},
		})}, nil
	}
}

// wants reports whether an event is for a webhook: one of an alert that the rules sent
// there, or any change.
func wants(c *config.Channel, e *alert.Event) bool {
	switch {
	case !slices.Contains(c.Events, e.Kind.String()):
		return false
	case e.Kind == alert.KindChange:
		return true
	default:
		return e.Alert != nil && slices.Contains(e.Alert.Followers, c.Name)
	}
}

func checkWebhook(ctx context.Context, c *config.Channel) []Finding {
	_, err := secretsOf(c)
	var host string
	if err == nil {
		host, err = notify.Reach(ctx, c.URL.Reveal(), c.AllowPrivate)
	}
	return []Finding{{webhook.Component + c.Name, host + " can be reached; numwatch drill posts an event", err}}
}

// secretsOf are what signs the requests to a webhook.
func secretsOf(c *config.Channel) (secrets []webhook.Secret, err error) {
	for _, text := range []config.Secret{c.Secret, c.OldSecret} {
		if text.Empty() {
			continue
		}
		secret, err := webhook.ParseSecret(text.Reveal())
		if err != nil {
			return nil, fmt.Errorf("channels.%s: a secret %w", c.Name, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

func openAlertmanagers(o *Options) func(*config.Channel) ([]Sink, error) {
	requests := notify.NewOutcomes(o.Registerer, "numwatch_alertmanager_requests_total", "Requests with alerts to Alertmanagers, by channel with address, and outcome.")
	return func(c *config.Channel) (sinks []Sink, err error) {
		for _, address := range c.URLs {
			follow, err := o.follow(c, alertmanager.ComponentOf(c.Name, address), true, requests)
			if err != nil {
				return nil, err
			}
			sinks = append(sinks, alertmanager.New(alertmanager.Options{
				Follower: follow, URL: address, Login: loginOf(c), Alerts: o.Alerts, Space: o.Space, Link: o.Link,
			}))
		}
		return sinks, nil
	}
}

func loginOf(c *config.Channel) alertmanager.Login {
	return alertmanager.Login{Username: c.Username, Password: c.Password.Reveal(), Token: c.Token.Reveal()}
}

func checkAlertmanager(ctx context.Context, c *config.Channel) (all []Finding) {
	for _, address := range c.URLs {
		err := alertmanager.Check(ctx, address, loginOf(c))
		all = append(all, Finding{alertmanager.ComponentOf(c.Name, address), "answers; numwatch drill posts an alert", err})
	}
	return all
}
