package timeline

import (
	"fmt"
	"slices"
	"strings"

	"numwatch/alert"
)

// compare returns "" if exactly what was expected happened, and otherwise the
// differences, a line each.
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
	var lines []string
	for i := range want.list {
		if pairs[i] < 0 {
			lines = append(lines, unmet(&want.list[i], got, taken)...)
		}
	}
	for j := range got {
		if !taken[j] && !got[j].silent() {
			lines = append(lines, "  not expected: "+got[j].title(), "      "+details(&got[j].alert))
		}
	}
	return strings.Join(lines, "\n")
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

// unmet says what happened instead of an expectation, and takes that event.
func unmet(e *expectation, got []event, taken []bool) (lines []string) {
	title := fmt.Sprintf("%s %s  (line %d)", e.rule.Text, e.transition.Text, e.at.Line)
	j := nearest(e, got, taken)
	if j < 0 {
		lines = append(lines, "  did not happen: "+title)
		for _, c := range e.checks {
			lines = append(lines, "      "+c.String())
		}
		return lines
	}
	taken[j] = true
	lines = append(lines, "  expected: "+title, "  got:      "+got[j].title())
	for _, c := range e.checks {
		if a := &got[j].alert; !c.holds(a) {
			lines = append(lines, "      "+c.String()+", got: "+alert.Plain(c.got(a)))
		}
	}
	return lines
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
