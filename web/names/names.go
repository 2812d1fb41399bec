// Package names resolves the names that people type into forms of pages, and rejects unknown
// ones with the nearest name. It imports phone, alert, internal/view and
// internal/diagnostic; web calls it.
package names

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/internal/view"
	"numwatch/phone"
)

// Directory is the names that a caller may use.
type Directory struct {
	View     view.Scope
	Spaces   func() []phone.Space
	Accounts func() []string // they take time, so they are asked for only where one is named
	Rules    func() []string // none: the hint lists no names
	Sinks    func() []string // none: the hint lists no names
}

// unknown is the error for a name that is not there, with the nearest that is.
func unknown(what, name string, known []string) error {
	return refuse(fmt.Sprintf("there is no %s %q", what, alert.Plain(name)), diagnostic.DidYouMean(name, known))
}

func refuse(text, hint string) error {
	if hint != "" {
		text += ": " + alert.Plain(hint)
	}
	return fmt.Errorf("%w: %s", alert.ErrRejected, text)
}

// Resolve replaces what people typed with what it means: a number's digits, and a space's id
// for its name. Unknown names are rejected, because they would silence nothing.
func (d Directory) Resolve(m *alert.Matcher) error {
	for _, check := range []struct {
		member *string
		each   func(string) error
	}{{&m.Account, d.account}, {&m.Rule, d.Rule}, {&m.Component, d.part}} {
		for name := range strings.SplitSeq(*check.member, ",") {
			if name == "" {
				continue
			}
			if err := check.each(name); err != nil {
				return err
			}
		}
	}
	if err := d.spaces(m); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		if err := d.label(name, m.Labels[name]); err != nil {
			return err
		}
	}
	return d.numbers(m)
}

// alerting reports whether a condition holds for some alert: things that are no longer
// watched are known by their alerts.
func (d Directory) alerting(is func(*alert.Alert) bool) bool {
	return slices.ContainsFunc(d.View.Alerts(), is)
}

// account finds an account that is polled, or has an alert.
func (d Directory) account(name string) error {
	known := d.Accounts()
	if slices.Contains(known, name) || d.alerting(func(a *alert.Alert) bool { return a.Subject.Account == name }) {
		return nil
	}
	return unknown("account", name, known)
}

// Rule finds a rule that is in force, or has an alert.
func (d Directory) Rule(name string) error {
	known := d.Rules()
	if len(known) == 0 || slices.Contains(known, name) || d.alerting(func(a *alert.Alert) bool { return a.Rule == name }) {
		return nil
	}
	return unknown("rule", name, known)
}

// parts are those of every bot that are no channels.
var parts = []string{"nats", "rules", "slack", "slack-socket", "store"}

// part finds a part of the bot: a channel, as KIND:NAME, or one that every bot has, or their
// dead letters. Silences and lists of spaces come and go, so they are not looked for.
func (d Directory) part(name string) error {
	sinks := d.Sinks()
	one := strings.TrimSuffix(name, ":dead-letters")
	kind, _, named := strings.Cut(one, ":")
	if len(sinks) == 0 || kind+":" == alert.SilenceHold || named && kind == "spaces" || d.alerting(func(a *alert.Alert) bool { return a.Subject.Component == name }) {
		return nil
	}
	what, known := "part of the bot", slices.Concat(parts, sinks)
	if slices.Contains(known, one) {
		return nil
	}
	if named {
		what, known = "channel", slices.DeleteFunc(sinks, func(sink string) bool { return !strings.Contains(sink, ":") })
	}
	return unknown(what, name, slices.Compact(slices.Sorted(slices.Values(known))))
}

// spaces turns the spaces of a matcher into their ids: one by itself, as its name may hold a
// comma, or else several.
func (d Directory) spaces(m *alert.Matcher) error {
	if m.Space == "" {
		return nil
	}
	key, err := d.Space(m.Account, m.Space)
	if err == nil {
		if m.Space != key.ID {
			m.Account = cmp.Or(m.Account, key.Account)
		}
		m.Space = key.ID
		return nil
	}
	several := strings.Split(m.Space, ",")
	for i, one := range several {
		if key, err = d.Space(m.Account, strings.TrimSpace(one)); err != nil {
			return err
		}
		several[i] = key.ID
	}
	m.Space = strings.Join(several, ",")
	return nil
}

// Space finds a space of some accounts, or if that is "" of any, by its id, account/id or
// name. The answer's account is empty where several accounts have its id.
func (d Directory) Space(accounts, word string) (phone.SpaceKey, error) {
	var byID, byName []phone.SpaceKey
	var known []string
	note := func(space phone.Space) {
		k := space.SpaceKey
		if accounts != "" && !slices.Contains(strings.Split(accounts, ","), k.Account) {
			return
		}
		known = append(known, k.ID)
		if space.Name != "" {
			known = append(known, space.Name)
		}
		switch {
		case !space.IsCalled(word):
		case k.ID == word || k.String() == word:
			byID = append(byID, k)
		default:
			byName = append(byName, k)
		}
	}
	for _, one := range d.Spaces() {
		note(one)
	}
	if len(byID)+len(byName) == 0 {
		for _, a := range d.View.Alerts() {
			note(phone.Space{SpaceKey: a.Subject.SpaceKey()})
		}
	}
	found := byID
	if len(found) == 0 {
		found = byName
	}
	slices.SortFunc(found, phone.SpaceKey.Compare)
	switch found = slices.Compact(found); {
	case len(found) == 0:
		return phone.SpaceKey{}, refuse(fmt.Sprintf("no space has the id %q, and none has that name", alert.Plain(word)), didYouMean(word, known))
	case len(found) == 1:
		return found[0], nil
	case len(byID) > 0:
		return phone.SpaceKey{ID: word}, nil
	default:
		return phone.SpaceKey{}, fmt.Errorf("%w: no space has the id %q, and several have that name: name the account, or one of %s",
			alert.ErrRejected, alert.Plain(word), alert.Plain(listed(found)))
	}
}

// didYouMean is the hint where there are thousands: the nearest name, but no list.
func didYouMean(word string, known []string) string {
	if near := diagnostic.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// maxListed is how many spaces of the same name are named.
const maxListed = 5

func listed(spaces []phone.SpaceKey) string {
	var ids []string
	for _, k := range spaces {
		if len(ids) == maxListed {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, k.String())
	}
	return strings.Join(ids, ", ")
}

// label finds a label that some space has, with its value.
func (d Directory) label(name, value string) error {
	names, values := map[string]bool{}, map[string]bool{}
	for _, s := range d.Spaces() {
		for k, v := range s.Labels {
			names[k] = true
			if k == name {
				values[v] = true
			}
		}
	}
	switch {
	case !names[name]:
		return unknown("label", name, slices.Sorted(maps.Keys(names)))
	case !values[value]:
		return unknown("space with label."+alert.Plain(name), value, slices.Sorted(maps.Keys(values)))
	default:
		return nil
	}
}

// numbers turns the numbers of a matcher into digits, which some space has, or an alert is
// about.
func (d Directory) numbers(m *alert.Matcher) error {
	if m.PhoneNumber == "" {
		return nil
	}
	several := strings.Split(m.PhoneNumber, ",")
	for i, written := range several {
		number := phone.Digits(written)
		if err := d.number(number); err != nil {
			return err
		}
		several[i] = number
	}
	m.PhoneNumber = strings.Join(several, ",")
	return nil
}

// maxNear is how many numbers are compared with one that is not there.
const maxNear = 1000

func (d Directory) number(number string) error {
	if d.alerting(func(a *alert.Alert) bool { return a.Subject.PhoneNumber == number }) {
		return nil
	}
	var near []string
	for _, part := range []string{number, number[:max(len(number)-2, 0)], number[min(2, len(number)):]} {
		found, err := d.View.Find(view.Query{Text: part, Limit: maxNear})
		if err != nil {
			return err
		}
		for i := range found.Rows {
			near = append(near, found.Rows[i].Number.PhoneNumber)
		}
		if slices.Contains(near, number) {
			return nil
		}
	}
	return refuse(fmt.Sprintf("no space has a number %q", alert.Plain(number)), didYouMean(number, near))
}
