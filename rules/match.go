package rules

import (
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

// unlisted stands, in `to` and `from`, for every value that is not documented.
const unlisted = "unlisted"

// matcher is a compiled list of values, canonical for one field.
type matcher struct {
	named    []string
	except   []string // "!X": any value on the scale but these
	unlisted bool
}

// onlyNames reports whether the named values are all that match.
func (m *matcher) onlyNames() bool { return len(m.except) == 0 && !m.unlisted }

func (m *matcher) names(v string) bool { return slices.Contains(m.named, v) }

func (m *matcher) match(f phone.Field, v string) bool {
	switch {
	case m.names(v):
		return true
	case m.unlisted && !f.Listed(v):
		return true
	default:
		return len(m.except) > 0 && !offScale(f, v) && !slices.Contains(m.except, v)
	}
}

// offScale reports whether the value says nothing: it neither opens an alert,
// unless a rule names it, nor resolves one. Text fields have no such value.
func offScale(f phone.Field, v string) bool {
	if !f.IsEnum() {
		return false
	}
	_, on := f.Rank(v)
	return !on
}

// namesValue reports whether `to` takes the value by its name, !X or unlisted.
func (r *fieldRule) namesValue(v string) bool {
	return r.to != nil && r.to.match(r.field, v)
}

// opensFor reports whether the value is one to open for.
func (r *fieldRule) opensFor(v string) bool {
	if r.to != nil {
		return r.to.match(r.field, v)
	}
	return !offScale(r.field, v)
}

func (r *fieldRule) fromFits(old string) bool { return r.from == nil || r.from.match(r.field, old) }

func (r *fieldRule) directionFits(d phone.Direction) bool {
	return r.Direction == phone.NoDirection || r.Direction == d
}

// opensUnmoved reports whether the rule may open without a change of its field: by
// a value that is there, once the rest of the condition comes true.
func (r *fieldRule) opensUnmoved() bool {
	return r.to != nil && r.from == nil && r.Direction == phone.NoDirection && !r.Once
}

// stillApplies reports whether the value still is one that the alert is about.
// Without `to` that is until it is back where it was, or past that point.
func (r *fieldRule) stillApplies(a *alert.Alert, v string) bool {
	switch {
	case r.to != nil:
		return r.to.match(r.field, v)
	case r.Direction == phone.NoDirection:
		return v != a.Before
	default:
		return r.field.Direction(a.Before, v) == r.Direction
	}
}

// matcherFor compiles the values for one of the rule's fields; nil where the
// rule names none.
func matcherFor(f phone.Field, values []string) *matcher {
	if len(values) == 0 {
		return nil
	}
	m := &matcher{}
	for _, v := range values {
		switch negated, ok := strings.CutPrefix(v, "!"); {
		case ok:
			m.except = append(m.except, f.Canonical(negated))
		case v == unlisted:
			m.unlisted = true
		default:
			m.named = append(m.named, f.Canonical(v))
		}
	}
	return m
}

func fieldNames(fields []phone.Field) string {
	return strings.Join(phone.FieldNames(slices.Values(fields)), ", ")
}
