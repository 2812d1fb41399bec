package command

import (
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/notify/card"
)

// gap stands between columns.
const gap = "  "

// least is the smallest width of a column on a narrow terminal, and sentence the width
// below which a row's last sentence goes on a line of its own.
const (
	least    = 8
	sentence = 30
)

// PrintTable prints rows below a header, aligned. Cells are made safe for a terminal. In a
// pipe they are whole; on a terminal that is too narrow the widest columns are cut, but for
// the first, which people copy.
func (p *Program) PrintTable(header []string, rows [][]string) { p.printTable(header, rows, false) }

// PrintTableOfTexts prints rows that end with a sentence. On a narrow terminal it stands
// below its row.
func (p *Program) PrintTableOfTexts(header []string, rows [][]string) {
	p.printTable(header, rows, true)
}

func (p *Program) printTable(header []string, rows [][]string, texts bool) {
	plain := make([][]string, len(rows))
	for i, row := range rows {
		for _, c := range row {
			plain[i] = append(plain[i], alert.Plain(c))
		}
	}
	last, room := len(header)-1, p.terminalWidth()
	below := false
	if texts && room > 0 {
		used := total(widths(header[:last], plain)) + len(gap)
		if below = room-used < sentence; !below {
			for _, row := range plain {
				row[last] = card.CutWidth(row[last], room-used)
			}
		}
	}
	if below {
		header = header[:last]
	}
	wide := widths(header, plain)
	if room > 0 {
		narrow(wide, room)
	}
	p.printRow(header, header, wide)
	for _, row := range plain {
		p.printRow(header, row, wide)
		if below && row[last] != "" {
			p.Printf("%s\n", p.Hanging("    ", row[last]))
		}
	}
}

// printRow prints the cells that have a column.
func (p *Program) printRow(header, row []string, wide []int) {
	var b strings.Builder
	for i, w := range wide {
		cell := card.CutWidth(row[i], w)
		filled := card.Pad(cell, w)
		if header[i] == "SEVERITY" {
			filled = strings.Replace(filled, cell, p.Severity(cell), 1)
		}
		b.WriteString(filled + gap)
	}
	p.Printf("%s\n", strings.TrimRight(b.String(), " "))
}

// widths returns how wide each column of the header is.
func widths(header []string, rows [][]string) []int {
	wide := make([]int, len(header))
	for i, name := range header {
		wide[i] = card.Width(name)
		for _, row := range rows {
			wide[i] = max(wide[i], card.Width(row[i]))
		}
	}
	return wide
}

func total(wide []int) (sum int) {
	for _, w := range wide {
		sum += w + len(gap)
	}
	return sum - len(gap)
}

// narrow shrinks the widest columns, except the first, until all fit.
func narrow(wide []int, room int) {
	for over := total(wide) - room; over > 0 && len(wide) > 1; over-- {
		widest := slices.Max(wide[1:])
		if widest <= least {
			return
		}
		wide[1+slices.Index(wide[1:], widest)]--
	}
}

// Severity is the name of a severity in its colour, if the output takes colours.
func (p *Program) Severity(name string) string {
	var s alert.Severity
	if !p.Coloured(p.Stdout) || s.UnmarshalText([]byte(name)) != nil {
		return name
	}
	return card.Paint(card.SeverityMark(s).Color, name)
}
