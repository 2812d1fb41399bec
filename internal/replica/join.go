package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/maintain"
)

// fetchWithin bounds how long the store of another replica may take to arrive.
const fetchWithin = 30 * time.Minute

// errNobodyBegan: an empty replica waits for a lease before it begins the log. One that has a store goes first, so that
// a numwatch which gets replicas keeps what it knows even if all of them start at the same time.
var errNobodyBegan = errors.New("there is no log yet: a replica with a store may be about to begin it")

// join finds the replica's place in the log. It returns once there is a store that the log continues.
func (n *Node) join(ctx context.Context) error {
	n.appending.Lock()
	defer n.appending.Unlock()
	if n.Status().Role != Halted {
		n.set(func(s *Status) { s.Role, s.Why, s.Text = Joining, "", "" })
	}
	for began := clock().mono; ctx.Err() == nil; {
		joined, err := n.tryJoin(ctx, began)
		if err != nil || joined {
			return err
		}
		pause(ctx, 10*retryAfter)
	}
	return ctx.Err()
}

func (n *Node) tryJoin(ctx context.Context, began time.Duration) (joined bool, err error) {
	if err := n.openPresent(); err != nil {
		return false, err
	}
	// Whoever has a place in a log must not make another one.
	fresh := n.position() == (store.Position{})
	if err := n.stream.open(ctx, &n.o, fresh); err != nil && (fresh || !errors.Is(err, jetstream.ErrStreamNotFound)) {
		n.waiting(err)
		return false, nil
	}
	b, err := n.look(ctx)
	if err != nil {
		return false, err
	}
	switch join(b) {
	case planGenesis:
		if !b.store && clock().mono-began < n.o.Lease {
			n.waiting(errNobodyBegan)
			return false, nil
		}
		return n.begin(ctx, b.store)
	case planReplay:
		return true, n.start(b.genesis.Epoch, &chain{log: b.log.header().Log})
	case planFollow:
		return true, n.start("", from(b.position))
	case planFetch:
		return false, n.fetch(ctx, b.log.header().Log)
	case planDiverged:
		return false, n.setAside("diverged")
	case planAhead:
		return false, &halt{WhyAhead, fmt.Sprintf("the store is ahead of stream %s, which %s; the store has record %d. "+
			"Bring the stream back; or let this store begin a new log (numwatch replicas reseed); "+
			"or take the other replicas' store (numwatch replicas rejoin)",
			n.stream.name, b.log.lacks(), b.position.Seq)}
	case planForeign:
		return false, &halt{WhyForeign, fmt.Sprintf("stream %s holds the log of other replicas, and this store has never been one of them. "+
			"Use another replicas.name; or take the other replicas' store (numwatch replicas rejoin); "+
			"or let this store begin a new log (numwatch replicas reseed)", n.stream.name)}
	case planUnmatched:
		return false, &halt{WhyUnmatched, fmt.Sprintf("stream %s was emptied by hand. "+
			"Let the store that is to be kept begin a new log (numwatch replicas reseed)", n.stream.name)}
	default:
		n.waiting(b.log.err)
		return false, nil
	}
}

func (n *Node) waiting(err error) {
	text := fmt.Sprintf("stream %s cannot be read", n.stream.name)
	if err != nil {
		text = err.Error()
	}
	if s := n.Status(); s.Text != text && s.Role != Halted {
		n.log.Warn("waiting for the log of the replicas", "err", text)
	}
	n.set(func(s *Status) {
		if s.LogWorks = false; s.Role != Halted { // then what people have to do is of more use
			s.Text = text
		}
	})
}

// lacks says why a log does not have a position that is ahead of it.
func (l lookup) lacks() string {
	switch {
	case l.gone:
		return "does not exist"
	case l.record != nil:
		return "holds another log"
	default:
		return fmt.Sprintf("ends at record %d", l.last)
	}
}

func (l lookup) header() (h header) {
	h, _, _ = decode(l.record)
	return h
}

func (n *Node) position() store.Position {
	if n.store != nil {
		return n.store.Position()
	}
	return store.Position{}
}

// openPresent opens the store if there is one.
func (n *Node) openPresent() error {
	if _, err := os.Stat(n.o.Path); n.store != nil || err != nil {
		return nil
	}
	err := n.openStore("")
	s := n.Status()
	switch {
	case store.Corrupt(err):
		return n.setAside("damaged")
	case errors.Is(err, store.ErrLocked) && s.Role == Halted:
		return &halt{s.Why, s.Text} // somebody repairs it
	default:
		return err
	}
}

// look finds out what there is, of the store and of the log.
func (n *Node) look(ctx context.Context) (b beginning, err error) {
	b.position = n.position()
	if n.store != nil {
		b.epoch, b.events = n.store.Epoch(), n.store.LastSeq()
		if b.store, err = holdsAny(n.store); err != nil {
			return b, err
		}
	}
	b.log = n.stream.find(ctx, b.position.Seq)
	if b.log.seq == 1 && b.position.Seq == 0 {
		b.genesis = b.log.header().Genesis
	}
	_, _, err = decode(b.log.record)
	if !errors.Is(err, errNewer) {
		err = nil // what cannot be decoded is judged
	}
	return b, err
}

func holdsAny(s *store.Store) (any bool, err error) {
	if s.LastSeq() > 0 {
		return true, nil
	}
	err = s.Spaces(func(_ phone.SpaceKey) bool { any = true; return false })
	return any, err
}

// start prepares the store from which the log is followed.
func (n *Node) start(epoch string, c *chain) error {
	if epoch != "" && n.store != nil && n.store.Epoch() != epoch {
		// An empty one, from a beginning that another replica won.
		if err := errors.Join(n.closeStore(), os.Remove(n.o.Path)); err != nil {
			return err
		}
	}
	if err := n.openStore(epoch); err != nil {
		return err
	}
	n.chain, n.unapplied = c, nil
	n.progress(true)
	return nil
}

// begin writes the first record of a new log. Another replica may be faster.
func (n *Node) begin(ctx context.Context, snapshot bool) (joined bool, err error) {
	if err := n.start("", &chain{log: rand.Text()}); err != nil {
		return false, err
	}
	g := &genesis{Epoch: n.store.Epoch(), Schema: store.SchemaVersion, Snapshot: snapshot, Events: n.store.LastSeq()}
	err = n.appendMark(ctx, header{Kind: kindGenesis, Genesis: g})
	n.renewRight() // nobody leads yet
	if errors.Is(err, store.ErrFenced) {
		return false, nil
	}
	return err == nil, err
}

// fetch copies the store of another replica.
func (n *Node) fetch(ctx context.Context, log string) error {
	n.set(func(s *Status) { s.Role, s.Why, s.Text = Joining, "", "waiting for the store of another replica" })
	n.ask()
	pause(ctx, 10*retryAfter)
	for _, m := range n.sources() {
		err := n.fetchFrom(ctx, m.Member.URL, log)
		if err == nil {
			n.log.Info("the store of another replica was taken", "from", m.Member.ID)
			return nil
		}
		n.log.Warn("the store of another replica could not be taken", "from", m.Member.ID, "url", m.Member.URL, "err", err)
	}
	return nil
}

// sources are the replicas whose stores could be taken, standbys first: the leader has enough to do.
func (n *Node) sources() (all []Report) {
	for _, r := range n.Members() {
		if r.Member.ID != n.o.Member.ID && (r.Status.Role == Standby || r.Status.Role == Leading) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b Report) int { return strings.Compare(string(b.Status.Role), string(a.Status.Role)) })
	return all
}

func (n *Node) fetchFrom(ctx context.Context, url, log string) error {
	temp := n.o.Path + tempSuffix
	defer os.Remove(temp) // not there any more where all went well
	if err := n.download(ctx, strings.TrimSuffix(url, "/")+backupPath, temp); err != nil {
		return err
	}
	s, err := store.Open(temp, store.Options{})
	if err != nil {
		return err
	}
	p := s.Position()
	if err := s.Close(); err != nil {
		return err
	}
	if p.Log != log {
		return errOtherLog
	}
	v := verdictUnknown
	for until := clock().mono + n.o.Lease; v == verdictUnknown && clock().mono < until && ctx.Err() == nil; {
		if v = judge(p, n.stream.find(ctx, p.Seq)); v == verdictUnknown {
			pause(ctx, retryAfter) // else a large store would be copied again
		}
	}
	if v != verdictSame {
		return fmt.Errorf("the log does not continue from its store, or cannot be read, at record %d", p.Seq)
	}
	if err := n.closeStore(); err != nil {
		return err
	}
	if _, err := maintain.Replace(n.o.Path, temp); err != nil {
		return fmt.Errorf("putting the store in place: %w", err)
	}
	return nil
}

func (n *Node) download(ctx context.Context, url, path string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if n.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+n.o.Token)
	}
	resp, err := n.o.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Always the same name, so that what a crash leaves is overwritten.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, resp.Body)
	return errors.Join(err, file.Sync(), file.Close())
}
