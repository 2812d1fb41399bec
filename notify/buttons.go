package notify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"numwatch/alert"
)

// Button is what people can press on a message that lists open alerts.
type Button string

// The buttons.
const (
	Acknowledge Button = "acknowledge"
	SilenceHour Button = "silence-1h"
	SilenceDay  Button = "silence-1d"
)

// actionPrefix tells the bot's buttons from those of anything else.
const actionPrefix = "numwatch-"

// maxName is how much is shown of the name of who pressed.
const maxName = 60

func (b Button) label() string {
	switch b {
	case Acknowledge:
		return "Acknowledge"
	case SilenceHour:
		return "Silence 1 h"
	default:
		return "Silence 1 day"
	}
}

func (b Button) known() bool { return b == Acknowledge || b.silence() > 0 }

// silence is how long the button silences; 0: it does not.
func (b Button) silence() time.Duration {
	switch b {
	case SilenceHour:
		return time.Hour
	case SilenceDay:
		return 24 * time.Hour
	default:
		return 0
	}
}

// buttons are those of a message that lists the alerts: none once all of them
// are closed, and no Acknowledge once somebody takes care of all that are open.
func (s *Slack) buttons(alerts []alert.Alert) []Button {
	open := openOf(alerts)
	switch {
	case !s.pressable || len(open) == 0:
		return nil
	case len(untaken(open)) == 0:
		return []Button{SilenceHour, SilenceDay}
	default:
		return []Button{Acknowledge, SilenceHour, SilenceDay}
	}
}

func openOf(alerts []alert.Alert) []alert.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert.Alert) bool { return a.State.Closed() })
}

func untaken(alerts []alert.Alert) []alert.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert.Alert) bool { return a.Ack != nil })
}

// openIn returns the open alerts that a message lists; known is false where
// there is no such message.
func (s *Slack) openIn(message string) (open []alert.Alert, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.board.messages[message]
	if r == nil {
		return nil, false
	}
	return openOf(s.board.listed(r)), true
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
		elements = append(elements, slack.NewButtonBlockElement(actionPrefix+string(b), m.ID, plainObject(b.label())))
	}
	return []slack.Block{slack.NewActionBlock("", elements...)}
}

// Press is a button that somebody pressed.
type Press struct {
	Button  Button
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
		Button: Button(name), Message: a.Value, User: c.User.ID, Channel: cmp.Or(c.Channel.ID, c.Container.ChannelID), At: a.ActionTs,
		By: cmp.Or(plain(c.User.Name, maxName), plain(c.User.RealName, maxName), plain(c.User.ID, maxName)),
	}
	return p, ours && p.Button.known() && p.Message != "" && p.By != ""
}
