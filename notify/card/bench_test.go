package card

import (
	"testing"
	"time"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

// Rendering is what a storm costs beside Slack: a message of one incident, and one of many.
func BenchmarkMessage(b *testing.B) {
	c := testCards()
	for name, alerts := range map[string][]alert.Alert{"one": {red(0, 0), banned(0, 0)}, "list": several(50, limitLowered)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Message(alerts, alerttest.Noon.Add(time.Second)).BlockKit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
