package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// reader reads messages of the stream from its leader. The newer interface of
// the client would ask any replica where the stream allows direct gets, and a
// replica may lack what was acknowledged a moment ago.
type reader struct {
	js     nats.JetStreamContext
	stream string
}

// stored is what a message of the stream says about publishing; zero: there is
// no such message.
type stored struct {
	sequence uint64 // in the stream
	id       string
	acked    uint64 // headerAcked; 0 if there is none
}

func newReader(nc *nats.Conn, stream string) (reader, error) {
	js, err := nc.JetStream(nats.MaxWait(askTimeout))
	if err != nil {
		return reader{}, fmt.Errorf("using jetstream: %w", err)
	}
	return reader{js, stream}, nil
}

func (r reader) lastOn(ctx context.Context, subject string) (stored, error) {
	m, err := r.js.GetLastMsg(r.stream, subject, nats.Context(ctx))
	return r.parse(m, "the last message on "+subject, err)
}

func (r reader) at(ctx context.Context, sequence uint64) (stored, error) {
	m, err := r.js.GetMsg(r.stream, sequence, nats.Context(ctx))
	return r.parse(m, fmt.Sprintf("message %d", sequence), err)
}

func (r reader) parse(m *nats.RawStreamMsg, what string, err error) (stored, error) {
	if errors.Is(err, nats.ErrMsgNotFound) {
		return stored{}, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("its leader does not answer: %w; check that it has one, and that the user may publish to $JS.API.STREAM.MSG.GET.%s", err, r.stream)
	}
	if err != nil {
		return stored{}, fmt.Errorf("reading %s in stream %s: %w", what, r.stream, err)
	}
	acked, _ := strconv.ParseUint(m.Header.Get(headerAcked), 10, 64)
	return stored{sequence: m.Sequence, id: m.Header.Get(nats.MsgIdHdr), acked: acked}, nil
}
