package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/notify/jetstream"
	"numwatch/phone"
)

type TailCommand struct {
	command.Output
	NATS string `name:"nats" placeholder:"URL" help:"URL of NATS (default: $$NUMWATCH_NATS_URL or nats://127.0.0.1:4222)."`
	login
	Stream string        `default:"NUMWATCH" help:"Name of the stream."`
	Since  time.Duration `help:"Start this long ago, such as 1h (default: only new events)."`
	All    bool          `help:"Start with the oldest event in the stream."`
	// Subject is last: it is the argument.
	Subject string `arg:"" optional:"" default:"numwatch.v1.>" help:"Subjects to follow, such as 'numwatch.v1.alert.critical.>'."`
}

// Run follows the stream until ctx ends.
func (c *TailCommand) Run(ctx context.Context, p *command.Program) error {
	url := cmp.Or(c.NATS, p.Getenv("NUMWATCH_NATS_URL"), nats.DefaultURL)
	options, err := c.options(p.Getenv("NUMWATCH_NATS_TOKEN"))
	if err != nil {
		return err
	}
	conn, err := nats.Connect(url, append(options, nats.Name("numwatch tail"), nats.MaxReconnects(-1))...)
	if err != nil {
		return fmt.Errorf("connecting to NATS at %s: %w; %s", jetstream.ShownServers(url), err, loginAdvice(err))
	}
	defer conn.Close()
	consumer, err := consume(ctx, conn, c.Stream, c.Subject, c.begin())
	if err != nil {
		return err
	}
	if !c.JSON() {
		fmt.Fprintf(p.Stderr, "following %s in stream %s, Ctrl-C ends\n", c.Subject, c.Stream)
	}
	return follow(ctx, consumer, func(subject string, data []byte) error {
		if c.JSON() {
			_, err := fmt.Fprintf(p.Stdout, "%s\n", data)
			return err
		}
		return printEvent(p.Stdout, subject, data)
	})
}

func (c *TailCommand) begin() natsjs.OrderedConsumerConfig {
	switch {
	case c.All:
		return natsjs.OrderedConsumerConfig{DeliverPolicy: natsjs.DeliverAllPolicy}
	case c.Since > 0:
		from := time.Now().Add(-c.Since)
		return natsjs.OrderedConsumerConfig{DeliverPolicy: natsjs.DeliverByStartTimePolicy, OptStartTime: &from}
	default:
		return natsjs.OrderedConsumerConfig{DeliverPolicy: natsjs.DeliverNewPolicy}
	}
}

// consume begins to read a stream, in order.
func consume(ctx context.Context, conn *nats.Conn, stream, subject string, begin natsjs.OrderedConsumerConfig) (natsjs.Consumer, error) {
	js, err := natsjs.New(conn)
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	begin.FilterSubjects = []string{subject}
	consumer, err := js.OrderedConsumer(ctx, stream, begin)
	switch {
	case errors.Is(err, natsjs.ErrStreamNotFound):
		return nil, fmt.Errorf("there is no stream %s at %s: has a bot published there yet? --stream names another", stream, jetstream.ShownServers(conn.ConnectedUrl()))
	case errors.Is(err, natsjs.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("the server at %s has no JetStream: numwatch publishes to a stream", jetstream.ShownServers(conn.ConnectedUrl()))
	case err != nil:
		return nil, fmt.Errorf("following %s: %w", subject, err)
	}
	return consumer, nil
}

// follow hands messages on until ctx ends, which is no error.
func follow(ctx context.Context, consumer natsjs.Consumer, each func(subject string, data []byte) error) error {
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("following the stream: %w", err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("following the stream: %w", err)
		}
		if err := each(m.Subject(), m.Data()); err != nil {
			return err
		}
	}
}

// published is as much of an event as is shown on a line.
type published struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Data struct {
		Field string `json:"field"`
		Old   string `json:"old"`
		New   string `json:"new"`
		Kind  string `json:"kind"`
		Text  string `json:"text"`
		Alert *struct {
			Transition string `json:"transition"`
			Summary    string `json:"summary"`
		} `json:"alert"`
	} `json:"data"`
}

// shown is a value for people: callback URLs, which carry tokens, are redacted.
func (e *published) shown(value string) string {
	if f, ok := phone.ParseField(e.Data.Field); ok {
		value = f.Shown(value)
	}
	return cmp.Or(value, "(none)")
}

// printEvent writes an event: its subject, and below what happened.
func printEvent(w io.Writer, subject string, data []byte) error {
	var e published
	if err := json.Unmarshal(data, &e); err != nil {
		_, err = fmt.Fprintf(w, "%s  %s  (not an event of numwatch: %v)\n", time.Now().Format(time.TimeOnly), alert.Plain(subject), err)
		return err
	}
	var what string
	switch {
	case e.Data.Alert != nil:
		what = e.Data.Alert.Transition + ": " + e.Data.Alert.Summary
	case e.Type == jetstream.TypeBot:
		what = e.Data.Text
	default:
		what = fmt.Sprintf("%s → %s", e.shown(e.Data.Old), e.shown(e.Data.New))
	}
	_, err := fmt.Fprintf(w, "%s  %s\n%s\n", e.Time.Local().Format(time.TimeOnly), alert.Plain(subject), command.Hanging("          ", alert.Plain(what)))
	return err
}

// FollowAlerts prints the alerts that are published from now on, as any consumer on
// NATS sees them, until stop is called.
func FollowAlerts(url string, w io.Writer) (stop func(), err error) {
	conn, err := nats.Connect(url, nats.Name("numwatch demo"), nats.MaxReconnects(0))
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	_, err = conn.Subscribe("numwatch.v1.alert.>", func(m *nats.Msg) { _ = printEvent(w, m.Subject, m.Data) })
	if err == nil {
		err = conn.Flush() // the server knows of it
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribing to alerts: %w", err)
	}
	return conn.Close, nil
}
