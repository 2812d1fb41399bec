package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	checkWithin = 10 * time.Second
	// reportsIn is how long the replicas that run have to report themselves.
	reportsIn = time.Second
	// noSequence is one that no log reaches: a record that expects it is refused, if publishing is allowed
	// at all.
	noSequence = 1 << 62
)

// Check says, in words for people, whether the log of a set can be used and which replicas run. It changes
// nothing.
func Check(ctx context.Context, o Options) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	nc, err := o.Connect()
	if err != nil {
		return "", err
	}
	defer nc.Close()
	s, err := newStream(nc, o.Name)
	if err != nil {
		return "", err
	}
	said, err := s.check(ctx, &o)
	if err != nil {
		return "", err
	}
	said = append(said, checkMembers(ctx, nc, &o)...)
	said = append(said, "each server of NATS needs sync_interval: always, which cannot be seen from here")
	return strings.Join(said, "\n"), nil
}

func (s *stream) check(ctx context.Context, o *Options) (said []string, err error) {
	info, err := s.look(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) && o.Create {
		said = append(said, fmt.Sprintf("stream %s will be created on %d servers", s.name, o.StreamReplicas))
		if known := len(s.nc.Servers()); known < o.StreamReplicas {
			said = append(said, fmt.Sprintf("warning: NATS names %d of them", known))
		}
		return said, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for stream %s: %w", s.name, err)
	}
	if err := fits(info.Config); err != nil {
		return nil, err
	}
	said = append(said, fmt.Sprintf("stream %s is on %d servers and ends at record %d",
		s.name, info.Config.Replicas, info.State.LastSeq))
	if info.Config.Replicas < o.StreamReplicas {
		said = append(said, fmt.Sprintf("warning: replicas.stream_replicas is %d", o.StreamReplicas))
	}
	if l := s.get(ctx, max(info.State.LastSeq, 1)); errors.As(l.err, new(*jetstream.APIError)) {
		return nil, l.err
	} else if l.err != nil {
		return nil, fmt.Errorf("%w; the user must be allowed to publish to $JS.API.STREAM.MSG.GET.%s", l.err, s.name)
	}
	_, err = s.publish(ctx, nil, noSequence)
	if afterPublish(0, 0, err) != stepLook {
		return nil, fmt.Errorf("stream %s takes no records: %w; the user must be allowed to publish to %s",
			s.name, err, s.subject)
	}
	return said, nil
}

// checkMembers says which replicas run, and how their accounts, rules and clocks compare with those here.
func checkMembers(ctx context.Context, nc *nats.Conn, o *Options) (said []string) {
	first, err := askMembers(ctx, nc, o)
	found := first
	if err == nil {
		found, err = askMembers(ctx, nc, o)
	}
	if err != nil {
		return []string{"warning: other replicas cannot be asked: " + err.Error()}
	}
	if len(found) == 0 {
		return []string{"no replica runs"}
	}
	own := o.Digest()
	for _, id := range slices.Sorted(maps.Keys(found)) {
		r := found[id]
		line := fmt.Sprintf("%s runs as %s", id, r.Status.Role)
		if r.Member.Digest != own {
			line = "warning: " + line + ", with other accounts or rules than here"
		}
		said = append(said, line)
		if off := clockOff(first[id], r); off > maxClockOff {
			said = append(said, fmt.Sprintf(
				"warning: the clock of %s runs %.0f%% faster or slower than the one here: leases rest on equal ones", id, 100*off))
		}
	}
	return said
}

// askMembers returns the reports of the running replicas, by id.
func askMembers(ctx context.Context, nc *nats.Conn, o *Options) (map[string]Report, error) {
	reports, err := nc.SubscribeSync(reportSubject(o.Name, "*"))
	if err != nil {
		return nil, err
	}
	defer reports.Unsubscribe() // its error is that of a closed connection
	if err := nc.Publish(reportSubject(o.Name, askToken), nil); err != nil {
		return nil, err
	}
	found := map[string]Report{}
	ctx, cancel := context.WithTimeout(ctx, reportsIn)
	defer cancel()
	for {
		m, err := reports.NextMsgWithContext(ctx)
		if err != nil {
			return found, nil
		}
		r, ok := readReport(m)
		if _, known := found[r.Member.ID]; ok && !known {
			found[r.Member.ID] = r
		}
	}
}

// maxClockOff is half of what the margin of a lease covers.
const maxClockOff = 0.1

// clockOff is how much faster or slower, as a share, a replica's clock ran between two reports than the one here.
func clockOff(first, second Report) float64 {
	here, there := second.Heard.Sub(first.Heard), second.Clock-first.Clock
	if first.Clock == 0 || here <= 0 || there <= 0 { // it is new, or was restarted
		return 0
	}
	return math.Abs(float64(there)/float64(here) - 1)
}
