package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot/answers"
	"numwatch/notify/card"
	"numwatch/notify/slack"
	"numwatch/phone"
)

// alertActions is what the buttons need from the loop.
type alertActions interface {
	Ack(ctx context.Context, id, by string) (alert.Alert, error)
	Silence(ctx context.Context, s alert.Silence) (alert.Silence, error)
}

// operator does what buttons in Slack ask for.
type operator struct{ loop alertActions }

// Ack passes over what has closed since the button was pressed, unless that is
// all of it.
func (o operator) Ack(ctx context.Context, alerts []alert.Alert, by string) error {
	var refused error
	done := 0
	for _, a := range alerts {
		switch _, err := o.loop.Ack(ctx, a.ID, by); {
		case err == nil:
			done++
		case errors.Is(err, alert.ErrRejected) || errors.Is(err, alert.ErrNotFound):
			refused = err
		default:
			return fmt.Errorf("%d of %d alerts are acknowledged: %w", done, len(alerts), err)
		}
	}
	if done == 0 {
		return refused
	}
	return nil
}

// Silence silences the rule: of one alert for its subject, of several in the
// spaces, accounts or components that they are about.
func (o operator) Silence(ctx context.Context, alerts []alert.Alert, length time.Duration, by string) error {
	until := time.Now().Add(length).UTC().Truncate(time.Second)
	matchers := matchersOf(alerts)
	for i, m := range matchers {
		if _, err := o.loop.Silence(ctx, alert.Silence{Match: m, By: by, Reason: "a button in Slack", Until: until}); err != nil {
			return fmt.Errorf("%d of %d silences are in force: %w", i, len(matchers), err)
		}
	}
	return nil
}

// matchersOf returns one matcher for all that a rule says of the spaces of an
// account, of the account itself, or of components.
func matchersOf(alerts []alert.Alert) (matchers []alert.Matcher) {
	type group struct {
		rule, account    string
		space, component bool
	}
	subjects := map[group][]phone.Subject{}
	var groups []group
	for _, a := range alerts {
		s := a.Subject
		if len(alerts) > 1 {
			s.PhoneNumber = ""
		}
		g := group{a.Rule, s.Account, s.Space != "", s.Component != ""}
		if subjects[g] == nil {
			groups = append(groups, g)
		}
		subjects[g] = append(subjects[g], s)
	}
	for _, g := range groups {
		matchers = append(matchers, alert.MatchSubjects(g.rule, subjects[g]))
	}
	return matchers
}

// makeButtons receives button presses if there is an app token to receive them
// with, and a Slack to show buttons in.
func (b *Bot) makeButtons() {
	c := &b.config.Slack
	if !c.Buttons() {
		return
	}
	b.buttons = slack.NewButtons(slack.ButtonsOptions{
		Sink: b.slack, API: slack.NewAPI(c.BotToken.Reveal(), c.APIURL, b.transport()), Operator: operator{b.loop},
		AppToken: c.AppToken.Reveal(), URL: c.APIURL, Operators: c.Operators, Ask: b.asker().Answer, May: b.right.Err, Logger: b.log,
	})
}

// asker answers what people ask in Slack.
func (b *Bot) asker() *answers.Asker {
	return &answers.Asker{
		View: b.view, Space: b.directory.Space, Spaces: b.directory.All,
		Cards: card.Maker{Space: b.directory.Space, Silence: b.view.Silence, Link: b.config.HTTP.PublicURL, SettleAfter: b.rules.settleAfter},
	}
}
