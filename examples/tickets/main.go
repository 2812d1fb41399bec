// Command tickets opens a ticket for each alert and closes it when the alert is
// over: it posts to a ticket system's HTTP API, named by TICKETS_URL.
//
// It shows how to process each alert exactly once: a durable consumer continues
// after the last acknowledged message, a message is acknowledged only after the
// ticket system has answered, and the alert's id, the same from its opening to its
// end, is the ticket's key, so that a repeated call finds its ticket.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type event struct {
	Data struct {
		Drill bool `json:"drill"`
		Alert struct {
			ID, Severity, Transition, State, Summary, Action, Closing string
		} `json:"alert"`
	} `json:"data"`
}

// ticket is what the ticket system stores.
type ticket struct {
	Status string `json:"status"` // open or closed
	Title  string `json:"title"`
	Text   string `json:"text"`
}

// putTicket puts a ticket under the alert's id: a second call changes nothing. A notice
// opens and ends in one event; people close its ticket.
func putTicket(ctx context.Context, tickets string, e *event) error {
	a := e.Data.Alert
	t := ticket{Status: "open", Title: a.Severity + ": " + a.Summary, Text: a.Action}
	if a.State != "firing" && a.Transition != "opened" {
		t.Status, t.Text = "closed", a.Closing
	}
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, tickets+"/"+url.PathEscape(a.ID), bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the ticket system answered %s", answer.Status)
	}
	return nil
}

// run follows the alerts until ctx ends.
func run(ctx context.Context, natsURL, tickets string) error {
	conn, err := nats.Connect(natsURL, nats.Name("ticket opener"), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "NUMWATCH", jetstream.ConsumerConfig{
		Durable: "tickets", FilterSubject: "numwatch.v1.alert.>", AckPolicy: jetstream.AckExplicitPolicy,
		MaxAckPending: 1, // in order, or a close could overtake its open
	})
	if err != nil {
		return fmt.Errorf("creating the consumer: %w", err)
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		var e event
		if err := json.Unmarshal(m.Data(), &e); err != nil || e.Data.Drill {
			_ = m.Term() // a drill, or not an event: no retry can help
			return
		}
		if e.Data.Alert.Transition == "settled" { // it changes no state
			_ = m.Ack()
			return
		}
		if err := putTicket(ctx, tickets, &e); err != nil {
			log.Printf("alert %s: %v; retrying", e.Data.Alert.ID, err)
			_ = m.NakWithDelay(time.Second)
			return
		}
		_ = m.Ack() // if it is lost the message is delivered again, and finds its ticket
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	consuming.Stop()
	<-consuming.Closed()
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv("NATS_URL"), os.Getenv("TICKETS_URL")); err != nil {
		log.Fatal(err)
	}
}
