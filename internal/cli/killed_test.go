package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	slacksim "numwatch/internal/sim/slack"
)

// The environment may ask for a longer run, and for the dice of an earlier one.
const (
	soakVariable = "NUMWATCH_SOAK_KILLS"
	seedVariable = "NUMWATCH_TEST_SEED"
)

const (
	stopsWithin  = 10 * time.Second
	diesWithin   = time.Minute             // on a busy machine
	livesAtMost  = 2600 * time.Millisecond // polls begin a second after the start
	settleWithin = 90 * time.Second
	eventWithin  = 10 * time.Millisecond // on average, under the storm
	perKill      = 100                   // changes, at least, on average
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
	{"webhook:after", 60},
	{"webhook:before", 60},
	{"feishu:after", 1},
	{"dingtalk:after", 1},
	{"wecom:after", 1},
	{"feishu:before", 1},
	{"dingtalk:before", 1},
	{"wecom:before", 1},
	{"alertmanager:after", 20},
	{"alertmanager:before", 20},
}

// TestKilledBot kills the bot in the middle of a storm, again and again, at
// random moments and around each of its effects. In the end every change is in
// the log, on NATS exactly once and in order, at the webhook at least once and in order,
// Alertmanager and Slack show what holds, once, and the groups were told what holds last, and nothing twice but
// what was in doubt at a kill.
func TestKilledBot(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.killAll(kills(t, 20, 4))
	require.Empty(t, r.settle().doubles, "Slack was told twice")
}

// TestKilledBotWhileHistoryFails is the same where most looks into the channels'
// history fail, so that the outcome of what a kill left is long unknown.
func TestKilledBotWhileHistoryFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{historyFails: true})
	r.killAll(kills(t, 6, 2))
	require.Empty(t, r.settle().doubles, "Slack was told twice")
}

// TestKilledBotShowsAcknowledgementsAndSilences kills the bot when somebody has just decided
// something and Slack does not show it yet.
func TestKilledBotShowsAcknowledgementsAndSilences(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.start("")
	b.ready()
	r.untilNothing(r.unseen(b, true))
	p, err := r.picture(b)
	require.NoError(t, err)
	var acked alert.Alert
	for _, a := range p.alerts {
		if a.Rule == "quality-red" && a.State == alert.Firing {
			acked = a
		}
	}
	r.slack.Inject(slacksim.Fault{Kind: slacksim.ServerError, Method: slacksim.Update})
	b.told("ack", acked.ID, "--by", "ann")
	b.told("silence", "add", "rule=status-bad", "--for", "1h", "--by", "bob")
	r.killAndInspect(b, 0)
	r.slack.ClearFaults()
	require.NotContains(t, r.shows("quality"), "taken by ann")
	b = r.start("")
	b.ready()
	require.Eventually(t, func() bool {
		return strings.Contains(r.shows("quality"), "taken by ann") && strings.Contains(r.shows("status"), "silenced by bob until")
	}, settleWithin, 10*time.Millisecond)
	b.stop()
}

// shows is the text of all that stands in a channel now.
func (r *rig) shows(channel string) string {
	var all strings.Builder
	for _, m := range r.slack.Messages(crashChannels[channel].ID) {
		all.WriteString(m.Text + string(m.Blocks) + "\n")
	}
	return all.String()
}

// TestKilledBotWithItsOwnNATS kills the NATS server with the bot, as it is where
// no other is configured.
func TestKilledBotWithItsOwnNATS(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{embedded: true})
	r.killAll(kills(t, 6, 2))
	require.Empty(t, r.settle().doubles, "Slack was told twice")
}

// TestStoppedBot ends the bot as an operator does, under full load.
func TestStoppedBot(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.begin()
	for range kills(t, 5, 2) {
		time.Sleep(r.moment())
		b.stop()
		b = r.start("")
		b.ready()
	}
	r.storm.stop()
	b.stop()
	require.Empty(t, r.settle().doubles, "Slack was told twice")
}

// kills is how often to kill.
func kills(t *testing.T, long, short int) int { return times(t, soakVariable, long, short) }

// times is how often to do something, where the variable does not say.
func times(t *testing.T, variable string, long, short int) int {
	if v := os.Getenv(variable); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err, variable)
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
	r.untilNothing(r.unseen(b, true))
	r.disturb()
	r.storm.start()
	return b
}

// killAll kills the bot n times and some more: first while it shows what it
// found, then under the storm, three times where a point says so, each point in
// its turn, then once at any moment; and at last in the calm, where nothing that
// comes later covers up what a kill left wrong.
func (r *rig) killAll(n int) {
	r.kill("post:after:2", diesWithin)
	r.killAndInspect(r.begin(), r.moment())
	point := 0
	for i := 2; i < n; i++ {
		if i%4 == 3 {
			r.killAndInspect(r.start(""), r.moment())
			continue
		}
		p := crashPoints[point%len(crashPoints)]
		point++
		r.kill(fmt.Sprintf("%s:%d", p.name, 1+r.rand.IntN(p.times)), diesWithin)
	}
	b := r.start("")
	b.ready()
	r.enough(b, uint64(2*perKill*n))
	r.storm.stop()
	r.untilNothing(r.unseen(b, false)) // there is much left to tell, and nothing more to come
	r.killAndInspect(b, 0)
	for _, where := range []string{"update:before:2", "post:before:1", "update:after:1", "post:after:1"} {
		r.killAndInspect(r.start(where), livesAtMost) // there may be too little left to tell
	}
}

// kill gives the bot a life that ends at a point.
func (r *rig) kill(where string, within time.Duration) {
	b := r.start(where)
	b.dies(within)
	r.killAndInspect(b, 0)
}

// killAndInspect kills the bot after a while, unless it has died, and waits until the
// servers have dealt with what it left.
func (r *rig) killAndInspect(b *bot, after time.Duration) {
	b.kill(after)
	r.kills++
	r.quiet()
}

// settle gives the bot a last life in the calm, ends it when all is told, and
// checks everything.
func (r *rig) settle() *slackView {
	r.undisturbed()
	b := r.start("")
	b.ready()
	r.untilNothing(r.unseen(b, true))
	b.stop()
	if r.o.embedded {
		r.startNATS()
	}
	require.Empty(r.t, checkStore(r.storePath()))
	p, err := readPicture(r.storePath())
	require.NoError(r.t, err)
	truth := r.storm.now()
	view := p.checkSlack(r.slack)
	for what, f := range map[string]findings{
		"the webhook": p.checkWebhook(r.webhook), "Alertmanager": p.checkAlertmanager(r.manager),
		"the log": p.checkLog(truth), "the alerts": p.checkAlerts(truth), "NATS": p.checkStream(r), "Slack": view.findings,
	} {
		require.Empty(r.t, f, "%s is wrong:\n%s", what, f)
	}
	told := map[string]int{}
	for kind, group := range r.groups {
		told[kind] = len(group.Taken())
		f := p.checkGroup(kind, group, r.kills)
		require.Empty(r.t, f, "the group of %s is wrong:\n%s", kind, f)
		require.NotZero(r.t, told[kind], "nothing was told to the group of %s", kind)
	}
	r.t.Logf("%d kills, %d changes, %d events, %d messages, to groups: %v, told twice: %v", r.kills, p.changes(), len(p.events), len(p.messages), told, view.times)
	return view
}

// enough waits until the log is that long. About half of it are changes.
func (r *rig) enough(b *bot, events uint64) {
	require.Eventually(r.t, func() bool {
		s, err := b.status()
		return err == nil && s.Store.Seq >= events
	}, settleWithin+time.Duration(events)*eventWithin, 100*time.Millisecond, "the storm brings too few changes")
}

// untilNothing asks again and again what is left, until that is nothing. It is patient as
// long as something happens.
func (r *rig) untilNothing(left func() (findings, error)) {
	r.t.Helper()
	var deadline time.Time
	var last string
	for {
		f, err := left()
		require.NoError(r.t, err)
		if len(f) == 0 {
			return
		}
		if now := f.String(); now != last {
			last, deadline = now, time.Now().Add(settleWithin)
		}
		require.True(r.t, time.Now().Before(deadline), "nothing has happened for %s, and it is left:\n%s", settleWithin, f)
		time.Sleep(100 * time.Millisecond)
	}
}

// unseen is what a running bot has not seen, and what it tells wrong if told is
// set: by what it says of itself, by its store, and by Slack.
func (r *rig) unseen(b *bot, told bool) func() (findings, error) {
	return func() (left findings, err error) {
		if told {
			if left, err = b.waiting(); err != nil || len(left) > 0 {
				return left, err
			}
		}
		p, err := r.picture(b)
		if err != nil {
			return nil, err
		}
		truth := r.storm.now()
		left = append(p.checkLog(truth), p.checkAlerts(truth)...)
		if told {
			left = append(left, p.checkSlack(r.slack).findings...)
		}
		return left, nil
	}
}

// picture is what a running bot's store holds.
func (r *rig) picture(b *bot) (p picture, err error) {
	copied := r.path("backup.db")
	if err := b.backup(copied); err != nil {
		return p, err
	}
	return readPicture(copied)
}

// waiting is what the bot says that its sinks have still to do.
func (b *bot) waiting() (left findings, err error) {
	s, err := b.status()
	for _, k := range s.Sinks {
		if k.Lag > 0 || k.State != "OK" {
			left.add("%s is %s and %d behind: %s", k.Name, k.State, k.Lag, k.LastError)
		}
	}
	return left, err
}
