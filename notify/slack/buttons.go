package slack

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"numwatch/alert"
	"numwatch/notify/card"
)

// actionPrefix tells the bot's buttons from those of anything else.
const actionPrefix = "numwatch-"

// maxName is how much is shown of the name of who pressed.
const maxName = 60

// buttons are those of a message that lists the alerts: none once all of them
// are closed, and no card.Acknowledge once somebody takes care of all that are open.
func (s *Sink) buttons(alerts []alert.Alert) []card.Button {
	open := card.Open(alerts)
	switch {
	case !s.o.Buttons || len(open) == 0:
		return nil
	case len(unacknowledged(open)) == 0:
		return []card.Button{card.SilenceHour, card.SilenceDay}
	default:
		return []card.Button{card.Acknowledge, card.SilenceHour, card.SilenceDay}
	}
}

func unacknowledged(alerts []alert.Alert) []alert.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert.Alert) bool { return a.Ack != nil })
}

// openIn returns the open alerts that a message lists; known is false where
// there is no such message.
func (s *Sink) openIn(message string) (open []alert.Alert, known bool) {
	m, known := s.o.State.Message(message)
	if !known {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return card.Open(s.plan.members(m)), true
}

// actions are the buttons of a message as a block. They carry the message's id:
// which alerts it lists is known here. Slack makes up the block's id, anew with
// every edit.
func (m *Outgoing) actions() []slack.Block {
	if m.ID == "" || len(m.Card.Buttons) == 0 {
		return nil
	}
	var elements []slack.BlockElement
	for _, b := range m.Card.Buttons {
		elements = append(elements, slack.NewButtonBlockElement(actionPrefix+string(b), m.ID, slack.NewTextBlockObject(slack.PlainTextType, b.Label(), false, false)))
	}
	return []slack.Block{slack.NewActionBlock("", elements...)}
}

// Press is a button that somebody pressed.
type Press struct {
	Button  card.Button
	Message string // the opaque id
	User    string // Slack's id
	By      string // the name to be shown, harmless as text
	Channel string // Slack's id
	At      string // Slack's stamp of the press
}

// pressOf reads what Slack tells of a press; false where it is none of the
// bot's buttons.
func pressOf(c *slack.InteractionCallback) (Press, bool) {
	if c.Type != slack.InteractionTypeBlockActions || len(c.ActionCallback.BlockActions) == 0 || c.User.ID == "" {
		return Press{}, false
	}
	a := c.ActionCallback.BlockActions[0]
	name, ours := strings.CutPrefix(a.ActionID, actionPrefix)
	p := Press{
		Button: card.Button(name), Message: a.Value, User: c.User.ID, Channel: cmp.Or(c.Channel.ID, c.Container.ChannelID), At: a.ActionTs,
		By: cmp.Or(card.Plain(c.User.Name, maxName), card.Plain(c.User.RealName, maxName), card.Plain(c.User.ID, maxName)),
	}
	return p, ours && p.Button.Known() && p.Message != "" && p.By != ""
}
