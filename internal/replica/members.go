package replica

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	reportEvery = 30 * time.Second
	// rememberFor is how long the position of a replica that says nothing keeps records in the log.
	rememberFor = 24 * time.Hour
	purgeEvery  = time.Hour
	// keepRecords is how many records stay in the log in any case.
	keepRecords = 100_000
)

// Report is what a replica tells the others about itself, outside the log.
type Report struct {
	Member Member    `json:"member"`
	Status Status    `json:"status"`
	Heard  time.Time `json:"heard"` // when it arrived, by the receiver's clock
	// Clock is the sender's monotonic clock, from any beginning: how fast it runs is what leases rest on.
	Clock time.Duration `json:"clock"`
}

// memberOf returns the id of the replica whose process wrote a record.
func memberOf(writer string) string {
	if i := strings.LastIndexByte(writer, '/'); i >= 0 {
		return writer[:i]
	}
	return writer
}

// askToken asks all replicas of a set to report at once.
const askToken = "ask"

// reportSubject is where the replica with a token reports itself; "*" stands for all of them.
func reportSubject(set, token string) string { return "numwatch.replica." + set + "." + token }

// readReport reports false for what is not a report.
func readReport(m *nats.Msg) (r Report, ok bool) {
	ok = json.Unmarshal(m.Data, &r) == nil && r.Member.ID != ""
	r.Heard = time.Now()
	return r, ok
}

// startReports exchanges reports with the others.
func (n *Node) startReports(ctx context.Context, nc *nats.Conn) *sync.WaitGroup {
	tasks := new(sync.WaitGroup)
	_, err := nc.Subscribe(reportSubject(n.o.Name, "*"), func(m *nats.Msg) {
		if m.Subject == reportSubject(n.o.Name, askToken) {
			n.wake()
		} else if r, ok := readReport(m); ok {
			n.heard(r)
		}
	})
	if err != nil {
		n.log.Warn("status of other replicas cannot be received", "err", err)
	}
	tasks.Go(func() {
		for ctx.Err() == nil {
			r := Report{Member: n.member(), Status: n.Status(), Heard: time.Now(), Clock: clock().mono}
			n.heard(r)
			if data, err := json.Marshal(r); err == nil {
				_ = nc.Publish(reportSubject(n.o.Name, token(n.o.Member.ID)), data) // the next one comes soon
			}
			select {
			case <-ctx.Done():
			case <-n.changed:
			case <-time.After(reportEvery):
			}
		}
	})
	return tasks
}

// token is an id as a part of a subject.
func token(id string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(".*> \t", r) {
			return '_'
		}
		return r
	}, id)
}

func (n *Node) wake() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// ask asks the other replicas to report now.
func (n *Node) ask() {
	_ = n.stream.nc.Publish(reportSubject(n.o.Name, askToken), nil) // they report by themselves as well
}

func (n *Node) heard(r Report) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members[r.Member.ID] = r
}

// Members returns the last day's reports of every replica, this one included, by id.
func (n *Node) Members() (all []Report) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, r := range n.members {
		if time.Since(r.Heard) > rememberFor {
			delete(n.members, id)
			continue
		}
		if id == n.o.Member.ID {
			r.Status, r.Heard = n.status, time.Now()
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Report) int { return strings.Compare(a.Member.ID, b.Member.ID) })
	return all
}

// member is this replica's present report.
func (n *Node) member() Member {
	m := n.o.Member
	m.Digest = n.o.Digest()
	return m
}

// LeaderURL is where the replica that leads is reached; "" where none is known to.
func (n *Node) LeaderURL() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[n.status.Leader].Member.URL
}

// purgeSometimes keeps the log from growing while this replica leads.
func (n *Node) purgeSometimes(ctx context.Context) {
	for {
		pause(ctx, purgeEvery)
		if ctx.Err() != nil {
			return
		}
		n.purge(ctx)
	}
}

// purge removes the records that no replica needs.
func (n *Node) purge(ctx context.Context) {
	below := purgeBelow(n.Members(), n.store.Position().Seq)
	if below <= 1 {
		return
	}
	if err := n.stream.purge(ctx, below); err != nil {
		n.log.Warn("the log could not be purged", "err", err)
	}
}

// purgeBelow returns the sequence below which records may go: every replica has applied them, and they
// are not among the newest. The last one always stays, as replicas verify themselves by it.
func purgeBelow(members []Report, last uint64) uint64 {
	below := last - min(last, keepRecords)
	for _, m := range members {
		below = min(below, m.Status.Applied)
	}
	return below
}
