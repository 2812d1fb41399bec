package yamldoc

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// Reader takes a file's nodes apart and collects what is wrong. Its methods that
// return a func(*Node) are meant for Key.Read.
type Reader struct {
	// Rule is the rule that is being read, for problems.
	Rule string

	file     string
	lines    []string
	hide     bool
	root     *Node
	problems diagnostic.Problems
}

// Root is the whole document, nil if there is none that can be read.
func (r *Reader) Root() *Node { return r.root }

// File is the file's name, as in messages.
func (r *Reader) File() string { return r.file }

// Line returns a line of the file, counted from 1; "" if it has no such line.
func (r *Reader) Line(n int) string {
	if n < 1 || n > len(r.lines) {
		return ""
	}
	return r.lines[n-1]
}

// Lines returns the lines of the file, which must not be modified.
func (r *Reader) Lines() []string { return r.lines }

// Problems returns what was found so far, sorted by place; nil if nothing was.
func (r *Reader) Problems() diagnostic.Problems { return r.problems.Sorted() }

// Failed reports whether anything was found so far.
func (r *Reader) Failed() bool { return len(r.problems) > 0 }

// Fail notes a problem at a place. The hint, which may be empty, says what to do
// about it.
func (r *Reader) Fail(at Position, hint, format string, args ...any) {
	r.add(at, "", hint, fmt.Sprintf(format, args...))
}

// FailAt notes a problem with a node, under its path.
func (r *Reader) FailAt(n *Node, hint, format string, args ...any) {
	r.add(n.At, n.Path, hint, fmt.Sprintf(format, args...))
}

func (r *Reader) add(at Position, key, hint, text string) {
	if len(r.problems) >= diagnostic.MaxProblems {
		return
	}
	p := diagnostic.Problem{File: r.file, Position: at, Rule: r.Rule, Key: key, Check: diagnostic.Invalid, Text: text, Hint: hint}
	if !r.hide {
		p.Source = r.Line(at.Line)
	}
	r.problems = append(r.problems, p)
}

// shown quotes a word of the file, behind a space; it is empty where words are
// hidden.
func (r *Reader) shown(word string) string {
	if r.hide {
		return ""
	}
	return " " + strconv.Quote(word)
}

// Key is one key that a mapping may have.
type Key struct {
	Name     string
	Required bool
	Read     func(n *Node)
}

// Required is a key that a mapping must have.
func Required(name string, read func(*Node)) Key { return Key{name, true, read} }

// Optional is a key that a mapping may have.
func Optional(name string, read func(*Node)) Key { return Key{Name: name, Read: read} }

// Object reads a mapping with the given keys and no others; what names it in
// messages. Values are read in the order of the file, empty ones too.
func (r *Reader) Object(n *Node, what string, keys ...Key) bool {
	if n.Kind != Mapping {
		r.FailAt(n, "", "%s must be a mapping, not %s", what, n.Kind)
		return false
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	r.eachPair(n, func(p Pair) {
		if i := slices.Index(names, p.Key); i >= 0 {
			keys[i].Read(p.Value)
			return
		}
		r.unknownKey(p, what, names)
	})
	for _, k := range keys {
		if k.Required && n.Get(k.Name) == nil {
			r.FailAt(n, "", "%s lacks the key %q", what, k.Name)
		}
	}
	return true
}

// unknownKey does not show the key of a file with secrets: it may be a value
// whose key or colon is missing.
func (r *Reader) unknownKey(p Pair, what string, names []string) {
	if len(r.problems) >= diagnostic.MaxProblems {
		return // looking for the nearest name of every key takes long
	}
	r.Fail(p.At, diagnostic.DidYouMean(p.Key, names), "unknown key%s in %s", r.shown(p.Key), what)
}

// eachPair visits each key of a mapping once and reports those that repeat.
func (r *Reader) eachPair(n *Node, visit func(Pair)) {
	first := make(map[string]int, len(n.Pairs))
	for _, p := range n.Pairs {
		if line, again := first[p.Key]; again {
			r.Fail(p.At, fmt.Sprintf("first on line %d", line), "key%s is given twice", r.shown(p.Key))
			continue
		}
		first[p.Key] = p.At.Line
		visit(p)
	}
}

// Named reads a mapping from names to anything.
func (r *Reader) Named(n *Node, what string, each func(name, value *Node)) {
	if n.Kind != Mapping {
		r.FailAt(n, "", "%s must be a mapping of names, not %s", what, n.Kind)
		return
	}
	r.eachPair(n, func(p Pair) {
		each(&Node{At: p.At, Path: p.Value.Path, Kind: Text, Text: p.Key}, p.Value)
	})
}

// List reads a list of anything.
func (r *Reader) List(n *Node, what string, each func(item *Node)) {
	if n.Kind != List {
		r.FailAt(n, "", "%s must be a list, not %s", what, n.Kind)
		return
	}
	for _, item := range n.Items {
		each(item)
	}
}

// Text reads text of 1 to limit bytes.
func (r *Reader) Text(what string, limit int, to **Node) func(*Node) {
	return func(n *Node) {
		switch {
		case !r.IsText(n, what):
		case n.Text == "":
			r.FailAt(n, "", "%s is empty", what)
		case len(n.Text) > limit:
			r.FailAt(n, "", "%s has %d bytes, more than %d", what, len(n.Text), limit)
		default:
			*to = n
		}
	}
}

// IsText reports whether the node is text, and notes a problem if it is not.
func (r *Reader) IsText(n *Node, what string) bool {
	switch {
	case n.Kind == Text:
		return true
	case n.Kind == Null && n.Text != "~":
		r.FailAt(n, "text that begins with # or is a lone word like null needs quotes", "%s is empty", what)
	case n.IsScalar():
		r.FailAt(n, "put it in quotes", "%s must be text, not %s", what, n.Kind)
	default:
		r.FailAt(n, "", "%s must be text, not %s", what, n.Kind)
	}
	return false
}

// The bounds of a list of texts and of its members, in bytes.
const (
	maxMembers = 500
	maxMember  = 500
)

// Texts reads one text or a list of different ones. Empty texts are let through
// where empty is a value too.
func (r *Reader) Texts(what string, empty bool, to *[]*Node) func(*Node) {
	return func(n *Node) {
		items := []*Node{n}
		if n.Kind == List {
			items = n.Items
			if len(items) == 0 {
				r.FailAt(n, "give at least one, or leave the key out", "%s has no members", what)
			}
			if len(items) > maxMembers {
				r.FailAt(n, "", "%s has more than %d members", what, maxMembers)
				return
			}
		}
		for _, item := range items {
			r.member(item, what, empty, to)
		}
	}
}

func (r *Reader) member(n *Node, what string, empty bool, to *[]*Node) {
	switch {
	case !n.IsScalar():
		r.FailAt(n, "", "%s must be text or a list of texts", what)
	case !r.IsText(n, "a member of "+what):
	case n.Text == "" && !empty:
		r.FailAt(n, "", "a member of %s is empty", what)
	case len(n.Text) > maxMember:
		r.FailAt(n, "", "a member of %s has more than %d bytes", what, maxMember)
	case slices.ContainsFunc(*to, func(t *Node) bool { return t.Text == n.Text }):
		r.FailAt(n, "", "%s is given twice in %s", cmp.Or(strings.TrimSpace(r.shown(n.Text)), "a member"), what)
	default:
		*to = append(*to, n)
	}
}

// Flag reads true or false.
func (r *Reader) Flag(what string, to *bool) func(*Node) {
	return func(n *Node) {
		if n.Kind != Bool {
			r.FailAt(n, "", "%s must be true or false, not %s", what, n.Kind)
			return
		}
		*to = strings.EqualFold(n.Text, "true")
	}
}

// Duration reads a duration, see phone.ParseDuration.
func (r *Reader) Duration(what string, to *time.Duration) func(*Node) {
	return func(n *Node) {
		d, err := phone.ParseDuration(n.Text)
		if n.Kind != Text && n.Kind != Number || err != nil {
			r.FailAt(n, "write 90s, 5m, 1h30m, 7d, 2w or 1y", "%s is not a duration", what)
			return
		}
		*to = d
	}
}
