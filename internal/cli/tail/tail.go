// Package tail is the command that follows the events on NATS, and the follower that
// prints them in the demo. It imports command, config, and names of notify/jetstream;
// only cli imports it.
package tail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/notify/jetstream"
	"numwatch/phone"
)

type Command struct {
	command.Output
	NATS string `name:"nats" placeholder:"URL" help:"URL of NATS (default: $$NUMWATCH_NATS_URL, or what config.yaml in this folder says with its login, or nats://127.0.0.1:4222). The token is $$NUMWATCH_NATS_TOKEN."`
	login
	Stream string        `placeholder:"NAME" help:"Name of the stream (default: that of config.yaml, or NUMWATCH)."`
	Since  time.Duration `help:"Start this long ago, such as 1h (default: only new events)."`
	All    bool          `help:"Start with the oldest event in the stream."`
	// Subject is last: it is the argument.
	Subject string `arg:"" optional:"" default:"numwatch.v1.>" help:"Subjects to follow, such as 'numwatch.v1.alert.critical.>'."`
}

// Run follows the stream until ctx ends.
func (c *Command) Run(ctx context.Context, p *command.Program) error {
	url, token, err := c.find(p)
	if err != nil {
		return err
	}
	options, err := c.options(token)
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
		return printEvent(p, subject, data)
	})
}

// find returns the server's URL and token, and fills in the stream and, where they are
// those of the configuration, the files of the login.
func (c *Command) find(p *command.Program) (url, token string, err error) {
	url, token = cmp.Or(c.NATS, p.Getenv("NUMWATCH_NATS_URL")), p.Getenv("NUMWATCH_NATS_TOKEN")
	reach, err := config.Reach(command.ConfigName, p.Env)
	if err != nil && url == "" {
		return "", "", err
	}
	if reach == nil {
		c.Stream = cmp.Or(c.Stream, "NUMWATCH")
		return cmp.Or(url, nats.DefaultURL), token, nil
	}
	n := &reach.NATS
	c.Stream = cmp.Or(c.Stream, n.Stream)
	if url != "" {
		return url, token, nil
	}
	if url = n.ClientURL(); url == "" {
		return "", "", errors.New(command.ConfigName + " does not say where NATS is: nats.listen has no port; give its URL with --nats or NUMWATCH_NATS_URL")
	}
	c.from(n)
	return url, cmp.Or(token, n.Token.Reveal()), nil
}

func (c *Command) begin() natsjs.OrderedConsumerConfig {
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
		return nil, fmt.Errorf("there is no stream %s at %s: has a bot published there yet? Set --stream for another", stream, jetstream.ShownServers(conn.ConnectedUrl()))
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
			Transition string        `json:"transition"`
			Summary    string        `json:"summary"`
			Severity   string        `json:"severity"`
			Reason     *alert.Reason `json:"reason"`
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
func printEvent(p *command.Program, subject string, data []byte) error {
	var e published
	if err := json.Unmarshal(data, &e); err != nil {
		_, err = fmt.Fprintf(p.Stdout, "%s  %s  (not a numwatch event: %v)\n", time.Now().Format(time.TimeOnly), alert.Plain(subject), err)
		return err
	}
	var what string
	switch {
	case e.Data.Alert != nil && e.Data.Alert.Transition == alert.Explained.String() && e.Data.Alert.Reason != nil:
		what = e.Data.Alert.Transition + ": " + e.Data.Alert.Reason.String()
	case e.Data.Alert != nil:
		what = e.Data.Alert.Transition + ": " + e.Data.Alert.Summary
	case e.Type == jetstream.TypeBot:
		what = e.Data.Text
	default:
		what = fmt.Sprintf("%s → %s", e.shown(e.Data.Old), e.shown(e.Data.New))
	}
	_, err := fmt.Fprintf(p.Stdout, "%s  %s\n%s\n", e.Time.Local().Format(time.TimeOnly), alert.Plain(subject), p.Hanging("          ", alert.Plain(what)))
	return err
}

// Follower prints the alerts that are published, as any consumer on NATS sees them, and
// counts them.
type Follower struct {
	conn   *nats.Conn
	mu     sync.Mutex
	events int
	counts map[string]map[string]int // by transition, then severity
}

// FollowAlerts follows from now on, until Stop.
func FollowAlerts(p *command.Program, url string) (*Follower, error) {
	conn, err := nats.Connect(url, nats.Name("numwatch demo"), nats.MaxReconnects(0))
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	f := &Follower{conn: conn, counts: map[string]map[string]int{}}
	_, err = conn.Subscribe("numwatch.v1.alert.>", func(m *nats.Msg) {
		f.count(m.Data)
		_ = printEvent(p, m.Subject, m.Data)
	})
	if err == nil {
		err = conn.Flush() // the server knows of it
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribing to alerts: %w", err)
	}
	return f, nil
}

// Stop ends it.
func (f *Follower) Stop() { f.conn.Close() }

func (f *Follower) count(data []byte) {
	var e published
	if json.Unmarshal(data, &e) != nil || e.Data.Alert == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events++
	if f.counts[e.Data.Alert.Transition] == nil {
		f.counts[e.Data.Alert.Transition] = map[string]int{}
	}
	f.counts[e.Data.Alert.Transition][e.Data.Alert.Severity]++
}

// Tally says in a sentence what was seen.
func (f *Follower) Tally() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var opened []string
	alerts := 0
	for _, s := range alert.Severities() {
		if n := f.counts[alert.Opened.String()][s]; n > 0 {
			opened, alerts = append(opened, fmt.Sprintf("%d %s", n, s)), alerts+n
		}
	}
	text := phone.Count(alerts, "alert") + " opened"
	if len(opened) > 0 {
		text += " (" + strings.Join(opened, ", ") + ")"
	}
	for _, t := range []alert.Transition{alert.GotWorse, alert.GotBetter, alert.Reopened, alert.WasResolved, alert.WasEnded} {
		n := 0
		for _, c := range f.counts[t.String()] {
			n += c
		}
		if n > 0 {
			text += fmt.Sprintf(", %d %s", n, t)
		}
	}
	return text + ": " + phone.Count(f.events, "event") + " on NATS"
}
