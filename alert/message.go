package alert

import (
	"time"

	"numwatch/phone"
)

// MessageState is the state of a message in a chat.
type MessageState uint8

// The states of a message. Sending: the call was about to be made, and whether
// it took effect is not known. Dead: Slack refuses it for good. Gone: somebody deleted
// it, or it is out of reach.
const (
	Sending MessageState = iota
	Posted
	Dead
	Gone
)

var messageStateNames = []string{"sending", "posted", "dead", "gone"}

// String returns the name.
func (s MessageState) String() string { return name(messageStateNames, s) }

// MarshalText writes the name.
func (s MessageState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *MessageState) UnmarshalText(b []byte) error {
	return parse(s, messageStateNames, "message state", b)
}

// Message is one message in a Slack channel: a fixed set of incidents, and which
// revision it shows of each of their alerts. Alerts that open on an incident later join
// it. For a chat without edits, it records what people were told of one incident.
type Message struct {
	ID      string       `json:"id"`             // opaque, also in the message's metadata
	Kind    string       `json:"kind,omitempty"` // of the chat; "": Slack
	Channel string       `json:"channel"`        // the name in rules.yaml
	Target  string       `json:"target"`         // Slack's channel id, or the name of a channel in config.yaml
	TS      string       `json:"ts,omitempty"`
	State   MessageState `json:"state"`
	At      time.Time    `json:"at"` // of the first attempt
	Reason  string       `json:"reason,omitempty"`
	Alerts  []ShownAlert `json:"alerts"`
	// Reply is the reply in the message's thread that is being sent, if any.
	Reply *Reply `json:"reply,omitempty"`
	// Digest is what a digest message sums up; nil: it shows Alerts.
	Digest *Digest `json:"digest,omitempty"`
	// Plain marks a message that Slack took only as plain text.
	Plain bool `json:"plain,omitempty"`
	// NoReplies and NoEdits are set when Slack refuses those of this message for good.
	NoReplies bool `json:"no_replies,omitempty"`
	NoEdits   bool `json:"no_edits,omitempty"`
}

// Incidents returns the ids of the incidents that the message shows.
func (m *Message) Incidents() (ids []string) {
	seen := make(map[string]bool, len(m.Alerts))
	for i := range m.Alerts {
		if id := m.Alerts[i].Incident; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// ShownAlert is an alert of a message: the revision that the message shows, and the
// last one that the post or a reply told people of, or that was refused.
type ShownAlert struct {
	Alert            string `json:"alert"`
	Incident         string `json:"incident"`
	Revision         uint64 `json:"revision"`         // 0: none yet
	Annotations      string `json:"beside,omitempty"` // what was shown with the revision: see Alert.Annotations
	NotifiedRevision uint64 `json:"told"`             // 0: none yet
	// NotifiedOpen and IncidentOpen are how the alert, and its incident, were when
	// people were told.
	NotifiedOpen bool `json:"told_open,omitempty"`
	IncidentOpen bool `json:"incident_open,omitempty"`
	// NotifiedValue is the value of which people were told, of a field that is an enum.
	NotifiedValue string `json:"told_value,omitempty"`
	// At is when a reply told of it last, reminded of it, or was refused; zero: the post did.
	At time.Time `json:"at,omitzero"`
}

// Reply is a reply whose outcome is not known yet.
type Reply struct {
	ID     string       `json:"id"`
	At     time.Time    `json:"at"`
	Alerts []ShownAlert `json:"alerts"` // what it tells of each
}

// Digest is the part of the log that a digest sums up: the events after After, up to
// Seq. An empty one without a message in Slack marks where the first begins.
type Digest struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	After uint64    `json:"after"`
	Seq   uint64    `json:"seq"`
}

// Cursor is how far the stream in NATS has got: every event up to Seq was
// acknowledged by the stream that was created at Stream. As long as the stream
// ends with Last, it holds no event above Ahead.
type Cursor struct {
	Seq    uint64        `json:"seq"`
	Ahead  uint64        `json:"ahead"`
	Stream time.Time     `json:"stream"`
	Last   StreamMessage `json:"last,omitzero"`
}

// StreamMessage is an event in the stream; zero: none is known.
type StreamMessage struct {
	Sequence uint64 `json:"sequence"` // the stream's own
	Epoch    string `json:"epoch"`
	Event    uint64 `json:"event"`
	Acked    uint64 `json:"acked"` // every event up to here was acknowledged before this one was published
}

// DeliveryUpdate is what a sink reports to the loop, which commits it. Members that
// are zero say nothing.
type DeliveryUpdate struct {
	Messages []Message // to be put
	Drop     []string  // ids of messages to be forgotten
	Forget   []string  // ids of closed alerts whose end every channel has shown
	Cursor   *Cursor
	Sink     *SinkReport
}

// SinkReport says that a sink, or a channel of it, works or is parked.
type SinkReport struct {
	Component string // "nats", "slack", "slack:ops"
	Value     string // phone.OK or phone.Parked
	Code      string // the sink's own error code
	Reason    string // for people: what is wrong and what to do
	At        time.Time
}

// Condition returns the report as a condition.
func (r *SinkReport) Condition() phone.Condition {
	return phone.Condition{
		Subject: phone.Subject{Component: r.Component}, Field: phone.Sink, Value: r.Value, Code: r.Code, Reason: r.Reason, Since: r.At,
	}
}
