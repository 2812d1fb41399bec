package card

import (
	"fmt"
	"strings"

	"numwatch/alert"
)

// held says what holds an open alert back: of a silence, who asked for it and
// until when.
func (c *Maker) held(a *alert.Alert) []string {
	if Over(a) {
		return nil
	}
	var lines, others []string
	for _, h := range a.HeldBy {
		if text := c.silenced(h); text != "" {
			lines = append(lines, text)
		} else {
			others = append(others, h)
		}
	}
	if len(others) > 0 {
		lines = append(lines, "held by "+strings.Join(others, ", "))
	}
	return lines
}

func (c *Maker) silenced(hold string) string {
	id, is := strings.CutPrefix(hold, alert.SilenceHold)
	if !is || c.Silence == nil {
		return ""
	}
	s, known := c.Silence(id)
	if !known {
		return ""
	}
	return "silenced by " + s.By + " until " + UTC(s.Until)
}

// notes says of a list who takes care of its open alerts and what holds them
// back, with a count where that is not all of them.
func (c *Maker) notes(alerts []alert.Alert) []string {
	open := Open(alerts)
	count := make(map[string]int)
	var notes []string
	for i := range open {
		texts := c.held(&open[i])
		if ack := open[i].Ack; ack != nil {
			texts = append(texts, "taken by "+ack.By)
		}
		for _, text := range texts {
			if count[text]++; count[text] == 1 {
				notes = append(notes, text)
			}
		}
	}
	for i, text := range notes {
		if n := count[text]; n < len(open) {
			notes[i] = fmt.Sprintf("%d %s", n, text)
		}
	}
	return notes
}
