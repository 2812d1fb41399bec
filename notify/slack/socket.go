package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

const (
	ackWithin    = 3 * time.Second // after which Slack calls a press failed
	maxEnvelope  = 1 << 20
	socketLasts  = time.Minute // a connection that lived as long was a good one
	firstRedial  = 100 * time.Millisecond
	slowestDials = 30 * time.Second
)

// connect keeps a connection to Slack until ctx ends. A token that is refused
// is tried again after a while.
func (b *Buttons) connect(ctx context.Context) {
	dials := &dialer{client: &http.Client{Timeout: slackTimeout, Transport: notify.Gated(notify.NewTransport(), b.o.May)}}
	for ctx.Err() == nil {
		err := b.session(ctx, dials)
		if ctx.Err() != nil || errors.Is(err, context.Canceled) {
			continue // ended, or a connection that broke off in the middle of something
		}
		b.failed(ctx, err)
		sleep(ctx, parkFor)
	}
}

// session runs the client, which connects again by itself, until Slack refuses
// the token. The client's own log is dropped: what matters comes as an event.
func (b *Buttons) session(ctx context.Context, dials *dialer) error {
	o := []slack.Option{slack.OptionHTTPClient(dials), slack.OptionAppLevelToken(b.o.AppToken)}
	if b.o.URL != "" {
		o = append(o, slack.OptionAPIURL(strings.TrimSuffix(b.o.URL, "/")+"/"))
	}
	client := socketmode.New(slack.New("", o...),
		socketmode.OptionReadLimit(maxEnvelope), socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, stop := context.WithCancel(ctx)
	var hearing sync.WaitGroup
	defer hearing.Wait()
	defer stop()
	hearing.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-client.Events:
				b.handle(ctx, client, &e)
			}
		}
	})
	return client.RunContext(ctx)
}

func (b *Buttons) handle(ctx context.Context, client *socketmode.Client, e *socketmode.Event) {
	var answer any
	switch data := e.Data.(type) {
	case *slack.ConnectionErrorEvent:
		b.failed(ctx, data.ErrorObj)
	case slack.InteractionCallback:
		if b.o.May != nil && b.o.May() != nil {
			return
		}
		if p, ours := pressOf(&data); ours && !b.enqueue(p) {
			return // who pressed sees that nothing took it
		}
	case slack.SlashCommand:
		if b.o.Ask == nil || b.o.May != nil && b.o.May() != nil {
			return
		}
		answer = b.answer(&data)
	}
	if e.Type == socketmode.EventTypeHello {
		b.worked(ctx)
	}
	if e.Request != nil && e.Request.EnvelopeID != "" {
		ctx, cancel := context.WithTimeout(ctx, ackWithin)
		defer cancel()
		if err := client.AckCtx(ctx, e.Request.EnvelopeID, answer); err != nil {
			b.log.Debug("an envelope of slack could not be acknowledged", "err", err)
		}
	}
}

// maxPayload is how many bytes of an answer Slack takes with an acknowledgement; what is
// longer it drops in silence.
const maxPayload = 18_000

// answer is what Slack shows who asked, and nobody else.
func (b *Buttons) answer(c *slack.SlashCommand) map[string]any {
	a := Answer{Card: &card.Card{
		Mark: card.Mark{Word: "Refused", Color: card.Gray}, Title: "only the operators may ask, as listed in slack.operators of numwatch's configuration",
	}}
	allowed := b.operates(c.UserID)
	if allowed {
		a = b.o.Ask(c.Text)
		a.Card.Buttons = b.o.Sink.buttons(b.o.Sink.alertsOf(a.Incidents))
	}
	b.log.Info("a question was asked", "user", c.UserID, "allowed", allowed)
	out := Outgoing{ID: strings.Join(a.Incidents, ","), Card: a.Card}
	payload := map[string]any{
		"response_type": "ephemeral", "text": a.Card.Text(false), "blocks": append(a.Card.Blocks(), out.actions()...), "unfurl_links": false,
	}
	if text, err := json.Marshal(payload); err != nil || len(text) > maxPayload {
		delete(payload, "blocks")
	}
	return payload
}

func (b *Buttons) enqueue(p Press) bool {
	select {
	case b.queue <- p:
		return true
	default:
		b.log.Warn("too many buttons are pressed at once", "user", p.User)
		return false
	}
}

func (b *Buttons) worked(ctx context.Context) {
	b.failingSince = time.Time{}
	b.log.Info("slack reports button presses")
	b.o.Sink.report(ctx, alert.SinkReport{Component: SocketComponent, Value: phone.OK, At: time.Now()})
}

// failed tells of a connection that does not come about: at once where Slack
// refuses it, and else when that lasts.
func (b *Buttons) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	e := socketError(err)
	if b.failingSince.IsZero() {
		b.failingSince = now
		b.log.Warn("slack cannot report button presses", "err", e)
	}
	refused := e.Class == BadToken || e.Class == Unrecognized
	if refused || now.Sub(b.failingSince) > stuckAfter {
		b.o.Sink.report(ctx, alert.SinkReport{Component: SocketComponent, Value: phone.Parked, Code: e.Code, Reason: e.Error(), At: now})
	}
}

// socketError classifies why there is no connection. Addresses of sockets are
// secrets, so none is named.
func socketError(err error) *PostError {
	if err == nil {
		return &PostError{Err: errors.New("slack apps.connections.open: no connection")}
	}
	e := asPostError(classify("apps.connections.open", err))
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = fmt.Errorf("slack apps.connections.open: %w", u.Err)
	}
	if e.Class == BadToken || e.Class == Unrecognized {
		e.Advice = "check slack.app_token: Socket Mode must be on, and the token needs the scope connections:write"
	}
	return e
}

// dialer sends the requests that open connections, ever more slowly while none
// of these lasts. It belongs to one goroutine.
type dialer struct {
	client   *http.Client
	last     time.Time
	failures int // connections in a row that did not last
}

// Do sends a request.
func (d *dialer) Do(r *http.Request) (*http.Response, error) {
	if d.last.IsZero() || time.Since(d.last) > socketLasts {
		d.failures = 0
	} else {
		if !sleep(r.Context(), notify.Backoff(d.failures, firstRedial, slowestDials)) {
			return nil, r.Context().Err()
		}
		d.failures++
	}
	d.last = time.Now()
	return d.client.Do(r)
}
