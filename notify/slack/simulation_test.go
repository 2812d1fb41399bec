package slack

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

// What a simulation says of messages and replies is what the sink does with a
// strict Slack at the same times: storms, quiet and what reopens.
func TestASimulationNotifiesAsTheSinkDoes(t *testing.T) {
	for seed := range uint64(5) {
		withRig(t, func(t *testing.T, d *rig) {
			random := rand.New(rand.NewPCG(seed, 1))
			d.start(opsChannel)
			d.after(time.Second)
			r := NewSimulation([]string{"ops"}, time.Now())
			posts, replies := 0, 0
			tell := func(now time.Time) {
				for _, told := range r.Until(now) {
					switch told.Means {
					case Post:
						posts++
					case Broadcast, Reply:
						replies++
					}
				}
			}
			alerts := map[int]alert.Alert{}
			for i := range 200 {
				who := random.IntN(30)
				a, known := alerts[who]
				switch {
				case !known:
					a = inSpace(alerttest.Firing(who), who)
				case a.State == alert.Firing:
					a = alerttest.Resolved(a, time.Now())
				default: // it comes back
					a.State, a.Transition, a.Changed = alert.Firing, alert.Reopened, time.Now()
					a.Revision++
					a.Notified = a.Revision
				}
				alerts[who] = a
				tell(time.Now())
				d.update(a)
				r.Update(a, time.Now())
				wait := time.Duration(random.IntN(400)) * time.Millisecond
				if i%50 == 49 {
					wait = time.Minute
				}
				d.after(wait)
			}
			d.after(time.Hour)
			tell(time.Now())
			d.requireShown("ops")
			wantReplies := 0
			for _, m := range d.messages() {
				wantReplies += len(m.Replies)
			}
			require.Equal(t, len(d.messages()), posts)
			require.Equal(t, wantReplies, replies)
			require.Greater(t, replies, 10)
			require.Empty(t, r.Forget(time.Now(), 2*time.Hour), "nothing is over for long enough")
			require.NotEmpty(t, r.Forget(time.Now().Add(3*time.Hour), 2*time.Hour))
		})
	}
}

func TestASimulatedBaselineIsOneMessage(t *testing.T) {
	r := NewSimulation([]string{"ops"}, alerttest.Noon)
	for i := range 10 {
		a := inSpace(alerttest.Firing(i), i)
		a.Baseline = true
		r.Update(a, alerttest.Noon.Add(time.Duration(i)*time.Second))
	}
	require.Empty(t, r.Until(alerttest.Noon.Add(time.Minute)))
	r.BaselineDone("main", alerttest.Noon.Add(time.Minute))
	told := r.Until(alerttest.Noon.Add(2 * time.Minute))
	require.Len(t, told, 1)
	require.Len(t, told[0].Alerts, 10)
}
