package rules

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Comments that silence checks: `# numwatch:ignore CHECK …` for the line that
// it ends, or that follows it where it stands alone; `# numwatch:ignore-file
// CHECK …` for the whole file. Several checks are separated by commas; what
// follows a colon or a dash is the reason, for people.
const (
	ignoreLine = "numwatch:ignore"
	ignoreFile = "numwatch:ignore-file"
)

// ignore is one check of one comment.
type ignore struct {
	check string
	line  int // that it holds for; 0: the whole file
	at    position
	used  bool
}

type ignores []ignore

// readIgnores reads the comments of a file that has been parsed.
func readIgnores(r *report) ignores {
	tokens, err := tokenize(r.src.text)
	if err != nil {
		return nil
	}
	var list ignores
	for _, t := range tokens {
		if t.Type == token.CommentType {
			list = append(list, r.ignoresOf(strings.TrimSpace(t.Value), place(t))...)
		}
	}
	return list
}

func (r *report) ignoresOf(comment string, at position) (list ignores) {
	word, rest, _ := strings.Cut(comment, " ")
	if word != ignoreLine && word != ignoreFile {
		return nil
	}
	line := 0
	if word == ignoreLine {
		line = r.src.meantBy(at)
	}
	if i := strings.IndexAny(rest, ":—"); i >= 0 {
		rest = rest[:i]
	}
	rest, _, _ = strings.Cut(rest, " - ")
	for _, name := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' }) {
		switch {
		case !slices.Contains(checkNames(), name):
			r.warn(at, checkIgnore, didYouMean(name, checkNames()), "no check is called %q", name)
		case name == checkInvalid:
			r.warn(at, checkIgnore, "mend it", "what makes a file invalid cannot be ignored")
		default:
			list = append(list, ignore{check: name, line: line, at: at})
		}
	}
	return list
}

// meantBy is the line that a comment speaks of: its own, or the next that is
// not only a comment.
func (s *source) meantBy(at position) int {
	if !strings.HasPrefix(strings.TrimSpace(s.line(at.line)), "#") {
		return at.line
	}
	for n := at.line + 1; n <= len(s.lines); n++ {
		if rest := strings.TrimSpace(s.line(n)); rest != "" && rest[0] != '#' {
			return n
		}
	}
	return at.line
}

// without leaves out what is to be ignored, and adds which comments had nothing
// to ignore.
func (list ignores) without(r *report, found Problems) Problems {
	left := slices.DeleteFunc(found, func(p Problem) bool {
		hit := false
		for i := range list {
			if g := &list[i]; g.check == p.Check && (g.line == 0 || g.line == p.Line) {
				g.used, hit = true, true
			}
		}
		return hit
	})
	r.warnings = left
	for _, g := range list {
		if !g.used {
			r.warn(g.at, checkIgnore, "remove it", "there is nothing to ignore: %s finds nothing here", g.check)
		}
	}
	return r.warnings
}
