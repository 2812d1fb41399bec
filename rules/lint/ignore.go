package lint

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"numwatch/internal/diagnostic"
)

// ignoreForm matches comments that silence checks: `# numwatch:ignore CHECK …`
// for the line that it ends, or that follows it where it stands alone;
// `# numwatch:ignore-file CHECK …` for the whole file. Several checks are
// separated by commas; what follows a colon or a dash is the reason, for people.
var ignoreForm = regexp.MustCompile(`(?:^|[ \t])(#\s*numwatch:ignore(-file)?)(?: (.*))?$`)

// ignore is one check of one comment.
type ignore struct {
	check string
	line  int // that it holds for; 0: the whole file
	at    diagnostic.Position
	used  bool
}

type ignores []ignore

// readIgnores reads the comments of the file.
func (l *linter) readIgnores() (list ignores) {
	for i, line := range l.spec.Lines {
		found := ignoreForm.FindStringSubmatchIndex(line)
		if found == nil {
			continue
		}
		at := diagnostic.Position{Line: i + 1, Column: utf8.RuneCountInString(line[:found[2]]) + 1}
		applies := 0
		if found[4] < 0 {
			applies = l.meantBy(at)
		}
		if found[6] >= 0 {
			list = append(list, l.ignoresOf(line[found[6]:], at, applies)...)
		}
	}
	return list
}

// ignoresOf reads the checks that a comment names; line is where it holds.
func (l *linter) ignoresOf(rest string, at diagnostic.Position, line int) (list ignores) {
	if i := strings.IndexAny(rest, ":—"); i >= 0 {
		rest = rest[:i]
	}
	rest, _, _ = strings.Cut(rest, " - ")
	for _, name := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' }) {
		switch {
		case !slices.Contains(checkNames(), name):
			l.warn(at, "", ignoreNothing, diagnostic.DidYouMean(name, checkNames()), "no check is called %q", name)
		case name == diagnostic.Invalid:
			l.warn(at, "", ignoreNothing, "fix it", "what makes a file invalid cannot be ignored")
		default:
			list = append(list, ignore{check: name, line: line, at: at})
		}
	}
	return list
}

// meantBy is the line that a comment applies to: its own, or the next that is
// not only a comment.
func (l *linter) meantBy(at diagnostic.Position) int {
	if !strings.HasPrefix(strings.TrimSpace(l.spec.Lines[at.Line-1]), "#") {
		return at.Line
	}
	for i, line := range l.spec.Lines[at.Line:] {
		if rest := strings.TrimSpace(line); rest != "" && rest[0] != '#' {
			return at.Line + 1 + i
		}
	}
	return at.Line
}

// apply leaves out what is to be ignored, and adds which comments had nothing
// to ignore.
func (list ignores) apply(l *linter) diagnostic.Problems {
	l.found = slices.DeleteFunc(l.found, func(p diagnostic.Problem) bool {
		hit := false
		for i := range list {
			if g := &list[i]; g.check == p.Check && (g.line == 0 || g.line == p.Line) {
				g.used, hit = true, true
			}
		}
		return hit
	})
	for _, g := range list {
		if !g.used {
			l.warn(g.at, "", ignoreNothing, "remove it", "there is nothing to ignore: %s finds nothing here", g.check)
		}
	}
	return l.found.Sorted()
}
