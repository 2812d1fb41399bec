// Package rulefile reads rules.yaml: strictly, with the place of every part, and
// reporting every problem at once. It imports rules, whose Spec it fills; whoever
// takes a rules file from disk calls Load.
package rulefile

import (
	"numwatch/rules"
)

// Load parses and compiles the content of a rules file; file is its name, for
// messages. The error is rules.Problems: everything that is wrong.
func Load(file string, data []byte) (*rules.Set, error) {
	spec, problems := Parse(file, data)
	set, more := rules.Compile(spec)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, problems.Sorted()
	}
	return set, nil
}

// Parse reads a rules file. Of one with problems it returns what could be read.
func Parse(file string, data []byte) (rules.Spec, rules.Problems) {
	r := newReader(file, data)
	if len(r.problems) == 0 {
		if root := r.tree(); root != nil {
			r.file(root)
		}
	}
	return r.spec, r.problems.Sorted()
}
