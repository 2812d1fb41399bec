package phone

import (
	"cmp"
	"strings"
)

// SpaceKey names a customer's space (CustSpaceId) within an account of the
// configuration. The id's form varies (digits, cams-…, C…): it is opaque.
type SpaceKey struct {
	Account string `json:"account"`
	ID      string `json:"id"`
}

// String returns account/id.
func (k SpaceKey) String() string { return k.Account + "/" + k.ID }

// Compare orders keys by account, then id.
func (k SpaceKey) Compare(o SpaceKey) int {
	return cmp.Or(strings.Compare(k.Account, o.Account), strings.Compare(k.ID, o.ID))
}

// Space is a space as the configuration describes it.
type Space struct {
	SpaceKey
	Name   string            // for display; may be empty
	Labels map[string]string // never modified once shared
}

// HasLabels reports whether a space has all of some labels.
func (s Space) HasLabels(wanted map[string]string) bool {
	for name, value := range wanted {
		if s.Labels[name] != value {
			return false
		}
	}
	return true
}

// IsCalled reports whether people mean the space by a word: its id, account/id, or its name
// in any case.
func (s Space) IsCalled(word string) bool {
	return word != "" && (s.ID == word || s.String() == word || strings.EqualFold(s.Name, word))
}

// Title returns the display name, or the id where there is none.
func (s Space) Title() string { return cmp.Or(s.Name, s.ID) }

// Kind tells what a subject is.
type Kind uint8

// The kinds of subjects.
const (
	OfBot Kind = iota
	OfAccount
	OfSpace
	OfNumber
)

// Subject is what a change is about: a number, a space, an account, or a part
// of the bot (a sink or channel, the rules, a silence, a list of spaces). Unused members are empty. It compares with ==
// and serves as a map key.
type Subject struct {
	Account     string `json:"account,omitempty"`
	Space       string `json:"space,omitempty"`
	PhoneNumber string `json:"number,omitempty"`
	Component   string `json:"part,omitempty"` // of the bot: "nats", "slack:ops", "rules", "silence:<id>", "spaces:<account>"
}

// SubjectOf returns the subject for a number of a space.
func SubjectOf(space SpaceKey, phoneNumber string) Subject {
	return Subject{Account: space.Account, Space: space.ID, PhoneNumber: phoneNumber}
}

// Kind tells what the subject is.
func (s Subject) Kind() Kind {
	switch {
	case s.PhoneNumber != "":
		return OfNumber
	case s.Space != "":
		return OfSpace
	case s.Account != "":
		return OfAccount
	default:
		return OfBot
	}
}

// SpaceKey returns the space that the subject is or is in.
func (s Subject) SpaceKey() SpaceKey { return SpaceKey{s.Account, s.Space} }

// Compare orders subjects by account, space, number and part.
func (s Subject) Compare(o Subject) int {
	return cmp.Or(strings.Compare(s.Account, o.Account), strings.Compare(s.Space, o.Space),
		strings.Compare(s.PhoneNumber, o.PhoneNumber), strings.Compare(s.Component, o.Component))
}

// String returns the members that are used, separated by slashes.
func (s Subject) String() string {
	var used []string
	for _, m := range []string{s.Account, s.Space, s.PhoneNumber, s.Component} {
		if m != "" {
			used = append(used, m)
		}
	}
	return strings.Join(used, "/")
}
