package timeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"numwatch/alert"
)

// compare returns "" where exactly what was expected happened, and else both
// side by side.
func compare(want expectations, got []event) string {
	if want.any {
		return ""
	}
	pairs := assign(want.list, got)
	taken := make([]bool, len(got))
	for _, j := range pairs {
		if j >= 0 {
			taken[j] = true
		}
	}
	good := !slices.Contains(pairs, -1)
	for j := range got {
		good = good && (taken[j] || got[j].silent())
	}
	if good {
		return ""
	}
	return sideBySide(want.list, got, pairs, taken)
}

// assign finds for as many expectations as possible an event of their own, -1 for
// none: an expectation that says little gives way to one that needs its event.
func assign(want []expectation, got []event) []int {
	pairs := slices.Repeat([]int{-1}, len(want))
	var place func(i int, tried []bool) bool
	place = func(i int, tried []bool) bool {
		for j := range got {
			if tried[j] || !want[i].matches(&got[j]) {
				continue
			}
			tried[j] = true
			if owner := slices.Index(pairs, j); owner < 0 || place(owner, tried) {
				pairs[i] = j
				return true
			}
		}
		return false
	}
	for i := range want {
		place(i, make([]bool, len(got)))
	}
	return pairs
}

// row is a line of the comparison.
type row struct{ mark, want, got string }

func sideBySide(want []expectation, got []event, pairs []int, taken []bool) string {
	rows := []row{{" ", "expected", "got"}}
	for i := range want {
		e, j := &want[i], pairs[i]
		title := fmt.Sprintf("%s %s  (line %d)", e.rule.Text, e.transition.Text, e.at.Line)
		if j >= 0 {
			rows = append(rows, row{"=", title, got[j].title()})
			continue
		}
		if j = nearest(e, got, taken); j < 0 {
			rows = append(rows, row{"-", title, "nothing of the kind"})
			for _, c := range e.checks {
				rows = append(rows, row{" ", "    " + c.String(), ""})
			}
			continue
		}
		taken[j] = true
		rows = append(rows, row{"≠", title, got[j].title()})
		for _, c := range e.checks {
			if a := &got[j].alert; !c.holds(a) {
				rows = append(rows, row{"≠", "    " + c.String(), "    " + c.name + ": " + alert.Plain(c.got(a))})
			}
		}
	}
	for j := range got {
		if !taken[j] && !got[j].silent() {
			rows = append(rows, row{"+", "nothing", got[j].title()}, row{" ", "", "    " + details(&got[j].alert)})
		}
	}
	return table(rows)
}

// nearest finds what happened instead: of the same rule and kind, or else of the
// same rule; -1 for nothing.
func nearest(e *expectation, got []event, taken []bool) int {
	best := -1
	for j := range got {
		switch {
		case taken[j]:
		case e.about(&got[j]):
			return j
		case best < 0 && e.rule.Text == got[j].alert.Rule:
			best = j
		}
	}
	return best
}

func details(a *alert.Alert) string {
	text := fmt.Sprintf("%s, channels [%s]", a.Severity, strings.Join(a.Channels, ", "))
	if len(a.HeldBy) > 0 {
		text += ", held by [" + strings.Join(a.HeldBy, ", ") + "]"
	}
	if a.Closing != "" {
		text += ", " + alert.Plain(a.Closing)
	}
	return text + fmt.Sprintf(": %q", a.Summary.Plain())
}

// table aligns the rows; long cells on the left push the right to a new line.
func table(rows []row) string {
	const widest = 46
	width := 0
	for _, r := range rows {
		if n := utf8.RuneCountInString(r.want); n <= widest {
			width = max(width, n)
		}
	}
	var lines []string
	line := func(mark, want, got string) {
		pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(want)))
		lines = append(lines, strings.TrimRight("  "+mark+" "+want+pad+"  │ "+got, " │"))
	}
	for _, r := range rows {
		if r.got != "" && utf8.RuneCountInString(r.want) > width {
			line(r.mark, r.want, "")
			line(" ", "", r.got)
			continue
		}
		line(r.mark, r.want, r.got)
	}
	return strings.Join(lines, "\n")
}
