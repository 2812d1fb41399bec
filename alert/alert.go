// Package alert is the vocabulary of what is reported: alerts and their
// transitions, the events of the log, the messages in Slack that show alerts, and
// what sinks report back. It does no I/O and reads no clock.
package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/phone"
)

// Severity is how much an alert matters. A lower value matters more, so that
// sorting puts the worst first.
type Severity uint8

// The severities.
const (
	Critical Severity = iota
	High
	Warning
	Info
)

var severityNames = []string{"critical", "high", "warning", "info"}

// Severities lists the names, worst first.
func Severities() []string { return slices.Clone(severityNames) }

// String returns the name.
func (s Severity) String() string { return name(severityNames, s) }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Severity) UnmarshalText(b []byte) error { return parse(s, severityNames, "severity", b) }

// State is the state of an alert.
type State uint8

// The states. Pending: the condition holds, but not for long enough yet.
// Resolved: the value moved to one that the rule does not match. Ended: it can
// no longer be judged (number gone, rule removed, a notice that was given).
const (
	Pending State = iota
	Firing
	Resolved
	Ended
)

var stateNames = []string{"pending", "firing", "resolved", "ended"}

// String returns the name.
func (s State) String() string { return name(stateNames, s) }

// Closed reports whether the alert is resolved or ended.
func (s State) Closed() bool { return s == Resolved || s == Ended }

// MarshalText writes the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *State) UnmarshalText(b []byte) error { return parse(s, stateNames, "state", b) }

// Transition is what happened to an alert.
type Transition uint8

// The transitions.
const (
	NoTransition Transition = iota // of a pending alert: nothing has been sent yet
	Opened
	GotWorse
	GotBetter
	WasResolved
	WasEnded
	Reopened
	Settled // it stopped flapping, in the state that it has
	// Explained is of events alone: a Reason was found. The alert keeps its last transition.
	Explained
)

// transitionNames are as in events and in tests of rules.
var transitionNames = []string{"none", "opened", "worse", "better", "resolved", "ended", "reopened", "settled", "explained"}

// String returns the name.
func (t Transition) String() string { return name(transitionNames, t) }

// MarshalText writes the name.
func (t Transition) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a name.
func (t *Transition) UnmarshalText(b []byte) error {
	return parse(t, transitionNames, "transition", b)
}

func name[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown (%d)", v)
}

func parse[T ~uint8](v *T, names []string, what string, b []byte) error {
	i := slices.Index(names, string(b))
	if i < 0 {
		return fmt.Errorf("unknown %s %q (one of %v)", what, b, names)
	}
	*v = T(i)
	return nil
}

// Key identifies the alert of a rule on one field of a subject: there is at
// most one at a time.
type Key struct {
	Rule    string
	Subject phone.Subject
	Field   phone.Field
}

// Alert is what one rule reports about one field of a subject, from its opening to
// its end. Values of the type are snapshots: whoever changes one raises Revision
// and hands on a copy; slices and Change.Number are never modified.
type Alert struct {
	ID   string `json:"id"` // kept from opening to end, reopening included
	Rule string `json:"rule"`
	// Incident is the id of what is wrong with the subject as a whole: of all alerts on
	// it, from the first that opens until none has been open for reopen_within.
	Incident string `json:"incident,omitempty"`
	// OpenedAs is the rule's name when the alert opened, if it was renamed since.
	OpenedAs string        `json:"opened_as,omitempty"`
	Severity Severity      `json:"severity"` // as it was when the alert opened
	Subject  phone.Subject `json:"subject"`
	Field    phone.Field   `json:"field"`
	State    State         `json:"state"`

	// Change is the one that caused the last transition, with Old and New of
	// Field: what the texts show.
	Change phone.Change `json:"change"`
	// Origin is the space that the number moved from, which not everybody may see; nil:
	// it did not move.
	Origin *Origin `json:"origin,omitempty"`
	// Before is the field's value before the alert opened: a return to it, or to
	// better, resolves a rule that names no values.
	Before string `json:"before,omitempty"`

	Transition Transition `json:"transition"` // the last one
	Revision   uint64     `json:"revision"`   // raised by every transition, from 1
	Since      time.Time  `json:"since"`      // of the (last) opening; of a pending one, since the condition holds
	Changed    time.Time  `json:"changed"`    // of the last transition
	Openings   int        `json:"openings"`   // 1, and 1 more for every reopening
	// Notified is the revision of the last transition that people are told, by a
	// message or a reply. What happens while its field flaps only shows in place.
	Notified uint64 `json:"notified"`
	// Flaps are the times at which it opened within reopen_within, oldest first; with
	// the third one it is Flapping, until it has stayed as it is for long enough.
	Flaps    []time.Time `json:"flaps,omitempty"`
	Flapping bool        `json:"flapping,omitempty"`
	Closing  string      `json:"closing,omitempty"` // why it ended, for people

	Title   Text `json:"title,omitempty"` // what several alerts of the rule have in common; may be empty
	Summary Text `json:"summary"`
	Action  Text `json:"action,omitempty"`
	// Translations are these texts in the languages that channels speak besides English,
	// as far as the rule has them.
	Translations map[phone.Language]Texts `json:"translations,omitempty"`

	Runbook  string   `json:"runbook,omitempty"`
	Channels []string `json:"channels,omitempty"` // names from rules.yaml, sorted
	// Later are the channels that get it once their mute time is over, if it is still open.
	Later []string `json:"later,omitempty"`
	// Followers are the channels of config.yaml that get all that happens to it, to its end:
	// unlike the channels that led there, these keep their names when rules.yaml changes.
	Followers []string `json:"followers,omitempty"`
	HeldBy    []string `json:"held_by,omitempty"` // what holds back Slack now
	Ack       *Ack     `json:"ack,omitempty"`
	Reason    *Reason  `json:"reason,omitempty"` // why, as the provider says; nil: not known
	// RemindEvery is how often people are reminded while it fires unacknowledged; 0:
	// never.
	RemindEvery time.Duration `json:"remind_every,omitempty"`
	Baseline    bool          `json:"baseline,omitempty"` // opened at the first poll of its space
	Drill       bool          `json:"drill,omitempty"`
}

// Origin is the space that a number came from, with the texts of the alert for those who
// may not see that space.
type Origin struct {
	Space   string `json:"space"` // the id
	Title   Text   `json:"title,omitempty"`
	Summary Text   `json:"summary"`
	Action  Text   `json:"action,omitempty"`
}

// Texts are what a rule says of an alert.
type Texts struct {
	Title   Text `json:"title,omitempty"`
	Summary Text `json:"summary,omitempty"`
	Action  Text `json:"action,omitempty"`
}

// Texts returns the alert's texts in a language, or in English those without a translation.
func (a *Alert) Texts(l phone.Language) Texts {
	t := a.Translations[l]
	return Texts{Title: or(t.Title, a.Title), Summary: or(t.Summary, a.Summary), Action: or(t.Action, a.Action)}
}

func or(t, other Text) Text {
	if len(t) > 0 {
		return t
	}
	return other
}

// Key returns the alert's key.
func (a *Alert) Key() Key { return Key{a.Rule, a.Subject, a.Field} }

// Recovered reports whether the alert closed because its value is at its best, or as
// good as before the alert opened. One whose value moved on to another bad value is
// resolved too, but has not recovered.
func (a *Alert) Recovered() bool {
	return a.State == Resolved && a.Change.Old != a.Change.New && a.Field.Recovered(a.Before, a.Change.New)
}

// IsNotice reports whether the alert leaves nothing open: it ended as it opened, as those
// of a rule with once and drills do. Where its field flapped, it may have settled since.
func (a *Alert) IsNotice() bool {
	return a.State.Closed() && (a.Transition == Opened || a.Transition == Settled && a.Closing == "")
}

// Annotations is a short mark of what is shown with an alert and raises no revision:
// who acknowledged it, what holds it back, and what causes it. Alerts with the same
// mark show the same; it is empty if there is none of these.
func (a *Alert) Annotations() string {
	if a.Ack == nil && len(a.HeldBy) == 0 && a.Change.Reason == "" && a.Reason == nil {
		return ""
	}
	h := fnv.New64a()
	if a.Ack != nil {
		fmt.Fprintf(h, "%d %q", a.Ack.At.UnixNano(), a.Ack.By)
	}
	fmt.Fprintf(h, "%q%q%q", a.HeldBy, a.Change.Code, a.Change.Reason)
	if a.Reason != nil {
		fmt.Fprintf(h, "%q", *a.Reason)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// Reason is why a number cannot send, in the provider's words: untrusted text.
type Reason struct {
	Level    string `json:"level"` // number, account, business, or anything else that the provider names
	Code     string `json:"code,omitempty"`
	Text     string `json:"text"`
	Solution string `json:"solution,omitempty"`
}

// String is the reason in a line, without the solution.
func (r Reason) String() string {
	s := r.Level + ": " + r.Text
	if r.Code != "" {
		s += " (" + r.Code + ")"
	}
	return s
}

// Ack says who acknowledged an alert.
type Ack struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// IncidentPrefix begins the ids of incidents, and of nothing else.
const IncidentPrefix = "i-"

// NewIncident returns the id of the incident that begins with the alert.
func (a *Alert) NewIncident() string { return IncidentPrefix + strings.TrimPrefix(a.ID, "a-") }

// ID derives an alert's id from its key and the time at which it first opened,
// so that judging the same input again gives the same id.
func ID(k Key, opened time.Time) string {
	h := sha256.New()
	for _, s := range []string{k.Rule, k.Subject.Account, k.Subject.Space, k.Subject.PhoneNumber, k.Subject.Component, k.Field.String()} {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	h.Write(binary.AppendVarint(nil, opened.UnixNano()))
	return "a-" + hex.EncodeToString(h.Sum(nil)[:8])
}
