package slack

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/phone"
)

// The environment may ask for a longer run, and for the dice of an earlier one.
const (
	roundsVariable = "NUMWATCH_SOAK_ROUNDS"
	seedVariable   = "NUMWATCH_TEST_SEED"
)

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	require.NoError(t, err, name)
	return n
}

// TestSlackRandomFaults lets alerts come, change and go while random faults
// strike and the bot restarts: in the end Slack shows what holds, and nothing
// twice.
func TestSlackRandomFaults(t *testing.T) {
	seed := fromEnv(t, seedVariable, rand.Uint64())
	rounds := uint64(10)
	if testing.Short() {
		rounds = 2
	}
	for round := range fromEnv(t, roundsVariable, rounds) {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			t.Logf("%s=%d", seedVariable, seed)
			withRig(t, func(t *testing.T, d *rig) {
				dice := rand.New(rand.NewPCG(seed, round))
				for range 1 + dice.IntN(4) {
					d.sim.Inject(anyFault(dice))
				}
				d.start(opsChannel)
				for range 150 {
					d.happen(dice)
				}
				d.sim.ClearFaults()
				d.after(time.Hour) // less than what is over stays in reach
				d.requireShown("ops")
				d.requireOnce()
			})
		})
	}
}

// anyFault is one that a retry can mend.
func anyFault(dice *rand.Rand) slacksim.Fault {
	kinds := []slacksim.Fault{
		{Kind: slacksim.Drop},
		{Kind: slacksim.ServerError},
		{Kind: slacksim.HTMLPage},
		{Kind: slacksim.Refuse, Code: "internal_error"},
		{Kind: slacksim.RateLimited, RetryAfter: time.Duration(1+dice.IntN(60)) * time.Second},
		{Latency: 20 * time.Second},
	}
	f := kinds[dice.IntN(len(kinds))]
	f.Applied = f.Kind != slacksim.RateLimited && dice.IntN(2) == 0
	f.Method = []string{"", slacksim.PostMessage, slacksim.Update, slacksim.History, slacksim.Replies}[dice.IntN(5)]
	f.Probability = 0.1 + 0.6*dice.Float64()
	return f
}

// happen lets one thing happen, and some time pass.
func (d *rig) happen(dice *rand.Rand) {
	space := dice.IntN(25)
	a, known := d.alerts[inSpace(alerttest.Firing(space), space).ID]
	switch what := dice.IntN(10); {
	case what == 0:
		d.halt()
		d.start(opsChannel)
	case !known:
		d.update(inSpace(alerttest.Firing(space), space))
	case a.State.Closed():
		d.update(turned(a, alert.Reopened))
	case what < 5:
		r := alerttest.Resolved(a, time.Now())
		r.Closing = fmt.Sprint("recovered from revision ", a.Revision)
		d.update(r)
	default:
		d.update(turned(a, alert.GotWorse))
	}
	d.after(time.Duration(dice.IntN(20_000)) * time.Millisecond)
}

// turned is an alert after another transition, its value named by its revision
// so that no two lines in a thread are alike by right.
func turned(a alert.Alert, by alert.Transition) alert.Alert {
	a.State, a.Transition = alert.Firing, by
	a.Revision++
	a.Notified = a.Revision
	a.Changed, a.Since, a.Closing = time.Now(), time.Now(), ""
	a.Change.Old, a.Change.New, a.Change.Direction = a.Change.New, fmt.Sprint("VALUE_", a.Revision), phone.Worse
	return a
}
