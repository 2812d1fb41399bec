//go:build !race

package jetstream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

// What an event may allocate until it is ready to publish: a little more than
// it does.
func TestAllocationsOfAnEvent(t *testing.T) {
	r := &Renderer{Epoch: "k3v9q2", Space: spaceOf}
	alertOf := alertEvent(firing(1))
	changeOf := alert.Event{Seq: 1, Time: noon, Kind: alert.KindChange, Change: alertOf.Alert.Change}
	for e, most := range map[*alert.Event]float64{&alertOf: 21, &changeOf: 17} {
		got := testing.AllocsPerRun(200, func() {
			if Subject(e) == "" || len(r.Render(e, noon)) == 0 {
				t.Fatal("nothing to publish")
			}
		})
		require.LessOrEqual(t, got, most, e.Kind)
	}
}
