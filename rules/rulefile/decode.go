package rulefile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"numwatch/rules"
)

// key is one key that a mapping may have.
type key struct {
	name     string
	required bool
	read     func(n *node)
}

// object reads a mapping with the given keys and no others.
func (r *reader) object(n *node, what string, keys ...key) bool {
	if n.kind != aMapping {
		r.fail(n.at, "", "%s must be a mapping, not %s", what, n.kind)
		return false
	}
	r.repeated(n)
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	for _, p := range n.pairs {
		i := slices.Index(names, p.key)
		if i < 0 {
			r.fail(p.at, rules.DidYouMean(p.key, names), "unknown key %q in %s", p.key, what)
			continue
		}
		keys[i].read(p.value)
	}
	for _, k := range keys {
		if k.required && n.get(k.name) == nil {
			r.fail(n.at, "", "%s lacks the key %q", what, k.name)
		}
	}
	return true
}

// repeated reports the keys that a mapping has more than once.
func (r *reader) repeated(n *node) {
	for _, p := range n.again {
		r.fail(p.at, fmt.Sprintf("first on line %d", n.line(p.key)), "key %q is given twice", p.key)
	}
}

// The longest scalars: what Slack shows of a text, and what is still an
// expression.
const (
	maxText       = 2000
	maxExpression = 1000
	maxWord       = 500
)

// text reads text that is not empty.
func (r *reader) text(what string, limit int, to *rules.Text) func(*node) {
	return func(n *node) {
		if !r.isText(n, what) {
			return
		}
		switch {
		case n.text == "":
			r.fail(n.at, "", "%s is empty", what)
		case len(n.text) > limit:
			r.fail(n.at, "", "%s has %d bytes, more than %d", what, len(n.text), limit)
		default:
			to.Part = rules.Part[string]{Value: n.text, At: n.at}
			to.Locate = func(offset int) rules.Place { return r.locate(n, offset) }
		}
	}
}

// word reads a short text that is not empty.
func (r *reader) word(what string, to *rules.Part[string]) func(*node) {
	return func(n *node) {
		var t rules.Text
		r.text(what, maxWord, &t)(n)
		*to = t.Part
	}
}

func (r *reader) isText(n *node, what string) bool {
	switch {
	case n.kind == aText:
		return true
	case n.kind == aNull && n.text != "~":
		r.fail(n.at, "text that begins with # or is a lone word like null needs quotes", "%s is empty", what)
	case n.kind == aNumber || n.kind == aBool || n.kind == aNull:
		r.fail(n.at, "put it in quotes", "%s must be text, not %s", what, n.kind)
	default:
		r.fail(n.at, "", "%s must be text, not %s", what, n.kind)
	}
	return false
}

// maxList bounds the lists within a rule.
const maxList = 500

// texts reads one text or a list of them. Empty texts are let through where
// empty is a value too.
func (r *reader) texts(what string, empty bool, to *[]rules.Part[string]) func(*node) {
	return func(n *node) {
		items := []*node{n}
		if n.kind == aList {
			items = n.items
			if len(items) == 0 {
				r.fail(n.at, "give at least one, or leave the key out", "%s has no members", what)
			}
			if len(items) > maxList {
				r.fail(n.at, "", "%s has more than %d members", what, maxList)
				return
			}
		}
		for _, item := range items {
			r.member(item, what, empty, to)
		}
	}
}

func (r *reader) member(n *node, what string, empty bool, to *[]rules.Part[string]) {
	switch {
	case n.kind == aMapping || n.kind == aList:
		r.fail(n.at, "", "%s must be text or a list of texts", what)
	case !r.isText(n, "a member of "+what):
	case n.text == "" && !empty:
		r.fail(n.at, "", "a member of %s is empty", what)
	case len(n.text) > maxWord:
		r.fail(n.at, "", "a member of %s has more than %d bytes", what, maxWord)
	case slices.ContainsFunc(*to, func(p rules.Part[string]) bool { return p.Value == n.text }):
		r.fail(n.at, "", "%q is given twice in %s", n.text, what)
	default:
		*to = append(*to, rules.Part[string]{Value: n.text, At: n.at})
	}
}

// flag reads true or false.
func (r *reader) flag(what string, to *bool) func(*node) {
	return func(n *node) {
		if n.kind != aBool {
			r.fail(n.at, "", "%s must be true or false, not %s", what, n.kind)
			return
		}
		*to = n.text == "true" || n.text == "True" || n.text == "TRUE"
	}
}

// duration reads a duration like 30s, 5m, 1h30m or 400d.
func (r *reader) duration(what string, to *rules.Part[time.Duration]) func(*node) {
	return func(n *node) {
		if n.kind == aNumber && n.text == "0" {
			*to = rules.Part[time.Duration]{At: n.at}
			return
		}
		d, ok := parseDuration(n.text)
		if n.kind != aText && n.kind != aNumber || !ok {
			r.fail(n.at, "a duration is like 30s, 5m, 1h30m or 7d", "%s is no duration", what)
			return
		}
		*to = rules.Part[time.Duration]{Value: d, At: n.at}
	}
}

var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
}

// parseDuration reads durations as Prometheus writes them: whole numbers with
// units, the bigger first, each at most once.
func parseDuration(s string) (time.Duration, bool) {
	var total time.Duration
	next := 0
	for rest := s; rest != ""; {
		digits, unit := leading(rest, isDigit), ""
		rest = rest[len(digits):]
		unit = leading(rest, func(c byte) bool { return !isDigit(c) })
		rest = rest[len(unit):]
		i := slices.IndexFunc(durationUnits, func(u struct {
			name string
			unit time.Duration
		},
		) bool {
			return u.name == unit
		})
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || i < next || n > int64(math.MaxInt64-total)/int64(durationUnits[i].unit) {
			return 0, false
		}
		total += time.Duration(n) * durationUnits[i].unit
		next = i + 1
	}
	return total, s != ""
}

func leading(s string, in func(byte) bool) string {
	for i := range len(s) {
		if !in(s[i]) {
			return s[:i]
		}
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
