package slack

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"numwatch/alert"
	"numwatch/notify/card"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// actionPrefix tells the bot's buttons from those of anything else.
const actionPrefix = "numwatch-"

// maxName is how much is shown of the name of who pressed.
const maxName = 60

// buttons are those of a message that lists the alerts: none once all of them are
// closed, and no card.Acknowledge once all that are open are acknowledged.
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
	if strings.HasPrefix(message, alert.IncidentPrefix) { // of an answer: see Answer
		all := s.alertsOf(strings.Split(message, ","))
		return card.Open(all), len(all) > 0
	}
	m, known := s.o.State.Message(message)
	if !known {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return card.Open(s.plan.members(m)), true
}

func (s *Sink) alertsOf(incidents []string) (all []alert.Alert) {
	for _, id := range incidents {
		for _, a := range s.o.State.AlertsOf(id) {
			all = append(all, *a)
		}
	}
	card.SortWorstFirst(all)
	return all
}

// actions are the buttons of a message as a block. They carry the message's id:
// which alerts it lists is known here. Slack makes up the block's id, a new one
// with every edit.
func (m *Outgoing) actions() []slack.Block {
	if m.ID == "" || len(m.Card.Buttons) == 0 {
		return nil
	}
	var elements []slack.BlockElement
	for _, b := range m.Card.Buttons {
		elements = append(elements, slack.NewButtonBlockElement(actionPrefix+string(b), m.ID, slack.NewTextBlockObject(slack.PlainTextType, b.Label(m.Card.Language), false, false)))
	}
	return []slack.Block{slack.NewActionBlock("", elements...)}
}

// Press is a press of a button.
type Press struct {
	Button  card.Button
	Message string // the opaque id
	User    string // Slack's id
	By      string // the name to be shown, harmless as text
	Channel string // Slack's id
	At      string // Slack's stamp of the press
	Reply   string // of an answer that only who asked sees: where it can be replied to, a secret
}

// pressOf reads Slack's report of a press; false if it is not one of the bot's
// buttons.
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
	if strings.HasPrefix(p.Message, alert.IncidentPrefix) {
		p.Reply = c.ResponseURL
	}
	return p, ours && p.Button.Known() && p.Message != "" && p.By != ""
}

const (
	pressWithin  = 30 * time.Second // to carry out a press
	answerWithin = 10 * time.Second
	maxQueued    = 100
)

// Operator does what buttons ask for. Implementations must be safe for
// concurrent use, and return once it is committed.
type Operator interface {
	// Ack acknowledges the alerts.
	Ack(ctx context.Context, alerts []alert.Alert, by string) error
	// Silence holds back the alerts, and what is like them, for a time.
	Silence(ctx context.Context, alerts []alert.Alert, length time.Duration, by string) error
}

// ButtonsOptions configures what happens when people press buttons.
type ButtonsOptions struct {
	Sink      *Sink // shows the messages; made with Buttons set
	API       *API  // answers in private
	Operator  Operator
	AppToken  string   // for Socket Mode, of the scope connections:write
	URL       string   // of the Web API; "": Slack's own
	Operators []string // ids of the users who may press, and ask; empty: everybody
	// Ask answers the command /numwatch; it must be quick. Nil: nothing can be asked.
	Ask func(question string) Answer
	// May is asked before Slack is told anything: without it nothing is acknowledged, and Slack says that the
	// press failed. Nil: always.
	May    func() error
	Logger *slog.Logger // nil: none
}

// Answer is the answer to a question. Its buttons are for the open alerts of some
// incidents, whose ids they carry: no message is stored of it.
type Answer struct {
	Card      *card.Card
	Incidents []string
}

// Buttons receives button presses through Socket Mode, and passes them to the
// Operator. If nothing can be done, only the person who pressed is told why.
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
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var err error
	switch {
	case p.Reply != "": // whose change nobody sees
		err = b.o.API.Respond(ctx, p.Reply, cmp.Or(refused, "Done: "+p.Button.Label(phone.English)+"."))
	case refused != "":
		err = b.o.API.PostPrivately(ctx, p.Channel, p.User, refused)
	}
	if err != nil {
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

// languageOf is the language of a message's channel; English if it is not known.
func (s *Sink) languageOf(message string) phone.Language {
	m, known := s.o.State.Message(message)
	if !known {
		return phone.English
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels {
		if c.Name == m.Channel {
			return c.Language
		}
	}
	return phone.English
}

func (b *Buttons) operates(user string) bool {
	return len(b.o.Operators) == 0 || slices.Contains(b.o.Operators, user)
}

// perform carries out a press, or says why not.
func (b *Buttons) perform(ctx context.Context, p Press) (refused string) {
	say := wording.In(b.o.Sink.languageOf(p.Message)).Press
	if !b.operates(p.User) {
		return say.Operators
	}
	open, known := b.o.Sink.openIn(p.Message)
	switch {
	case !known:
		return say.Unknown
	case len(open) == 0:
		return say.Closed
	}
	ctx, cancel := context.WithTimeout(ctx, pressWithin)
	defer cancel()
	var err error
	if length := p.Button.Silence(); length > 0 {
		err = b.o.Operator.Silence(ctx, open, length, p.By)
	} else if free := unacknowledged(open); len(free) > 0 {
		err = b.o.Operator.Ack(ctx, free, p.By)
	} else {
		return say.Taken(card.Plain(open[0].Ack.By, maxName))
	}
	if err != nil {
		b.log.Warn("the action of a button failed", "button", string(p.Button), "message", p.Message, "err", err)
		return say.Failed(err.Error())
	}
	return ""
}
