package replica

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"numwatch/store"
	"numwatch/store/maintain"
)

// Role is what a replica does.
type Role string

const (
	Joining Role = "joining" // finds its place in the log
	Standby Role = "standby" // follows the log
	Leading Role = "leader"
	Halted  Role = "halted" // somebody must act: see Status.Why
)

// Why a replica is halted.
const (
	WhyAhead     = "ahead"
	WhyForeign   = "foreign"
	WhyNewer     = "newer_format"
	WhyUnmatched = "emptied"
)

const (
	pollEvery   = 50 * time.Millisecond // how often a standby looks for the next record, at least
	retryAfter  = 50 * time.Millisecond
	fullAfter   = time.Second
	recheck     = 5 * time.Second // of a replica that is halted
	releaseIn   = 2 * time.Second
	tempSuffix  = ".joining"
	backupPath  = "/api/v1/backup"
	maxReleased = 50 * time.Millisecond
)

// Both end a term.
var (
	// errFenced: another replica's record is in the log.
	errFenced = fmt.Errorf("another replica has written to the log: %w", store.ErrFenced)
	// errRejoin sends a replica back to find its place in the log.
	errRejoin = fmt.Errorf("the log no longer continues what was read of it: %w", store.ErrFenced)
)

// halt is a state that only people, or a change of the stream, can end.
type halt struct{ why, text string }

func (h *halt) Error() string { return h.text }

// Options of a node.
type Options struct {
	Name           string // of the set
	Member         Member // this replica, without its digest
	Digest         func() string
	Path           string // of the store
	Lease          time.Duration
	Margin         time.Duration // 0: what the lease needs
	StreamReplicas int
	MaxBytes       int64
	Create         bool // the stream, where it is missing
	Connect        func() (*nats.Conn, error)
	Token          string       // of the HTTP APIs of the replicas
	HTTP           *http.Client // to get the store of another replica
	Damaged        func(store.DamagedError)
	// Lead runs the bot while this replica leads. It returns when ctx ends: the process is to
	// stop, or another replica leads, which a commit says first with store.ErrFenced.
	Lead func(ctx context.Context, t Term) error
	Log  *slog.Logger
}

// Term is a time of leading.
type Term struct {
	Number uint64
	Store  *Store
	Right  *Right
	// Released: the leader before gave its right away, and nothing of what it did is in doubt.
	Released bool
}

// Node is one replica.
type Node struct {
	o      Options
	writer string        // see header.Writer
	length time.Duration // of a right
	right  atomic.Pointer[Right]
	codec  *codec
	log    *slog.Logger

	appending sync.Mutex // held by whoever appends, or follows
	stream    *stream
	chain     *chain
	store     *store.Store
	unapplied *unapplied

	mu      sync.Mutex
	status  Status
	members map[string]Report
	changed chan struct{} // has the report sent
	over    func()        // ends the term in an orderly way; nil while this replica does not lead
	counts  counts
}

// Status is the state of a replica.
type Status struct {
	Role    Role   `json:"role"`
	Why     string `json:"why,omitempty"`  // it is halted, as a word
	Text    string `json:"text,omitempty"` // the same for people, or what it is waiting for
	Term    uint64 `json:"term"`
	Leader  string `json:"leader,omitempty"` // id
	Seq     uint64 `json:"seq"`              // the last record that was read
	Applied uint64 `json:"applied"`          // and that is in the store
	// LogWorks: the log can be read, and took the last record that this replica had for it.
	LogWorks bool `json:"log_works"`
}

// New returns a node that Run starts.
func New(o Options) *Node {
	if o.Digest == nil {
		o.Digest = func() string { return "" }
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	n := &Node{
		o: o, writer: o.Member.ID + "/" + rand.Text()[:8], length: o.Lease - cmp.Or(o.Margin, margin(o.Lease)),
		codec: newCodec(), log: o.Log,
		status: Status{Role: Joining}, members: map[string]Report{}, changed: make(chan struct{}, 1),
	}
	n.right.Store(newRight(n.length, clock))
	return n
}

// renewRight replaces the right with one that nothing from an earlier term holds.
func (n *Node) renewRight() *Right {
	right := newRight(n.length, clock)
	n.counts.suspended.Add(int64(n.right.Swap(right).Suspended()))
	return right
}

// Status returns the state of the replica.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.status
}

func (n *Node) set(change func(*Status)) {
	n.mu.Lock()
	before := n.status
	change(&n.status)
	changed := n.status.Role != before.Role || n.status.Why != before.Why || n.status.Term != before.Term
	now := n.status
	n.mu.Unlock()
	if !changed {
		return
	}
	n.log.Info("replica", "role", now.Role, "why", now.Why, "term", now.Term, "leader", now.Leader, "seq", now.Seq)
	n.wake()
}

// Run joins, follows and leads until ctx ends, or the store cannot be used.
func (n *Node) Run(ctx context.Context) error {
	nc, err := n.o.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	if n.stream, err = newStream(nc, n.o.Name); err != nil {
		return err
	}
	reports := n.startReports(ctx, nc)
	defer reports.Wait()
	for ctx.Err() == nil {
		err := n.round(ctx)
		stopped := new(halt)
		switch {
		case ctx.Err() != nil:
		case err == nil, errors.Is(err, errRejoin):
		case errors.Is(err, errFenced):
			n.log.Warn("another replica leads", "err", err)
		case errors.Is(err, errNewer):
			n.halted(ctx, &halt{WhyNewer, err.Error()})
		case errors.As(err, &stopped):
			n.halted(ctx, stopped)
		case store.Corrupt(err):
			n.log.Error("the store is damaged", "err", err)
			if err := n.setAside("damaged"); err != nil {
				return err
			}
		default:
			return errors.Join(err, n.closeStore())
		}
	}
	return n.closeStore()
}

// halted says what is wrong and waits before the log is looked at again.
func (n *Node) halted(ctx context.Context, h *halt) {
	if n.Status().Why != h.why {
		n.log.Error("the replica is halted", "why", h.why, "err", h.text)
	}
	n.set(func(s *Status) { s.Role, s.Why, s.Text = Halted, h.why, h.text })
	// Closed, so that numwatch replicas can be used while the process runs.
	if err := n.closeStore(); err != nil {
		n.log.Error("the store could not be closed", "err", err)
	}
	pause(ctx, recheck)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// round goes once through the roles.
func (n *Node) round(ctx context.Context) error {
	if err := n.join(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	n.set(func(s *Status) { s.Role, s.Why, s.Text = Standby, "", "" })
	released, err := n.follow(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	return n.lead(ctx, released)
}

func (n *Node) openStore(epoch string) error {
	if n.store != nil {
		return nil
	}
	s, err := store.Open(n.o.Path, store.Options{Damaged: n.o.Damaged, Epoch: epoch})
	if err == nil {
		n.useStore(s)
	}
	return err
}

func (n *Node) closeStore() error {
	s := n.store
	if s == nil {
		return nil
	}
	n.useStore(nil)
	return s.Close()
}

// useStore sets what Backup reads, too.
func (n *Node) useStore(s *store.Store) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.store = s
}

// Backup writes the store as it is, with its position, from which another replica can go on.
func (n *Node) Backup(w io.Writer) (int64, error) {
	n.mu.Lock()
	s := n.store
	n.mu.Unlock()
	if s == nil || s.Position() == (store.Position{}) {
		return 0, errors.New("this replica has no store yet")
	}
	return s.Backup(w)
}

// apply puts what a record says into the store.
func (n *Node) apply(l link) error {
	if !l.whole {
		return nil
	}
	var redo []byte
	if l.chunks != nil {
		var err error
		if redo, err = n.codec.redo(l.chunks); err != nil {
			return fmt.Errorf("record %d: %w", n.chain.seq, err)
		}
	}
	return n.store.Apply(redo, n.chain.position())
}

// progress shows where the replica is in the log.
func (n *Node) progress(works bool) {
	n.set(func(s *Status) {
		s.Seq, s.Term, s.Leader, s.LogWorks = n.chain.seq, n.chain.term, memberOf(n.chain.leader), works
		s.Applied = n.store.Position().Seq
	})
}

// follow applies records until this replica may try to lead.
func (n *Node) follow(ctx context.Context) (released bool, err error) {
	n.appending.Lock()
	defer n.appending.Unlock()
	q := quiet{heard: clock().mono}
	for ctx.Err() == nil {
		l := n.stream.get(ctx, n.chain.seq+1)
		now := clock().mono
		if l.gone {
			return false, errRejoin
		}
		if l.record != nil {
			if err := n.take(l.record); err != nil {
				return false, err
			}
			q.heard, q.released, q.jitter = now, n.chain.released, mathrand.N(maxReleased)
			continue
		}
		if l.err == nil && !q.reads {
			q.readable = now
		}
		q.reads = l.err == nil
		n.progress(q.reads)
		if q.mayLead(n.o.Lease, now) {
			return q.released, nil
		}
		pause(ctx, pollEvery+mathrand.N(pollEvery))
	}
	return false, ctx.Err()
}

// take applies the next record of the log.
func (n *Node) take(record []byte) error {
	l, err := n.chain.next(record)
	switch {
	case errors.Is(err, errDiverged), errors.Is(err, errOtherLog):
		return fmt.Errorf("%w: %w", errRejoin, err)
	case err != nil:
		return err
	}
	if err := n.apply(l); err != nil {
		return err
	}
	n.progress(true)
	return nil
}

// setAside moves the store out of the way, and keeps it.
func (n *Node) setAside(why string) error {
	if err := n.closeStore(); err != nil {
		return err
	}
	aside, err := maintain.SetAside(n.o.Path, why)
	if err == nil {
		n.log.Error("the store was set aside, and that of another replica takes its place", "file", aside, "why", why)
	}
	return err
}
