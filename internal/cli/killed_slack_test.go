package cli_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/notify/card"
)

// slackView holds what Slack shows against what the store says.
type slackView struct {
	picture  *picture
	findings findings
	// doubles are posts and replies that say what another one has said: one
	// that nothing knows of, a line told twice in a thread.
	doubles findings
	times   map[string]int // how many, by channel
}

func (p *picture) checkSlack(slack *slacksim.Server) *slackView {
	v := &slackView{picture: p, times: map[string]int{}}
	lists := map[string]map[string]int{} // channel → alert → messages that list it
	known := map[string]*alert.Message{}
	for i := range p.messages {
		m := &p.messages[i]
		if m.Kind != "" { // of another chat
			continue
		}
		known[m.ID] = m
		if lists[m.Channel] == nil {
			lists[m.Channel] = map[string]int{}
		}
		for _, s := range m.Alerts {
			lists[m.Channel][s.Alert]++
		}
	}
	for id, a := range p.alerts {
		for _, channel := range a.Channels {
			if _, inSlack := crashChannels[channel]; !inSlack {
				continue
			}
			if n := lists[channel][id]; n != 1 && a.State != alert.Pending {
				v.findings.add("%d messages in %s list alert %s", n, channel, id)
			}
		}
	}
	for name, ch := range crashChannels {
		v.channel(name, slack.Messages(ch.ID), known)
	}
	for id, m := range known {
		v.findings.add("message %s of %s is not in Slack", id, m.Channel)
	}
	return v
}

// channel checks every message there, and takes those it finds out of known.
func (v *slackView) channel(name string, there []slacksim.Message, known map[string]*alert.Message) {
	ids := map[string]bool{}
	for i := range there {
		m := &there[i]
		id := metadataID(&m.Version)
		if id == "" || ids[id] {
			v.findings.add("message %s in %s has no id, or that of another: %q", m.Ts, name, id)
		}
		ids[id] = true
		switch kept := known[id]; {
		case kept == nil || kept.TS != m.Ts:
			v.times[name]++
			v.doubles.add("nothing knows of message %s in %s: %s", id, name, m.Text)
		default:
			v.message(kept, m)
			delete(known, id)
		}
		v.thread(name, m, ids)
	}
}

// message checks that a message shows each of its alerts as it is.
func (v *slackView) message(kept *alert.Message, m *slacksim.Message) {
	if kept.State != alert.Posted || kept.Reply != nil {
		v.findings.add("message %s in %s is %s, its reply %v", kept.ID, kept.Channel, kept.State, kept.Reply)
	}
	var listed []alert.Alert
	for _, s := range kept.Alerts {
		a, there := v.picture.alerts[s.Alert]
		if !there {
			v.findings.add("message %s lists alert %s, which is not in the store", kept.ID, s.Alert)
			continue
		}
		if s.Revision != a.Revision || s.Annotations != a.Annotations() {
			v.findings.add("message %s in %s shows revision %d (%s) of alert %s, which is at %d (%s)",
				kept.ID, kept.Channel, s.Revision, s.Annotations, a.ID, a.Revision, a.Annotations())
		}
		open := a.State == alert.Firing
		if s.NotifiedOpen != open && (!open || len(a.HeldBy) == 0 && slices.Contains(a.Channels, kept.Channel)) {
			v.findings.add("message %s in %s told at revision %d of alert %s that it is open: %v, and it is %s at %d, flapping: %v",
				kept.ID, kept.Channel, s.NotifiedRevision, a.ID, s.NotifiedOpen, a.State, a.Revision, a.Flapping)
		}
		listed = append(listed, a)
	}
	lines := shownLines(m.Blocks)
	alone := len(kept.Incidents()) == 1
	missing := map[string]bool{}
	for i := range listed {
		if !outdated(&listed[i], listed) && !says(lines, &listed[i], alone) {
			missing[titleOf(&listed[i])] = true
		}
	}
	if len(missing) != countedOnly(lines) {
		v.findings.add("message %s in %s does not show how it is with %v, but\n\t%s", kept.ID, kept.Channel, missing, strings.Join(lines, "\n\t"))
	}
}

// outdated reports whether an alert is closed, and a later one says how its field is.
func outdated(a *alert.Alert, all []alert.Alert) bool {
	return a.State.Closed() && slices.ContainsFunc(all, func(b alert.Alert) bool {
		switch {
		case b.Subject != a.Subject || b.Field != a.Field:
			return false
		case card.Over(a):
			return b.State == alert.Firing || card.Over(&b) && b.Changed.After(a.Changed)
		default: // notices
			return b.Rule == a.Rule && !card.Over(&b) && b.Changed.After(a.Changed)
		}
	})
}

// says reports whether a line has the value that an alert is about, beside its subject
// where the message is about several.
func says(lines []string, a *alert.Alert, alone bool) bool {
	subject := false
	return slices.ContainsFunc(lines, func(line string) bool {
		subject = strings.Contains(line, titleOf(a)) || alone && subject
		return subject && strings.Contains(line, a.Change.New)
	})
}

var moreLine = regexp.MustCompile(`^(\d+) more: numwatch alerts lists all$`)

// countedOnly is how many alerts a long list counts instead of showing them.
func countedOnly(lines []string) int {
	for _, line := range lines {
		if m := moreLine.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// thread finds what replies tell twice. Every state of a number has another
// name, so that no two lines are alike by right.
func (v *slackView) thread(channel string, m *slacksim.Message, ids map[string]bool) {
	told := map[string]bool{}
	for i := range m.Replies {
		r := &m.Replies[i]
		id := metadataID(&r.Version)
		if id == "" || ids[id] {
			v.findings.add("reply %s in %s has no id, or that of another: %q", r.Ts, channel, id)
		}
		ids[id] = true
		lines := strings.Split(r.Text, "\n")
		if len(lines) > 1 {
			lines = lines[1:] // the first counts the others
		}
		again := slices.ContainsFunc(lines, func(line string) bool { return told[line] && strings.Contains(line, "(Shop v") })
		if again {
			v.times[channel]++
			v.doubles.add("reply %s in %s tells what was told: %s", id, channel, r.Text)
		}
		for _, line := range lines {
			told[line] = true
		}
	}
}

func metadataID(v *slacksim.Version) string {
	var payload struct {
		ID string `json:"id"`
	}
	if v.Metadata == nil || json.Unmarshal(v.Metadata.EventPayload, &payload) != nil {
		return ""
	}
	return payload.ID
}

// shownLines are the lines of a message's blocks, without the signs of colour
// before them.
func shownLines(blocks json.RawMessage) (lines []string) {
	type text struct{ Text string }
	var all []struct {
		Type     string
		Text     *text
		Elements []json.RawMessage // texts in a context, buttons elsewhere
	}
	if json.Unmarshal(blocks, &all) != nil {
		return nil
	}
	for _, b := range all {
		if b.Type == "context" {
			for _, e := range b.Elements {
				var fact text
				if json.Unmarshal(e, &fact) == nil {
					lines = append(lines, fact.Text)
				}
			}
		}
		if b.Text == nil {
			continue
		}
		for line := range strings.Lines(b.Text.Text) {
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
			lines = append(lines, line)
		}
	}
	return lines
}

func titleOf(a *alert.Alert) string {
	switch s := a.Subject; {
	case s.PhoneNumber != "":
		return s.PhoneNumber
	case s.Space != "":
		return s.Space
	default:
		return s.Account
	}
}
