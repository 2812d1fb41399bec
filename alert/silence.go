package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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
	Rule        string            `json:"rule,omitempty"`
	Severity    string            `json:"severity,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"` // of the space
}

// Matches reports whether the alert, of a space with these labels, is chosen.
func (m *Matcher) Matches(a *Alert, labels map[string]string) bool {
	fits := func(want, is string) bool { return want == "" || want == is }
	for k, v := range m.Labels {
		if labels[k] != v {
			return false
		}
	}
	return fits(m.Account, a.Subject.Account) && fits(m.Space, a.Subject.Space) && fits(m.PhoneNumber, a.Subject.PhoneNumber) &&
		fits(m.Rule, a.Rule) && fits(m.Severity, a.Severity.String())
}

// Empty reports whether the matcher chooses everything.
func (m *Matcher) Empty() bool {
	return m.Account == "" && m.Space == "" && m.PhoneNumber == "" && m.Rule == "" && m.Severity == "" && len(m.Labels) == 0
}

// String lists what must fit, as in rule=quality-red space=1001.
func (m *Matcher) String() string {
	var parts []string
	for _, p := range [][2]string{
		{"account", m.Account}, {"space", m.Space}, {"number", m.PhoneNumber}, {"rule", m.Rule}, {"severity", m.Severity},
	} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, fmt.Sprintf("label.%s=%s", k, m.Labels[k]))
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, " ")
}

// Set gives the member that String calls name a value.
func (m *Matcher) Set(name, value string) error {
	label, isLabel := strings.CutPrefix(name, "label.")
	switch {
	case isLabel && label != "":
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		m.Labels[label] = value
	case name == "account":
		m.Account = value
	case name == "space":
		m.Space = value
	case name == "number":
		m.PhoneNumber = value
	case name == "rule":
		m.Rule = value
	case name == "severity":
		if !slices.Contains(severityNames, value) {
			return fmt.Errorf("unknown severity %q (one of %v)", value, severityNames)
		}
		m.Severity = value
	default:
		return fmt.Errorf("alerts cannot be chosen by %q (account, space, number, rule, severity, label.NAME)", name)
	}
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
