package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The environment may ask for a longer run, and for the dice of an earlier one.
const (
	soakVariable = "NUMWATCH_SOAK_KILLS"
	seedVariable = "NUMWATCH_TEST_SEED"
)

const (
	stopsWithin  = 10 * time.Second
	diesWithin   = 20 * time.Second
	livesAtMost  = 1500 * time.Millisecond
	settleWithin = 90 * time.Second
	perKill      = 100 // changes at least, on average
)

// crashPoints are where a bot dies, the worst first, and by which time at the
// latest of its passing there.
var crashPoints = []struct {
	name  string
	times int
}{
	{"post:after", 3},
	{"publish:after", 80},
	{"commit:after", 40},
	{"update:after", 4},
	{"post:before", 3},
	{"publish:before", 80},
	{"commit:before", 40},
	{"update:before", 4},
}

// TestKilledBot kills the bot in the middle of a storm, again and again, at
// random moments and around each of its effects. In the end every change is in
// the log, on NATS exactly once and in order, and Slack shows what holds, once.
func TestKilledBot(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	n := kills(t, 20, 4)
	r.killAll(n)
	view := r.settle(n)
	require.Empty(t, view.doubles, "Slack was told twice")
}

// TestKilledBotWithoutHistory is the same where the bot may not look into the
// channels: better twice than never, and at most once for each kill.
func TestKilledBotWithoutHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{noHistory: true})
	n := kills(t, 6, 2)
	r.killAll(n)
	view := r.settle(n)
	require.LessOrEqual(t, len(view.doubles), n, "%s", view.doubles)
}

// TestKilledBotWithItsOwnNATS kills the NATS server with the bot, as it is where
// no other is configured.
func TestKilledBotWithItsOwnNATS(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{embedded: true})
	n := kills(t, 6, 2)
	r.killAll(n)
	view := r.settle(n)
	require.Empty(t, view.doubles, "Slack was told twice")
}

// TestStoppedBot ends the bot as an operator does, under full load.
func TestStoppedBot(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.begin()
	stops := kills(t, 5, 2)
	for range stops {
		time.Sleep(r.moment())
		b.stop()
		r.quiet()
		b = r.start("")
		b.ready()
	}
	b.stop()
	view := r.settle(stops)
	require.Empty(t, view.doubles, "Slack was told twice")
}

// kills is how often to kill.
func kills(t *testing.T, long, short int) int {
	if v := os.Getenv(soakVariable); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err, soakVariable)
		return n
	}
	if testing.Short() {
		return short
	}
	return long
}

func crashSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if v := os.Getenv(seedVariable); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("%s=%d", seedVariable, seed)
	return seed
}

// moment is any time that a life may last.
func (r *rig) moment() time.Duration { return time.Duration(r.rand.Int64N(int64(livesAtMost))) }

// begin lets the bot see the fleet for the first time and show what it found,
// and then lets the storm loose. In calm weather all alerts of an account come in
// one message; else each would come in its own, and there is a limit to how fast
// they can be brought up to date in the end.
func (r *rig) begin() *bot {
	b := r.start("")
	b.ready()
	r.idle(b)
	r.disturb()
	r.storm.blow()
	return b
}

// killAll starts and kills the bot n times: first while it shows what it found,
// then under the storm, three times where a point says so, each point in its
// turn, then once at any moment.
func (r *rig) killAll(n int) {
	r.start("post:after:2").dies(diesWithin)
	r.quiet()
	r.begin().kill(r.moment())
	r.quiet()
	point := 0
	for i := 2; i < n; i++ {
		if i%4 == 3 {
			after := r.moment()
			r.t.Logf("kill %d after %s", i+1, after)
			r.start("").kill(after)
		} else {
			p := crashPoints[point%len(crashPoints)]
			point++
			where := fmt.Sprintf("%s:%d", p.name, 1+r.rand.IntN(p.times))
			r.t.Logf("kill %d at %s", i+1, where)
			r.start(where).dies(diesWithin)
		}
		r.quiet()
	}
}

// settle lets the bot live under the storm until it has seen enough, ends the
// storm, waits until all is told, ends the bot, and checks everything.
func (r *rig) settle(kills int) *slackView {
	r.undisturbed()
	b := r.start("")
	b.ready()
	r.enough(b, uint64(2*perKill*kills))
	r.storm.calm()
	r.idle(b)
	b.stop()
	if r.o.embedded {
		r.startNATS()
	}

	require.Empty(r.t, checkStore(r.storePath()))
	p, err := readPicture(r.storePath())
	require.NoError(r.t, err)
	require.Greater(r.t, p.changes(), perKill*kills, "the storm was too weak to show anything")
	truth := r.storm.now()
	view := p.checkSlack(r.slack)
	for what, f := range map[string]findings{
		"the log": p.checkLog(truth), "the alerts": p.checkAlerts(truth), "NATS": p.checkStream(r), "Slack": view.findings,
	} {
		require.Empty(r.t, f, "%s is wrong after %d kills:\n%s", what, kills, f)
	}
	r.t.Logf("%d events, %d of them changes; %d messages; %d told twice", len(p.events), p.changes(), len(p.messages), len(view.doubles))
	return view
}

// enough waits until the log is that long.
func (r *rig) enough(b *bot, events uint64) {
	require.Eventually(r.t, func() bool {
		s, err := b.status()
		return err == nil && s.Store.Seq >= events
	}, settleWithin, 100*time.Millisecond, "the storm brings too few changes")
}

// idle waits until the bot has told everything: what it says of itself, and what
// its store and Slack say.
func (r *rig) idle(b *bot) {
	deadline := time.Now().Add(settleWithin)
	copied := r.path("backup.db")
	for {
		left, err := r.untold(b, copied)
		require.NoError(r.t, err)
		if len(left) == 0 {
			return
		}
		require.True(r.t, time.Now().Before(deadline), "after %s of calm:\n%s", settleWithin, left)
		time.Sleep(500 * time.Millisecond)
	}
}

func (r *rig) untold(b *bot, copied string) (left findings, err error) {
	s, err := b.status()
	if err != nil {
		return nil, err
	}
	for _, k := range s.Sinks {
		if k.Lag > 0 || k.State != "OK" {
			left.add("%s is %s and %d behind: %s", k.Name, k.State, k.Lag, k.LastError)
		}
	}
	if len(left) > 0 {
		return left, nil
	}
	if err := b.backup(copied); err != nil {
		return nil, err
	}
	p, err := readPicture(copied)
	if err != nil {
		return nil, err
	}
	truth := r.storm.now()
	left = append(append(p.checkLog(truth), p.checkAlerts(truth)...), p.checkSlack(r.slack).findings...)
	return left, nil
}
