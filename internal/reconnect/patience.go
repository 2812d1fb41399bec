// Package reconnect has a client of NATS leave a server that is cut off from its cluster. The client would stay connected to
// it, and see time-outs, 10008, or, where that server led a stream, answers to reads, while nothing is stored.
package reconnect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// Within is how long an answer may take at first.
	Within = time.Second
	// patientWithin is how long an answer may take where it turned out that other servers are no faster.
	patientWithin = 4 * time.Second
	// after is for how many times as long nothing may be answered before another server is tried.
	after = 3
)

// codeNoLeader is what a server says that knows of no leader of the cluster: it may be cut off from the others, which have
// one.
const codeNoLeader jetstream.ErrorCode = 10008

// ErrNoLeader is that of a stream without a leader.
var ErrNoLeader = fmt.Errorf("it has no leader: are most of its servers up? (%w)", &jetstream.APIError{
	Code: http.StatusServiceUnavailable, ErrorCode: codeNoLeader, Description: "no leader",
})

// Led returns ErrNoLeader for what is said of a stream that has none: any server answers then, from a copy that may be
// behind.
func Led(info *jetstream.StreamInfo) error {
	if info.Cluster != nil && info.Cluster.Leader == "" {
		return ErrNoLeader
	}
	return nil
}

// Patience decides when a connection goes to another server. It is for one goroutine.
type Patience struct {
	nc     *nats.Conn
	silent time.Time // since when nothing was answered; zero: the last question was
	asked  time.Time // the last question
	left   time.Time // when another server was tried last
	// within is how long an answer may take. Servers that are all slow must get the time to answer: else each question
	// would be given up, and its connection left, just before.
	within time.Duration
}

// New returns the patience with the server of a connection.
func New(nc *nats.Conn) *Patience { return &Patience{nc: nc, within: Within} }

// Asking returns a context for a question.
func (p *Patience) Asking(ctx context.Context) (context.Context, context.CancelFunc) {
	p.asked = time.Now()
	return context.WithTimeout(ctx, p.within)
}

// Answered keeps account of questions without answers, and tries another server after some time.
func (p *Patience) Answered(err error) {
	var refused *jetstream.APIError
	switch {
	case err == nil, errors.As(err, &refused) && refused.ErrorCode != codeNoLeader:
		p.silent = time.Time{}
		p.within = min(p.within, max(Within, 2*time.Since(p.asked)))
	case p.silent.IsZero():
		p.silent = time.Now()
	case time.Since(p.silent) > after*p.within:
		p.elsewhere()
	}
}

// Undecided tries another server where a message has not been stored for some time, whatever is answered: a server that led
// the stream and is cut off from the others goes on answering reads from what it has, and takes nothing.
func (p *Patience) Undecided(since time.Time) {
	if time.Since(since) > after*p.within {
		p.elsewhere()
	}
}

// elsewhere tries another server, unless it has just done so.
func (p *Patience) elsewhere() {
	if time.Since(p.left) <= after*p.within {
		return
	}
	p.left, p.silent = time.Now(), time.Now()
	p.within = min(2*p.within, patientWithin)
	_ = p.nc.ForceReconnect() // it fails where the connection is being made already
}
