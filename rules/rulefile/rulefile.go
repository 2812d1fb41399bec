// Package rulefile reads rules.yaml: strictly, with the place of every part, and
// reporting every problem at once. It imports rules, whose Spec it fills, and
// yamldoc; the bot and the commands call Load.
package rulefile

import (
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/rules"
)

// Load parses and compiles the content of a rules file; file is its name, for
// messages. The error is diagnostic.Problems: everything that is wrong. Of texts in the
// languages that its channels speak the earlier ones win.
func Load(file string, data []byte, texts ...Texts) (*rules.Set, error) {
	spec, problems := Parse(file, data, texts...)
	set, more := rules.Compile(spec)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, problems.Sorted()
	}
	return set, nil
}

// Parse reads a rules file. Of one with problems it returns what could be read.
func Parse(file string, data []byte, texts ...Texts) (rules.Spec, diagnostic.Problems) {
	r := reader{Reader: yamldoc.Parse(file, data, yamldoc.Options{})}
	r.spec.File, r.spec.Lines = file, r.Lines()
	if root := r.Root(); root != nil {
		r.file(root)
	}
	problems := r.Problems()
	if languages := r.spec.Languages(); len(languages) > 0 {
		for _, t := range texts {
			problems = append(problems, r.translate(t, languages)...)
		}
	}
	return r.spec, problems
}

// reader reads one rules file. Its Rule is the one that is being read.
type reader struct {
	*yamldoc.Reader
	spec rules.Spec
}

// The longest texts: what Slack shows of one, and what is still an expression.
const (
	maxText       = 2000
	maxExpression = 1000
	maxWord       = 500
)

// part is a scalar of the file.
func part(n *yamldoc.Node) rules.Part[string] {
	return rules.Part[string]{Value: n.Text, At: n.At}
}

// text reads a text that holds expressions, or is one.
func (r *reader) text(what string, limit int, to *rules.Text) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		var text *yamldoc.Node
		if r.Text(what, limit, &text)(n); text != nil {
			to.Part = part(text)
			to.Locate = func(offset int) diagnostic.Position { return diagnostic.Position(r.Locate(text, offset)) }
		}
	}
}

// texts reads a text, or a mapping from values to texts.
func (r *reader) texts(what string, to *rules.Texts) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		to.At = n.At
		if n.Kind != yamldoc.Mapping {
			r.text(what, maxText, &to.Default)(n)
			return
		}
		if len(n.Pairs) == 0 {
			r.FailAt(n, "give a text for each value, or leave the key out", "%s has no texts", what)
		}
		r.Named(n, what, func(value, text *yamldoc.Node) {
			if value.Text == rules.DefaultText {
				r.text(what, maxText, &to.Default)(text)
				return
			}
			v := rules.ValueText{Value: part(value)}
			r.text(what, maxText, &v.Text)(text)
			to.ByValue = append(to.ByValue, v)
		})
	}
}

// word reads a text that is checked, if it is there at all.
func (r *reader) word(what string, check func(rules.Part[string])) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		var text *yamldoc.Node
		if r.Text(what, maxWord, &text)(n); text != nil {
			check(part(text))
		}
	}
}

// words reads one text or a list of them. Empty ones are let through where empty
// is a value too.
func (r *reader) words(what string, empty bool, to *[]rules.Part[string]) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		var texts []*yamldoc.Node
		r.Texts(what, empty, &texts)(n)
		for _, text := range texts {
			*to = append(*to, part(text))
		}
	}
}

func (r *reader) duration(what string, to *rules.Part[time.Duration]) func(*yamldoc.Node) {
	return func(n *yamldoc.Node) {
		to.At = n.At
		r.Duration(what, &to.Value)(n)
	}
}
