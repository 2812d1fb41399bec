package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The types of this file are a consumer's own: they know of events what the
// design says of them, and nothing of the program's code.

type event struct {
	SpecVersion     string    `json:"specversion"`
	Id              string    `json:"id"`
	Source          string    `json:"source"`
	Subject         string    `json:"subject"`
	Type            string    `json:"type"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	DataSchema      string    `json:"dataschema"`
	Data            payload   `json:"data"`
}

type payload struct {
	Account string `json:"account"`
	Space   struct {
		Id     string            `json:"id"`
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"space"`
	Number    map[string]any `json:"number"`
	Field     string         `json:"field"`
	Old       string         `json:"old"`
	New       string         `json:"new"`
	Direction string         `json:"direction"`
	SeenAt    time.Time      `json:"seen_at"`
	RequestId string         `json:"request_id"`
	Baseline  bool           `json:"baseline"`
	Alert     *struct {
		Id         string    `json:"id"`
		Rule       string    `json:"rule"`
		Severity   string    `json:"severity"`
		Transition string    `json:"transition"`
		State      string    `json:"state"`
		Since      time.Time `json:"since"`
		Revision   uint64    `json:"revision"`
		Summary    string    `json:"summary"`
		Action     string    `json:"action"`
	} `json:"alert"`
	Text string `json:"text"` // of the bot's own events
}

// says reports whether the event has a value under a name, such as state or
// tier, a label.
func (e *event) says(name, value string) bool {
	d := &e.Data
	known := map[string]string{
		"type": e.Type, "account": d.Account, "space": d.Space.Name, "field": d.Field, "old": d.Old, "new": d.New,
		"direction": d.Direction, "baseline": strconv.FormatBool(d.Baseline), "text": d.Text,
	}
	if a := d.Alert; a != nil {
		known["rule"], known["severity"], known["transition"], known["state"] = a.Rule, a.Severity, a.Transition, a.State
		known["summary"], known["revision"] = a.Summary, strconv.FormatUint(a.Revision, 10)
	}
	for label, v := range d.Space.Labels {
		known[label] = v
	}
	got, ok := known[name]
	return ok && (got == value || strings.HasPrefix(value, "~") && strings.Contains(got, value[1:]))
}

// receive decodes a message as a consumer would, and holds it to the design.
func receive(subject string, header nats.Header, data []byte) (*event, error) {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	wrong := func(what string) (*event, error) { return nil, fmt.Errorf("%s: %s: %s", subject, what, data) }
	switch {
	case header.Get("Content-Type") != "application/cloudevents+json":
		return wrong("content type " + header.Get("Content-Type"))
	case e.SpecVersion != "1.0" || e.DataContentType != "application/json" || e.DataSchema == "" || e.Time.IsZero():
		return wrong("no CloudEvent of version 1.0")
	case e.Id == "" || e.Id != header.Get("Nats-Msg-Id"):
		return wrong("id and Nats-Msg-Id differ")
	case !strings.HasPrefix(e.Source, "/numwatch"):
		return wrong("source")
	case len(subject) > 256 || strings.ContainsAny(subject, "*> "):
		return wrong("subject")
	case (e.Data.Alert != nil) != strings.HasPrefix(subject, "numwatch.v1.alert."):
		return wrong("an alert and its subject")
	}
	return &e, nil
}

// sequence is the part of an event's id that orders it.
func sequence(e *event) (uint64, error) {
	epoch, digits, ok := strings.Cut(e.Id, "-")
	if !ok || len(epoch) != 6 {
		return 0, fmt.Errorf("id %q is no epoch and sequence", e.Id)
	}
	return strconv.ParseUint(digits, 10, 64)
}

// everything reads the whole stream: each event once, in the order of the log
// for each number.
func everything(ctx context.Context, conn *nats.Conn) (events []*event, raw []jetstream.Msg, err error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, nil, err
	}
	stream, err := js.Stream(ctx, "NUMWATCH")
	if err != nil {
		return nil, nil, err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, nil, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1000))
	if err != nil {
		return nil, nil, err
	}
	defer messages.Stop()
	ids, last := map[string]bool{}, map[string]uint64{}
	for n := stream.CachedInfo().State.Msgs; n > 0; n-- {
		m, err := messages.Next(jetstream.NextMaxWait(startsWithin))
		if err != nil {
			return nil, nil, err
		}
		e, err := receive(m.Subject(), m.Headers(), m.Data())
		if err != nil {
			return nil, nil, err
		}
		seq, err := sequence(e)
		if err != nil {
			return nil, nil, err
		}
		of := e.Source + " " + e.Subject
		if ids[e.Id] || seq <= last[of] {
			return nil, nil, fmt.Errorf("event %s of %s is there twice or out of order", e.Id, of)
		}
		ids[e.Id], last[of] = true, seq
		events, raw = append(events, e), append(raw, m)
	}
	return events, raw, nil
}

// now reads what holds: the last message on a subject, nil if there is none.
func now(ctx context.Context, conn *nats.Conn, subject string) (*event, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, "NUMWATCH")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return receive(m.Subject, m.Header, m.Data)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
