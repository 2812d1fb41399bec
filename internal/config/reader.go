package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
)

// reader fills a configuration from a document. It replaces variables in
// scalars, and knows where each key stands, so that what is judged later can be
// reported at its place. No message shows a value: any of them may be a secret
// that a missing quote or comma has put in the wrong place.
type reader struct {
	*yamldoc.Reader
	env      map[string]string
	readFile func(string) ([]byte, error)
	at       map[string]yamldoc.Position // by path, as in accounts[0].name
	reported map[string]bool             // paths about which something was said already
	problems diagnostic.Problems
	warnings diagnostic.Problems
}

// setting is one key of the configuration.
type setting struct {
	name  string
	def   string // the default, as a file would say it
	about string // for the reference
	read  func(*yamldoc.Node)
	// secret is the member that name and name_file fill; nil: it is no secret.
	secret *Secret
	below  []setting // of a section
}

func newReader(file string, data []byte, environ []string, readFile func(string) ([]byte, error)) *reader {
	r := &reader{
		Reader:   yamldoc.Parse(file, data, yamldoc.Options{HideValues: true, MayBeEmpty: true}),
		env:      environment(environ),
		readFile: readFile,
		at:       map[string]yamldoc.Position{"": {Line: 1, Column: 1}},
		reported: map[string]bool{},
	}
	if root := r.Root(); root != nil {
		r.locate(root)
		r.at[""] = yamldoc.Position{Line: 1, Column: 1}
	}
	return r
}

// setDefaults has every setting read its default, as if a file said it.
func (r *reader) setDefaults(settings []setting) {
	for _, s := range settings {
		r.setDefaults(s.below)
		if s.def != "" && !strings.ContainsAny(s.def, "[{") {
			s.read(&yamldoc.Node{Kind: yamldoc.Text, Text: s.def, Path: s.name})
		}
	}
}

// locate notes where every value stands.
func (r *reader) locate(n *yamldoc.Node) {
	r.at[n.Path] = n.At
	for _, p := range n.Pairs {
		r.locate(p.Value)
	}
	for _, item := range n.Items {
		r.locate(item)
	}
}

// section reads a mapping with these settings; an empty one leaves the defaults.
func (r *reader) section(n *yamldoc.Node, settings []setting) {
	if n.Kind == yamldoc.Null {
		return
	}
	what := n.Path
	if what == "" {
		what = "the file"
	}
	var keys []yamldoc.Key
	for _, s := range settings {
		switch {
		case s.secret != nil:
			keys = append(keys,
				yamldoc.Key{Name: s.name, Read: r.text(func(v string) error { return set(s.secret, v) })},
				yamldoc.Key{Name: s.name + fileSuffix, Read: r.secretFile(n, s)})
		case s.below != nil:
			keys = append(keys, yamldoc.Key{Name: s.name, Read: func(n *yamldoc.Node) { r.section(n, s.below) }})
		default:
			keys = append(keys, yamldoc.Key{Name: s.name, Read: s.read})
		}
	}
	if !r.Object(n, what, keys...) {
		r.reported[n.Path] = true
	}
	r.notePlaces(n, keys)
}

// notePlaces marks the keys that misspelt ones stand for, so that those are not
// also reported as missing.
func (r *reader) notePlaces(n *yamldoc.Node, keys []yamldoc.Key) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	for _, p := range n.Pairs {
		if near := diagnostic.Nearest(p.Key, names); near != p.Key && near != "" {
			r.reported[join(n.Path, near)] = true
		}
	}
}

const fileSuffix = "_file"

func set(to *Secret, text string) error {
	*to = NewSecret(strings.TrimSpace(text))
	return nil
}

// secretFile reads the secret from the file that the key names.
func (r *reader) secretFile(section *yamldoc.Node, s setting) func(*yamldoc.Node) {
	return r.text(func(name string) error {
		if name == "" {
			return nil
		}
		if beside := section.Get(s.name); beside != nil {
			if text, err := substitute(beside.Text, r.env); err == nil && text != "" {
				return fmt.Errorf("and %s are both given: keep one", s.name)
			}
		}
		data, err := r.readFile(name)
		if err != nil {
			return fmt.Errorf("cannot be read: %w", withoutPath(err))
		}
		if strings.TrimSpace(string(data)) == "" {
			return errors.New("names a file that is empty")
		}
		return set(s.secret, string(data))
	})
}

// withoutPath drops the name of the file from an error.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// text reads a scalar with its variables replaced; one that is empty in YAML's
// sense leaves the default.
func (r *reader) text(take func(string) error) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		switch {
		case n.Kind == yamldoc.Null:
			return
		case !n.IsScalar():
			r.report(n.Path, "must be a single value, not %s", n.Kind)
			return
		}
		text, err := substitute(n.Text, r.env)
		if err == nil {
			err = take(text)
		}
		if err != nil {
			r.report(n.Path, "%w", err)
		}
	}
}

func (r *reader) word(to *string) func(*yamldoc.Node) {
	return r.text(func(text string) error { *to = text; return nil })
}

func (r *reader) flag(to *bool) func(*yamldoc.Node) {
	return r.text(func(text string) error {
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		*to = text == "true"
		return nil
	})
}

// maxWhole leaves room for what is a multiple of a number.
const maxWhole = 1_000_000

func (r *reader) whole(to *int) func(*yamldoc.Node) {
	return r.text(func(text string) (err error) {
		v, err := strconv.Atoi(text)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && v > maxWhole:
			return fmt.Errorf("is too large (at most %d)", maxWhole)
		case err != nil:
			return errors.New("must be a whole number")
		}
		*to = v
		return nil
	})
}

func (r *reader) number(to *float64) func(*yamldoc.Node) {
	return r.text(func(text string) error {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("must be a number")
		}
		*to = v
		return nil
	})
}

func (r *reader) duration(to *time.Duration) func(*yamldoc.Node) {
	return r.text(func(text string) error {
		v, err := phone.ParseDuration(text)
		if err == nil {
			*to = v
		}
		return err
	})
}

func (r *reader) size(to *int64) func(*yamldoc.Node) {
	return r.text(func(text string) error {
		v, err := parseSize(text)
		if err == nil {
			*to = v
		}
		return err
	})
}

func (r *reader) words(to *[]string) func(*yamldoc.Node) {
	return r.list(func(n *yamldoc.Node) {
		var word string
		r.word(&word)(n)
		*to = append(*to, word)
	})
}

// list reads a list whose members are not empty.
func (r *reader) list(each func(*yamldoc.Node)) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		if n.Kind == yamldoc.Null {
			return
		}
		r.reported[n.Path] = n.Kind != yamldoc.List
		r.List(n, n.Path, func(item *yamldoc.Node) {
			if item.Kind == yamldoc.Null {
				r.report(item.Path, "is empty")
			}
			each(item)
		})
	}
}

// named reads a mapping from names.
func (r *reader) named(each func(name, value *yamldoc.Node)) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		if n.Kind == yamldoc.Null {
			return
		}
		r.reported[n.Path] = n.Kind != yamldoc.Mapping
		r.Named(n, n.Path, each)
	}
}

func (r *reader) labels(to *map[string]string) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		if n.Kind == yamldoc.Null {
			return
		}
		*to = map[string]string{}
		r.Named(n, n.Path, func(name, value *yamldoc.Node) {
			var text string
			r.word(&text)(value)
			(*to)[name.Text] = text
		})
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// report adds a problem with a key: at the key, or where that is absent at what
// should hold it. One problem for each key is enough.
func (r *reader) report(path, format string, args ...any) {
	if r.reported[path] {
		return
	}
	r.reported[path] = true
	r.problems = append(r.problems, r.problem(path, fmt.Errorf(format, args...).Error()))
}

func (r *reader) warn(path, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(path, fmt.Sprintf(format, args...)))
}

func (r *reader) problem(path, text string) diagnostic.Problem {
	at, holder := r.at[path], path
	for at.Line == 0 {
		holder = holder[:max(strings.LastIndexAny(holder, ".["), 0)]
		at = r.at[holder]
	}
	return diagnostic.Problem{File: r.File(), Position: at, Key: path, Text: path + ": " + text}
}
