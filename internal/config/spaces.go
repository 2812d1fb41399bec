package config

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// Discover says whether to look for spaces in the account itself, and for
// which: patterns of *, ? and [a-z] that a space's id or name must match as a
// whole. Unlike in paths * and ? stand for a slash as well.
type Discover struct {
	Enabled bool
	Include []string // empty: all
	Exclude []string // stronger than Include
}

// Wants reports whether a space that was found is to be watched.
func (d *Discover) Wants(id, name string) bool {
	matches := func(pattern string) bool { return like(pattern, id) || like(pattern, name) }
	return (len(d.Include) == 0 || anyOf(d.Include, matches)) && !anyOf(d.Exclude, matches)
}

// like is path.Match for text that is not a path: "Acme*" means "Acme / EU" too.
func like(pattern, text string) bool {
	noPath := strings.NewReplacer("/", "\x00")
	matched, _ := path.Match(noPath.Replace(pattern), noPath.Replace(text))
	return matched
}

func anyOf(patterns []string, matches func(string) bool) bool {
	for _, p := range patterns {
		if matches(p) {
			return true
		}
	}
	return false
}

// Fleet returns the account's spaces in the configuration: those of config.yaml, then
// those of SpacesFile, read again by readFile. diagnostic.Problems name the lines that
// were left out, which includes ids that are there twice. An error means that the file
// could not be read: keep what was known.
func (a *Account) Fleet(readFile func(string) ([]byte, error)) ([]phone.Space, diagnostic.Problems, error) {
	var spaces []phone.Space
	for i := range a.Spaces {
		spaces = append(spaces, a.Spaces[i].of(a.Name))
	}
	if a.SpacesFile == "" {
		return spaces, nil, nil
	}
	data, err := readFile(a.SpacesFile)
	if err != nil {
		return spaces, nil, fmt.Errorf("reading the spaces of account %s: %w", a.Name, err)
	}
	listed, problems := readSpaces(bytes.NewReader(data), a.Name, spaces)
	for i := range problems {
		problems[i].File = a.SpacesFile
	}
	return append(spaces, listed...), problems, nil
}

// readSpaces reads lines of CSV: id,name,label=value,… Empty lines, lines that
// begin with # and a first line that begins with the word id are passed over. A
// line that is no good, or repeats one of the known spaces, is left out and named in
// a problem; the others count.
func readSpaces(r io.Reader, account string, known []phone.Space) ([]phone.Space, diagnostic.Problems) {
	seen := make(map[string]bool, len(known))
	for _, s := range known {
		seen[s.ID] = true
	}
	var spaces []phone.Space
	var problems diagnostic.Problems
	labels := map[string]map[string]string{} // by the cells that hold them: few differ
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	number := 0
	for lines.Scan() {
		number++
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' || number == 1 && isHeader(line) {
			continue
		}
		space, err := readSpace(line, labels)
		if err == nil && seen[space.ID] {
			err = fmt.Errorf("space %q is listed twice", space.ID)
		}
		if err != nil {
			problems = append(problems, diagnostic.Problem{Position: diagnostic.Position{Line: number, Column: 1}, Text: err.Error(), Source: line})
			continue
		}
		seen[space.ID] = true
		spaces = append(spaces, space.of(account))
	}
	if err := lines.Err(); err != nil {
		problems = append(problems, diagnostic.Problem{Position: diagnostic.Position{Line: number + 1, Column: 1}, Text: fmt.Sprintf("cannot be read from here on: %s", err)})
	}
	return spaces, problems
}

func isHeader(line string) bool {
	first, _, _ := strings.Cut(line, ",")
	return strings.EqualFold(strings.Trim(first, `" `), "id")
}

// readSpace reads a line. Labels that were read before are shared.
func readSpace(line string, known map[string]map[string]string) (Space, error) {
	if !utf8.ValidString(line) {
		return Space{}, fmt.Errorf("is not UTF-8")
	}
	cells, err := splitCells(line)
	if err != nil {
		return Space{}, fmt.Errorf("is not CSV (quote a text that contains quotes or commas, and double the quotes in it)")
	}
	s := Space{ID: strings.TrimSpace(cells[0])}
	if len(cells) > 1 {
		s.Name = strings.TrimSpace(cells[1])
	}
	if err := checkID(s.ID); err != nil {
		return Space{}, err
	}
	rest := cells[min(2, len(cells)):]
	key := strings.Join(rest, "\x00")
	if s.Labels = known[key]; s.Labels != nil {
		return s, nil
	}
	if s.Labels, err = readLabels(rest); err != nil {
		return Space{}, err
	}
	known[key] = s.Labels
	return s, nil
}

// splitCells takes a line of CSV apart; nearly none has quotes.
func splitCells(line string) ([]string, error) {
	if !strings.Contains(line, `"`) {
		return strings.Split(line, ","), nil
	}
	csvLine := csv.NewReader(strings.NewReader(line))
	csvLine.TrimLeadingSpace = true
	return csvLine.Read()
}

func readLabels(cells []string) (labels map[string]string, err error) {
	for _, cell := range cells {
		name, value, ok := strings.Cut(cell, "=")
		if name = strings.TrimSpace(name); name == "" || !ok {
			if strings.TrimSpace(cell) == "" {
				continue
			}
			return nil, fmt.Errorf("%q is not a label (write name=value)", cell)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[name] = strings.TrimSpace(value)
	}
	return labels, nil
}

// checkID says what is wrong with a space's id, whose format is not documented.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("the space has no id")
	case strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return errors.New("the id contains white space or a control character")
	default:
		return nil
	}
}

// fleet checks where an account's spaces come from, and whether the limit suffices
// for them.
func (r *reader) fleet(at string, a *Account, maxAge time.Duration) {
	seen := map[string]bool{}
	for i := range a.Spaces {
		id, here := a.Spaces[i].ID, fmt.Sprintf("%s.spaces[%d]", at, i)
		if r.reported[here] {
			continue
		}
		if err := checkID(id); err != nil {
			r.report(join(here, "id"), "%w", err)
		} else if seen[id] {
			r.report(join(here, "id"), "this space is listed twice")
		}
		seen[id] = true
	}
	if len(a.Spaces) == 0 && a.SpacesFile == "" && !a.Discover.Enabled && !r.reported[join(at, "spaces")] {
		r.report(at, "has no spaces: give spaces, spaces_file or discover: {enabled: true}")
	}
	spaces, bad, err := a.Fleet(r.readFile)
	if err != nil {
		r.report(join(at, "spaces_file"), "%s", err)
		return
	}
	r.warnings = append(r.warnings, bad...)
	if a.SpacesFile != "" && len(spaces) == len(a.Spaces) {
		r.warn(join(at, "spaces_file"), "names no space")
	}
	if r.reported[join(at, "requests_per_second")] {
		return
	}
	if round := float64(len(spaces)) / a.RequestsPerSecond; round > maxAge.Seconds() {
		r.warn(join(at, "requests_per_second"), "%d spaces take %.0f seconds a round, which is more than poll.max_age, %s",
			len(spaces), round, phone.Duration(maxAge))
	}
}
