package timeline

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"numwatch/alert"
)

// compare returns "" where exactly what was expected happened, and else both
// side by side.
func compare(want expectations, got []happening) string {
	if want.any {
		return ""
	}
	pairs := assign(want.list, got)
	taken := make([]bool, len(got))
	good := true
	for i := range want.list {
		if j := pairs[i]; j >= 0 {
			taken[j] = true
		} else {
			good = false
		}
	}
	for j := range got {
		if !taken[j] && !got[j].silent() {
			good = false
		}
	}
	if good {
		return ""
	}
	return sideBySide(want.list, got, pairs, taken)
}

// assign finds for as many expectations as possible a happening of their own,
// -1 for none: expectations that say little leave those that others need.
func assign(want []expectation, got []happening) []int {
	owner := make([]int, len(got))
	for j := range owner {
		owner[j] = -1
	}
	var place func(i int, tried []bool) bool
	place = func(i int, tried []bool) bool {
		for j := range got {
			if tried[j] || !want[i].matches(&got[j]) {
				continue
			}
			tried[j] = true
			if owner[j] < 0 || place(owner[j], tried) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	pairs := make([]int, len(want))
	for i := range want {
		pairs[i] = -1
		place(i, make([]bool, len(got)))
	}
	for j, i := range owner {
		if i >= 0 {
			pairs[i] = j
		}
	}
	return pairs
}

// row is a line of the comparison.
type row struct{ mark, want, got string }

func sideBySide(want []expectation, got []happening, pairs []int, taken []bool) string {
	rows := []row{{" ", "expected", "got"}}
	for i := range want {
		e := &want[i]
		where := fmt.Sprintf("  (line %d)", e.at.line)
		if j := pairs[i]; j >= 0 {
			rows = append(rows, row{"=", e.title() + where, title(&got[j])})
			continue
		}
		j := nearest(e, got, taken)
		if j < 0 {
			rows = append(rows, row{"-", e.title() + where, "nothing of the kind"})
			for _, c := range e.claims(&happening{}) {
				rows = append(rows, row{" ", "    " + c.name + ": " + c.want, ""})
			}
			continue
		}
		taken[j] = true
		rows = append(rows, row{"≠", e.title() + where, title(&got[j])})
		for _, c := range e.claims(&got[j]) {
			if !c.holds {
				rows = append(rows, row{"≠", "    " + c.name + ": " + c.want, "    " + c.name + ": " + alert.Plain(c.got)})
			}
		}
	}
	for j := range got {
		if !taken[j] && !got[j].silent() {
			rows = append(rows, row{"+", "nothing", title(&got[j])})
			rows = append(rows, row{" ", "", "    " + details(&got[j].alert)})
		}
	}
	return table(rows)
}

// nearest finds what happened instead: of the same rule and kind, or else of the
// same rule.
func nearest(e *expectation, got []happening, taken []bool) int {
	for j := range got {
		if !taken[j] && e.about(&got[j]) {
			return j
		}
	}
	for j := range got {
		if !taken[j] && e.rule.text == got[j].alert.Rule {
			return j
		}
	}
	return -1
}

func (e *expectation) title() string { return e.rule.text + " " + e.transition.text }

func title(h *happening) string {
	return h.alert.Rule + " " + h.what + "  " + h.alert.Subject.String() + " " + h.alert.Field.String()
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
	var b strings.Builder
	for _, r := range rows {
		pad := width - utf8.RuneCountInString(r.want)
		if pad < 0 && r.got != "" {
			fmt.Fprintf(&b, "  %s %s\n", r.mark, r.want)
			r.mark, r.want, pad = " ", "", width
		}
		b.WriteString(strings.TrimRight("  "+r.mark+" "+r.want+strings.Repeat(" ", max(pad, 0))+"  │ "+r.got, " │") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
