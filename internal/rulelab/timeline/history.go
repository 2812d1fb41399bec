package timeline

import (
	"slices"

	"numwatch/alert"
	"numwatch/rules"
)

// What can happen to an alert beside its transitions. Pending and held are
// silent: they fail no test that does not ask for them.
const (
	pending   = "pending"   // the condition holds, but not for long enough
	held      = "held"      // from now on something holds it back
	released  = "released"  // nothing holds it back any more
	escalated = "escalated" // more channels hear of it, because nobody took it
)

// happening is something that happened to an alert.
type happening struct {
	what  string // a transition, or one of the above
	alert alert.Alert
}

func (h *happening) silent() bool { return h.what == pending || h.what == held }

// history is the board of a test's loop. The loop tells it everything before it
// answers an input, so it needs no lock.
type history struct {
	known map[string]alert.Alert
	heard []happening
}

func newHistory() *history { return &history{known: map[string]alert.Alert{}} }

// Update works out what happened.
func (h *history) Update(alerts []alert.Alert) {
	for _, a := range alerts {
		if what := happened(h.known[a.ID], a); what != "" {
			h.heard = append(h.heard, happening{what, a})
		}
		h.known[a.ID] = a
	}
}

func happened(old, a alert.Alert) string {
	switch {
	case a.State == alert.Pending:
		if old.ID != "" {
			return ""
		}
		return pending
	case a.Revision > old.Revision:
		return a.Transition.String()
	case len(a.HeldBy) > 0 && len(old.HeldBy) == 0:
		return held
	case len(a.HeldBy) == 0 && len(old.HeldBy) > 0:
		return released
	case !slices.Equal(a.Channels, old.Channels):
		return escalated
	default:
		return ""
	}
}

// BaselineDone, Notice and Channels are of no interest to tests.

func (h *history) BaselineDone(string)      {}
func (h *history) Notice(string)            {}
func (h *history) Channels([]rules.Channel) {}

func (h *history) take() []happening {
	heard := h.heard
	h.heard = nil
	return heard
}
