// Command pauser keeps marketing campaigns from numbers that should not send: it
// prints "pause" and "resume" with the number; a real one would call the campaign
// tool.
//
// It shows how a consumer reads the current state at its start: the stream's last
// message per subject is the current state of each alert, so a consumer
// that asks for those (DeliverLastPerSubject) needs no memory of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subjects are the alerts that matter here: critical and high ones of a number.
var subjects = []string{"numwatch.v1.alert.critical.>", "numwatch.v1.alert.high.>"}

// event has the needed members of an event.
type event struct {
	Data struct {
		Number *struct{ PhoneNumber string } `json:"number"` // of alerts on a number only
		Drill  bool                          `json:"drill"`
		Alert  struct {
			ID      string `json:"id"`
			State   string `json:"state"` // firing, resolved, ended
			Summary string `json:"summary"`
		} `json:"alert"`
	} `json:"data"`
}

// pauser knows which alerts are open on each number.
type pauser struct {
	out  io.Writer
	open map[string]map[string]bool // number → ids of alerts
}

// apply updates the open alerts, and pauses or resumes the number if needed. Applying the
// same event twice is harmless.
func (p *pauser) apply(e *event) error {
	if e.Data.Number == nil || e.Data.Drill {
		return nil
	}
	number, a := e.Data.Number.PhoneNumber, e.Data.Alert
	paused := len(p.open[number]) > 0
	if p.open[number] == nil {
		p.open[number] = map[string]bool{}
	}
	if a.State == "firing" {
		p.open[number][a.ID] = true
	} else {
		delete(p.open[number], a.ID)
	}
	var err error
	switch now := len(p.open[number]) > 0; {
	case now && !paused:
		_, err = fmt.Fprintf(p.out, "pause %s: %s\n", number, a.Summary)
	case !now && paused:
		_, err = fmt.Fprintf(p.out, "resume %s\n", number)
	}
	return err
}

// run follows the alerts until ctx ends.
func run(ctx context.Context, url string, out io.Writer) error {
	conn, err := nats.Connect(url, nats.Name("campaign pauser"), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, "NUMWATCH", jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return fmt.Errorf("following the stream NUMWATCH: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	p := &pauser{out: out, open: map[string]map[string]bool{}}
	for {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("following the stream NUMWATCH: %w", err)
		}
		var e event
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			return fmt.Errorf("an event on %s: %w", m.Subject(), err)
		}
		if err := p.apply(&e); err != nil {
			return err
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv("NATS_URL"), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
