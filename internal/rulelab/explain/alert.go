package explain

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// Alert explains one alert from its opening to now.
type Alert struct {
	Alert   alert.Alert `json:"alert"`
	Log     []Record    `json:"log"`
	Opening *Change     `json:"opening,omitempty"` // nil where the log no longer has it
	Shown   []Shown     `json:"shown"`             // where it is shown
	Silent  []Silence   `json:"silent"`            // where it is not shown
}

// Shown is a message in Slack that lists the alert.
type Shown struct {
	Channel string             `json:"channel"`
	State   alert.MessageState `json:"state"`
	At      time.Time          `json:"at"`
	Others  int                `json:"others"` // alerts that the same message lists
	Current bool               `json:"current"`
	Reason  string             `json:"reason,omitempty"`
}

// Silence is a reason why people are not notified of an alert.
type Silence struct {
	Channel string `json:"channel,omitempty"` // "": in no channel
	Text    string `json:"text"`
}

// AlertByID explains the alert with the id.
func (x *Explainer) AlertByID(id string) (*Alert, error) {
	out := &Alert{Log: []Record{}, Shown: []Shown{}, Silent: []Silence{}}
	stored, err := x.History.Alerts()
	if err != nil {
		return nil, err
	}
	about := func(phone.Subject) bool { return true }
	i := slices.IndexFunc(stored, func(a alert.Alert) bool { return a.ID == id })
	if i >= 0 { // a number may have moved, but is the same: few of the log's events are read
		about = func(s phone.Subject) bool { return s.PhoneNumber == stored[i].Subject.PhoneNumber }
	}
	first, err := x.life(id, about, out)
	if err != nil {
		return nil, err
	}
	if i >= 0 {
		out.Alert = stored[i]
	}
	if out.Alert.ID == "" {
		return nil, fmt.Errorf("there is no alert %s, neither in the log nor in the store", id)
	}
	if first != nil && opened(first) {
		if out.Opening, err = x.change(first); err != nil {
			return nil, err
		}
	}
	if err := x.shown(out); err != nil {
		return nil, err
	}
	out.silences(x.Rules)
	out.Alert = redactedAlert(out.Alert)
	return out, nil
}

// life reads an alert's events among those about some subjects, and returns the one that
// opened it last.
func (x *Explainer) life(id string, about func(phone.Subject) bool, out *Alert) (opening *alert.Event, err error) {
	err = x.eachAlert(func(h store.Head) bool { return about(h.Subject) }, func(e *alert.Event) {
		if e.Alert.ID != id {
			return
		}
		out.Alert = *e.Alert
		out.Log = append(out.Log, x.record(e))
		if opened(e) || opening == nil {
			opening = e
		}
	})
	return opening, err
}

func (x *Explainer) shown(out *Alert) error {
	messages, err := x.History.Messages()
	if err != nil {
		return err
	}
	for _, m := range messages {
		i := slices.IndexFunc(m.Alerts, func(s alert.ShownAlert) bool { return s.Alert == out.Alert.ID })
		if i < 0 {
			continue
		}
		out.Shown = append(out.Shown, Shown{
			Channel: m.Channel, State: m.State, At: m.At, Others: len(m.Alerts) - 1,
			Current: m.Alerts[i].Revision >= out.Alert.Revision, Reason: m.Reason,
		})
	}
	sort.Slice(out.Shown, func(i, j int) bool { return out.Shown[i].Channel < out.Shown[j].Channel })
	return nil
}

// silences collects the reasons why people are not notified of the alert.
func (a *Alert) silences(set *rules.Set) {
	if a.Alert.State == alert.Pending {
		a.Silent = append(a.Silent, Silence{Text: "it is pending: its rule waits (for) before it notifies"})
	}
	for _, h := range a.Alert.HeldBy {
		a.Silent = append(a.Silent, Silence{Text: heldText(h)})
	}
	if len(a.Alert.HeldBy) > 0 && a.Alert.IsNotice() {
		a.Silent = append(a.Silent, Silence{Text: "it is a notice (once): nothing is open when the hold ends, so it is not shown then"})
	}
	if a.Opening != nil {
		for _, d := range a.Opening.Decisions {
			if d.Rule != a.Alert.Rule || d.Field != a.Alert.Field {
				continue
			}
			for _, h := range d.Channels {
				if !h.Notified && !slices.Contains(a.Alert.Channels, h.Channel) {
					a.Silent = append(a.Silent, Silence{h.Channel, h.Text})
				}
			}
		}
	}
	if len(a.Alert.Channels) == 0 {
		a.Silent = append(a.Silent, Silence{Text: "no channel gets it: it is only on NATS and the pages"})
	}
	for _, c := range a.Alert.Channels {
		a.unposted(set, c)
	}
}

// unposted says why a channel that the alert goes to has no message of it.
func (a *Alert) unposted(set *rules.Set, channel string) {
	posted := slices.ContainsFunc(a.Shown, func(s Shown) bool { return s.Channel == channel })
	channels := set.Channels()
	i := slices.IndexFunc(channels, func(c rules.Channel) bool { return c.Name == channel })
	known := i >= 0
	switch {
	case known && channels[i].Kind.Follows(): // no message says it there
	case known && channels[i].Digest != nil:
		a.Silent = append(a.Silent, Silence{channel, "it gets digests (" + channels[i].Digest.Text + "), and no message of its own"})
	case posted || a.Alert.State == alert.Pending || len(a.Alert.HeldBy) > 0:
	case !known:
		a.Silent = append(a.Silent, Silence{channel, "rules.yaml has no such channel now"})
	case a.Alert.State.Closed():
		a.Silent = append(a.Silent, Silence{channel, "no message of it is stored: it closed long ago, or before anything was posted"})
	case a.Alert.Baseline:
		a.Silent = append(a.Silent, Silence{channel, "it waits for the first round of its account to end, to be posted in one message"})
	default:
		a.Silent = append(a.Silent, Silence{channel, "it waits to be posted"})
	}
}

func heldText(h string) string {
	kind, name, _ := strings.Cut(h, ":")
	switch kind {
	case "mute":
		return "mute time " + name + " holds it back until it ends"
	case "rule":
		return "rule " + name + " fires for the same number, and holds it back (inhibited_by)"
	case "silence":
		return "silence " + name + " holds it back"
	default:
		return h + " holds it back"
	}
}

// Number explains what the rules make of a number as it is.
type Number struct {
	Space     phone.SpaceKey `json:"space"`
	Number    phone.Number   `json:"number"` // URLs are redacted
	Missed    int            `json:"missed,omitempty"`
	Alerts    []alert.Alert  `json:"alerts"`    // open, and lately closed
	Decisions []Decision     `json:"decisions"` // as if the number was looked at for the first time
	Log       []Record       `json:"log"`       // its last events
}

// lastRecords is how many of a number's events are shown.
const lastRecords = 20

// Numbers explains a number in each space that has it.
func (x *Explainer) Numbers(phoneNumber string) ([]Number, error) {
	spaces, err := x.History.SpacesOf(phoneNumber)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(spaces, phone.SpaceKey.Compare)
	var all []Number
	for _, k := range spaces {
		n, err := x.number(k, phoneNumber)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func (x *Explainer) number(k phone.SpaceKey, phoneNumber string) (Number, error) {
	out := Number{Space: k, Alerts: []alert.Alert{}, Log: []Record{}}
	state, err := x.History.SpaceState(k)
	if err != nil {
		return out, err
	}
	subject := phone.SubjectOf(k, phoneNumber)
	now := phone.Change{Subject: subject, Field: phone.Presence, New: phone.Appeared}
	if state != nil {
		for i := range state.Numbers {
			if e := &state.Numbers[i]; e.PhoneNumber == phoneNumber {
				out.Missed, now.Number, now.SeenAt = e.Missed, &e.Number, state.At
			}
		}
	}
	stored, err := x.History.Alerts()
	if err != nil {
		return out, err
	}
	for _, a := range stored {
		if a.Subject == subject {
			out.Alerts = append(out.Alerts, redactedAlert(a))
		}
	}
	if now.Number != nil {
		_, decisions := Decide(x.Rules, rules.NewState(stored), rules.NewSeen([]phone.Change{now}, x.Space), now.SeenAt)
		out.Decisions = slices.DeleteFunc(redactedDecisions(decisions), func(d Decision) bool { return !d.Field.OfNumber() })
		out.Number = now.Number.Redacted()
	}
	err = x.each(func(h store.Head) bool { return h.Kind == alert.KindAlert && h.Subject == subject }, func(e *alert.Event) {
		out.Log = append(out.Log, x.record(e))
	})
	out.Log = out.Log[max(0, len(out.Log)-lastRecords):]
	return out, err
}
