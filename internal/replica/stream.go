package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numwatch/internal/reconnect"
)

const askWithin = reconnect.Within

// stream is the log's stream, in which any request may go unanswered.
type stream struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	name    string
	subject string
	server  *reconnect.Patience
}

func newStream(nc *nats.Conn, set string) (*stream, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(askWithin))
	if err != nil {
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	return &stream{nc: nc, js: js, name: StreamName(set), subject: "numwatch.log." + set, server: reconnect.New(nc)}, nil
}

// StreamName is the name of the stream that holds the log of a set of replicas.
func StreamName(set string) string { return "NUMWATCH_LOG_" + set }

// open makes the stream where it is missing and may be made (create, Options.Create), and refuses one that is not fit to
// be the log.
func (s *stream) open(ctx context.Context, o *Options, create bool) error {
	info, err := s.look(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) && create && o.Create {
		making, cancel := context.WithTimeout(ctx, 5*askWithin)
		defer cancel()
		made, err := s.js.CreateStream(making, jetstream.StreamConfig{
			Name: s.name, Subjects: []string{s.subject},
			Description: "The log of numwatch's replicas: not to be changed by hand",
			Retention:   jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
			Replicas: o.StreamReplicas, MaxBytes: o.MaxBytes, DenyDelete: true,
		})
		if err != nil {
			return fmt.Errorf("creating stream %s with %d MiB (replicas.max_bytes) on each of %d servers (replicas.stream_replicas): %w",
				s.name, o.MaxBytes>>20, o.StreamReplicas, err)
		}
		return fits(made.CachedInfo().Config)
	}
	if err != nil {
		return fmt.Errorf("opening stream %s: %w", s.name, err)
	}
	return fits(info.Config)
}

// look returns what the stream's leader says of it, or reconnect.ErrNoLeader.
func (s *stream) look(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := s.server.Asking(ctx)
	defer cancel()
	got, err := s.js.Stream(ctx, s.name)
	if err == nil {
		err = reconnect.Led(got.CachedInfo())
	}
	s.server.Answered(err)
	if err != nil {
		return nil, err
	}
	return got.CachedInfo(), nil
}

func fits(c jetstream.StreamConfig) error {
	switch {
	case c.Retention != jetstream.LimitsPolicy || c.MaxAge > 0 || c.MaxMsgs > 0 || c.MaxMsgsPerSubject > 0:
		return fmt.Errorf("stream %s deletes records by itself: "+
			"it needs limits retention, and no limit of age or number", c.Name)
	case c.Discard != jetstream.DiscardNew:
		return fmt.Errorf("stream %s deletes old records when it is full: it needs the discard policy new", c.Name)
	case c.NoAck || c.Storage != jetstream.FileStorage:
		return fmt.Errorf("stream %s has to acknowledge, and to keep its records in files", c.Name)
	default:
		return nil
	}
}

// publish sends a record once, to become the one behind last, and returns the sequence that it got.
func (s *stream) publish(ctx context.Context, record []byte, last uint64) (uint64, error) {
	ctx, cancel := s.server.Asking(ctx)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: s.subject, Data: record},
		jetstream.WithExpectStream(s.name), jetstream.WithExpectLastSequence(last), jetstream.WithRetryAttempts(0))
	s.server.Answered(err)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// get reads the record at a sequence.
func (s *stream) get(ctx context.Context, seq uint64) lookup {
	return s.ask(ctx, fmt.Sprintf(`{"seq":%d}`, seq))
}

// ask reads a record through the stream's leader.
func (s *stream) ask(ctx context.Context, question string) lookup {
	ctx, cancel := s.server.Asking(ctx)
	defer cancel()
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	m, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+s.name, []byte(question))
	if err == nil {
		err = json.Unmarshal(m.Data, &answer)
	}
	if err == nil && answer.Error != nil {
		err = answer.Error
	}
	s.server.Answered(err)
	switch {
	case err == nil:
		return lookup{record: answer.Message.Data, seq: answer.Message.Seq}
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return lookup{}
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return lookup{gone: true}
	default:
		return lookup{err: fmt.Errorf("reading stream %s (%s): %w", s.name, question, err)}
	}
}

// find reads the record at a position or, where that was purged, the first one behind it. What is in the log the leader
// alone says; how an empty one ended may come from a server that is behind.
func (s *stream) find(ctx context.Context, seq uint64) lookup {
	seq = max(seq, 1)
	l := s.ask(ctx, fmt.Sprintf(`{"seq":%d,"next_by_subj":">"}`, seq))
	if l.err != nil || l.gone || l.record != nil {
		return l
	}
	info, err := s.look(ctx)
	switch {
	case err != nil:
		return lookup{err: fmt.Errorf("looking at stream %s: %w", s.name, err)}
	case info.State.Msgs > 0 && info.State.LastSeq >= seq:
		return lookup{err: fmt.Errorf("stream %s was said to end at record %d, but its leader has none from %d on", s.name, info.State.LastSeq, seq)}
	default:
		return lookup{last: info.State.LastSeq}
	}
}

// purge removes the records below a sequence.
func (s *stream) purge(ctx context.Context, below uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*askWithin)
	defer cancel()
	got, err := s.js.Stream(ctx, s.name)
	if err == nil {
		err = got.Purge(ctx, jetstream.WithPurgeSequence(below))
	}
	if err != nil {
		return fmt.Errorf("purging stream %s: %w", s.name, err)
	}
	return nil
}
