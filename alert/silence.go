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

// Matcher chooses alerts: every member that is not empty must fit. An empty one
// matches all.
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

// Matches reports whether the alert, of a space with these labels, is chosen.
func (m *Matcher) Matches(a *Alert, labels map[string]string) bool {
	is := MatchSubject(a.Rule, a.Subject)
	is.Severity = a.Severity.String()
	for _, name := range MatcherNames() {
		if want := *m.member(name); want != "" && want != *is.member(name) {
			return false
		}
	}
	for k, v := range m.Labels {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// Empty reports whether the matcher chooses everything.
func (m *Matcher) Empty() bool { return m.String() == everything }

const everything = "everything"

// String lists what must fit, as in rule=quality-red space=1001.
func (m *Matcher) String() string {
	var parts []string
	for _, name := range MatcherNames() {
		if v := m.Get(name); v != "" {
			parts = append(parts, name+"="+v)
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
	case name == "severity" && !slices.Contains(severityNames, value):
		return fmt.Errorf("unknown severity %q (one of %v)", value, severityNames)
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
	// Warned: people were told that it is about to run out.
	Warned bool `json:"warned,omitempty"`
}

// SilenceHold is what HeldBy calls a silence.
const SilenceHold = "silence:"
