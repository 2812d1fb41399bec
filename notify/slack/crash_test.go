package slack

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
)

// crashAt makes the process die at the n-th passing of a point: from then on
// nothing is kept, and what was under way is lost.
func (d *rig) crashAt(point string, n int) {
	seen := 0
	d.sink.o.Trace = func(p string) {
		if p != point {
			return
		}
		if seen++; seen == n {
			d.memory.mu.Lock()
			d.memory.fail = func(alert.DeliveryUpdate) error { return errors.New("crashed") }
			d.memory.mu.Unlock()
			if point == "post:before" || point == "update:before" {
				d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop}) // never leaves the process
			}
		}
	}
}

func (d *rig) rise(channels []Channel) {
	d.halt()
	d.memory.mu.Lock()
	d.memory.fail = nil
	d.memory.mu.Unlock()
	d.sim.ClearFaults()
	d.start(channels)
}

// riseOnceDead starts the next process if this one died.
func (d *rig) riseOnceDead(channels []Channel) {
	d.memory.mu.Lock()
	dead := d.memory.fail != nil
	d.memory.mu.Unlock()
	if dead {
		d.rise(channels)
	}
}

// Killed at each side effect, the next process makes the same picture: no alert
// is lost, and nothing is posted twice.
func TestSlackCrashesAtEverySideEffect(t *testing.T) {
	for _, point := range []string{"post:before", "post:after", "update:before", "update:after"} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprint(point, " ", n), func(t *testing.T) {
				withRig(t, func(t *testing.T, d *rig) {
					d.start(nil)
					d.crashAt(point, n)
					d.sink.SetChannels(opsChannel)
					a, b := alerttest.Firing(1), inSpace(alerttest.Firing(2), 2)
					d.update(a)
					d.after(10 * time.Second)
					d.update(b)
					d.after(10 * time.Second)
					d.update(alerttest.Resolved(a, time.Now()), alerttest.Resolved(b, time.Now()))
					d.after(10 * time.Second)
					d.rise(opsChannel)
					d.after(10 * time.Minute)
					d.requireShown("ops")
					require.Len(t, d.messages(), 2)
					for _, m := range d.messages() {
						require.LessOrEqual(t, len(m.Replies), 1)
						require.Contains(t, m.Text, "Resolved: ")
					}
				})
			})
		}
	}
}
