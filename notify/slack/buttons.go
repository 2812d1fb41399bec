package slack

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

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

const (
	pressWithin  = 30 * time.Second // to do what a button asks for
	answerWithin = 10 * time.Second
	maxQueued    = 100
)

// Operator does what buttons ask for. Implementations must be safe for
// concurrent use, and return once it is committed.
type Operator interface {
	// Ack notes who takes care of the alerts.
	Ack(ctx context.Context, alerts []alert.Alert, by string) error
	// Silence holds back the alerts, and what is like them, for a time.
	Silence(ctx context.Context, alerts []alert.Alert, length time.Duration, by string) error
}

// ButtonsOptions configures what happens when people press buttons.
type ButtonsOptions struct {
	Sink      *Sink // shows the messages; made with Buttons set
	API       *API  // answers in private
	Operator  Operator
	AppToken  string       // for Socket Mode, of the scope connections:write
	URL       string       // of the Web API; "": Slack's own
	Operators []string     // ids of the users who may press; empty: everybody
	Logger    *slog.Logger // nil: none
}

// Buttons learns through Socket Mode which buttons people press, and has the
// Operator do it. Where nothing can be done, only who pressed is told why.
type Buttons struct {
	o      ButtonsOptions
	log    *slog.Logger
	queue  chan Press
	recent []string // presses that were done, as Slack may tell of one twice

	failingSince time.Time // of the socket; zero: it works
}

// NewButtons returns buttons that do nothing until Run.
func NewButtons(o ButtonsOptions) *Buttons {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Buttons{o: o, log: o.Logger, queue: make(chan Press, maxQueued)}
}

// Run works until ctx ends. Whatever happens to the socket, it comes back to
// it. It is called once.
func (b *Buttons) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { b.work(ctx) })
	b.connect(ctx)
	return nil
}

func (b *Buttons) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-b.queue:
			b.do(ctx, p)
		}
	}
}

func (b *Buttons) do(ctx context.Context, p Press) {
	if b.repeated(p) {
		return
	}
	refused := b.perform(ctx, p)
	b.log.Info("a button was pressed", "button", string(p.Button), "user", p.User, "by", p.By, "message", p.Message, "refused", refused)
	if refused == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := b.o.API.PostPrivately(ctx, p.Channel, p.User, refused); err != nil {
		b.log.Warn("the person who pressed a button could not be answered", "user", p.User, "err", err)
	}
}

func (b *Buttons) repeated(p Press) bool {
	key := p.User + " " + p.At + " " + p.Message
	if p.At == "" || slices.Contains(b.recent, key) {
		return p.At != ""
	}
	b.recent = append(b.recent, key)
	b.recent = b.recent[max(0, len(b.recent)-maxQueued):]
	return false
}

// perform does what a button asks for, or says why not.
func (b *Buttons) perform(ctx context.Context, p Press) (refused string) {
	if len(b.o.Operators) > 0 && !slices.Contains(b.o.Operators, p.User) {
		return "Nothing was done: only the operators may press this, as listed in slack.operators of numwatch's configuration."
	}
	open, known := b.o.Sink.openIn(p.Message)
	switch {
	case !known:
		return "Nothing was done: numwatch does not know this message any more."
	case len(open) == 0:
		return "Nothing was done: the alerts of this message are closed."
	}
	ctx, cancel := context.WithTimeout(ctx, pressWithin)
	defer cancel()
	var err error
	if length := p.Button.Silence(); length > 0 {
		err = b.o.Operator.Silence(ctx, open, length, p.By)
	} else if free := unacknowledged(open); len(free) > 0 {
		err = b.o.Operator.Ack(ctx, free, p.By)
	} else {
		return fmt.Sprintf("Nothing was done: %s has already acknowledged it.", card.Plain(open[0].Ack.By, maxName))
	}
	if err != nil {
		b.log.Warn("the action of a button failed", "button", string(p.Button), "message", p.Message, "err", err)
		return "That did not work: " + err.Error()
	}
	return ""
}
