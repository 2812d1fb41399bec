package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reader reads messages of the stream from its leader. The client library would
// ask any replica where the stream allows direct gets, and a replica may lack
// what was acknowledged a moment ago.
type reader struct {
	nc     *nats.Conn
	stream string
}

// stored is what a message of the stream says about publishing.
type stored struct {
	sequence uint64 // in the stream
	id       string
	acked    uint64 // headerAcked; 0 if there is none
}

type getRequest struct {
	Seq     uint64 `json:"seq,omitempty"`
	LastFor string `json:"last_by_subj,omitempty"`
	NextFor string `json:"next_by_subj,omitempty"`
}

// get returns jetstream.ErrMsgNotFound where there is no such message.
func (r reader) get(ctx context.Context, request getRequest) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return stored{}, err
	}
	subject := jetstream.DefaultAPIPrefix + "STREAM.MSG.GET." + r.stream
	reply, err := r.nc.RequestWithContext(ctx, subject, body)
	if errors.Is(err, context.DeadlineExceeded) {
		return stored{}, fmt.Errorf("its leader does not answer: %w; check that the stream has one, and that the user may publish to %s", err, subject)
	}
	if err != nil {
		return stored{}, err
	}
	return parseStored(reply.Data)
}

func parseStored(answer []byte) (stored, error) {
	var a struct {
		Error   *jetstream.APIError
		Message struct {
			Seq  uint64
			Hdrs []byte
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return stored{}, err
	}
	if a.Error != nil && a.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return stored{}, jetstream.ErrMsgNotFound
	}
	if a.Error != nil {
		return stored{}, a.Error
	}
	m := stored{sequence: a.Message.Seq}
	if len(a.Message.Hdrs) == 0 {
		return m, nil // another program's
	}
	header, err := nats.DecodeHeadersMsg(a.Message.Hdrs)
	if err != nil {
		return stored{}, err
	}
	m.id = header.Get(jetstream.MsgIDHeader)
	m.acked, _ = strconv.ParseUint(header.Get(headerAcked), 10, 64)
	return m, nil
}
