package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"numwatch/phone"
)

// Why a request of an operator fails: what it names does not exist, or it is not valid.
var (
	ErrNotFound = errors.New("not found")
	ErrRejected = errors.New("rejected")
)

// LongSilence is the longest silence that needs no confirmation: people forget longer
// ones, and more often set them by mistake.
const LongSilence = 30 * 24 * time.Hour

// Begin is when a silence that is requested now begins: at its start, unless that has passed.
func Begin(start, now time.Time) time.Time {
	if start.After(now) {
		return start
	}
	return now
}

// Matcher chooses alerts: every member that is not empty must fit. A member may be
// one of several values, separated by commas. An empty matcher matches all.
type Matcher struct {
	Account     string            `json:"account,omitempty"`
	Space       string            `json:"space,omitempty"` // the id
	PhoneNumber string            `json:"number,omitempty"`
	Component   string            `json:"part,omitempty"` // of the bot: "slack:ops"
	Rule        string            `json:"rule,omitempty"`
	Severity    string            `json:"severity,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"` // of the space
}

// MatcherNames are what the members of a matcher are called where people write
// them; labels are called label.NAME.
func MatcherNames() []string {
	return []string{"account", "space", "number", "part", "rule", "severity"}
}

// member returns the member with a name, nil if there is none.
func (m *Matcher) member(name string) *string {
	members := []*string{&m.Account, &m.Space, &m.PhoneNumber, &m.Component, &m.Rule, &m.Severity}
	if i := slices.Index(MatcherNames(), name); i >= 0 {
		return members[i]
	}
	return nil
}

// MatchSubject returns a matcher of one rule on one subject.
func MatchSubject(rule string, s phone.Subject) Matcher {
	return Matcher{Account: s.Account, Space: s.Space, PhoneNumber: s.PhoneNumber, Component: s.Component, Rule: rule}
}

// MatchSubjects returns a matcher of one rule on several subjects of an account
// that are of one kind: numbers, spaces or components.
func MatchSubjects(rule string, subjects []phone.Subject) Matcher {
	m := MatchSubject(rule, subjects[0])
	join := func(member *string, of func(phone.Subject) string) {
		var values []string
		for _, s := range subjects {
			if v := of(s); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		*member = strings.Join(values, ",")
	}
	join(&m.Space, func(s phone.Subject) string { return s.Space })
	join(&m.PhoneNumber, func(s phone.Subject) string { return s.PhoneNumber })
	join(&m.Component, func(s phone.Subject) string { return s.Component })
	return m
}

// Matches reports whether the alert, of a space with these labels, is chosen.
func (m *Matcher) Matches(a *Alert, labels map[string]string) bool {
	for k, v := range m.Labels {
		if labels[k] != v {
			return false
		}
	}
	s := &a.Subject
	return isOneOf(m.Rule, a.Rule) && isOneOf(m.Space, s.Space) && isOneOf(m.Account, s.Account) && isOneOf(m.PhoneNumber, s.PhoneNumber) &&
		isOneOf(m.Component, s.Component) && (m.Severity == "" || isOneOf(m.Severity, a.Severity.String()))
}

// isOneOf reports whether a member of a matcher fits a value.
func isOneOf(member, value string) bool {
	if member == "" || member == value {
		return true
	}
	for one := range strings.SplitSeq(member, ",") {
		if one == value {
			return true
		}
	}
	return false
}

// Empty reports whether the matcher chooses everything.
func (m *Matcher) Empty() bool {
	return len(m.Labels) == 0 && !slices.ContainsFunc(MatcherNames(), func(name string) bool { return m.Get(name) != "" })
}

const everything = "everything"

// String lists what must fit, as in rule=quality-red space=1001, for people: of
// many values only the first are named.
func (m *Matcher) String() string {
	var parts []string
	for _, name := range MatcherNames() {
		if v := m.Get(name); v != "" {
			parts = append(parts, name+"="+abbreviated(v))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, fmt.Sprintf("label.%s=%s", k, m.Labels[k]))
	}
	if len(parts) == 0 {
		return everything
	}
	return strings.Join(parts, " ")
}

// maxNamed is how many values of a member are shown by name.
const maxNamed = 3

func abbreviated(member string) string {
	values := strings.Split(member, ",")
	if len(values) <= maxNamed+1 {
		return member
	}
	return fmt.Sprintf("%s and %d more", strings.Join(values[:maxNamed], ","), len(values)-maxNamed)
}

// Get returns the member with a name of MatcherNames, "" if it is not set.
func (m *Matcher) Get(name string) string {
	if v := m.member(name); v != nil {
		return *v
	}
	return ""
}

// Set gives the member with a name, or the label label.NAME, a value.
func (m *Matcher) Set(name, value string) error {
	if label, ok := strings.CutPrefix(name, "label."); ok && label != "" {
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		m.Labels[label] = value
		return nil
	}
	member := m.member(name)
	switch {
	case member == nil:
		return fmt.Errorf("alerts cannot be matched by %q (%s, label.NAME)", name, strings.Join(MatcherNames(), ", "))
	case name == "severity":
		for one := range strings.SplitSeq(value, ",") {
			if !slices.Contains(severityNames, one) {
				return fmt.Errorf("unknown severity %q (one of %v)", one, severityNames)
			}
		}
	}
	*member = value
	return nil
}

// Silence holds back from Slack the alerts that it matches, for a time.
type Silence struct {
	ID     string    `json:"id"`
	Match  Matcher   `json:"match"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	// Planned: it has not begun, and holds back nothing yet.
	Planned bool `json:"planned,omitempty"`
}

// SilenceHold precedes a silence's id in HeldBy, and in the name of the component that
// the silence is to the rules.
const SilenceHold = "silence:"
