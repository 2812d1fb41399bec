package alert

import (
	"time"

	"numwatch/phone"
)

// Kind tells what an event of the log is about.
type Kind uint8

// The kinds of events.
const (
	KindChange Kind = iota // a change was seen
	KindAlert              // an alert made a transition
	KindBot                // something about the bot itself
)

var kindNames = []string{"change", "alert", "bot"}

// String returns the name, as in the subjects of NATS.
func (k Kind) String() string { return name(kindNames, k) }

// Event is one record of the log. Seq counts from 1 without a gap within an
// epoch of the store.
type Event struct {
	Seq  uint64
	Time time.Time // when it was decided
	Kind Kind
	// Change is the change itself; of an alert, the one that caused the
	// transition. Unused by KindBot.
	Change phone.Change
	Alert  *Alert  // of KindAlert: the alert after its transition
	Notice *Notice // of KindBot
}

// Subject is what the event is about: events of one subject are sent in order.
func (e *Event) Subject() phone.Subject {
	switch e.Kind {
	case KindAlert:
		return e.Alert.Subject
	case KindChange:
		return e.Change.Subject
	default:
		return phone.Subject{}
	}
}

// Notice is an event about the bot itself.
type Notice struct {
	Kind string `json:"kind"` // start, stop, rules-reloaded, rules-refused, …
	Text string `json:"text"`
}

// LateAfter is how long after it was decided an event or a message counts as
// late.
const LateAfter = 5 * time.Minute
