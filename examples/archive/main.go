// Command archive writes every event to a file, one JSON object a line, in the
// order of the stream. It resumes where the file ends.
//
// It shows how to keep a complete copy without duplicates: the file
// itself shows the last event written, because each line has the event's position
// in the stream. A stream that was created again needs a new file.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type line struct {
	Stream uint64          `json:"stream"` // the event's position in the stream
	Event  json.RawMessage `json:"event"`
}

// openArchive opens the file at the end of its last whole line, and returns the
// position in that line; 0 if there is none. Half a line, left by a crash, is cut
// off.
func openArchive(path string) (f *os.File, last uint64, err error) {
	data, err := os.ReadFile(path) // a larger one would be read from its end
	if err != nil && !os.IsNotExist(err) {
		return nil, 0, err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	if len(data) > 0 {
		var l line
		begin := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
		if err := json.Unmarshal(data[begin:], &l); err != nil {
			return nil, 0, fmt.Errorf("the last line of %s: %w", path, err)
		}
		last = l.Stream
	}
	if f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, 0, err
	}
	return f, last, f.Truncate(int64(len(data)))
}

// run archives until ctx ends.
func run(ctx context.Context, url, path string) error {
	f, last, err := openArchive(path)
	if err != nil {
		return fmt.Errorf("opening the archive: %w", err)
	}
	defer f.Close()
	conn, err := nats.Connect(url, nats.Name("archive"), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, "NUMWATCH", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{"numwatch.v1.>"},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: last + 1,
	})
	if err != nil {
		return fmt.Errorf("following the stream NUMWATCH: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("following the stream NUMWATCH: %w", err)
		}
		place, err := m.Metadata()
		if err != nil {
			return err
		}
		text, err := json.Marshal(line{place.Sequence.Stream, m.Data()})
		if err != nil {
			return fmt.Errorf("an event on %s: %w", m.Subject(), err)
		}
		if _, err := f.Write(append(text, '\n')); err != nil {
			return err
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv("NATS_URL"), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
