package backtest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Table is a part of reports in rows, for terminals and pages alike.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
	bar    int // the column that a page draws as bars; 0: none
}

// Tables lists what one report says, or two about the same stretch of the log,
// the old rules first: counts side by side, then who is noisy and what flaps
// under each.
func Tables(reports ...*Report) []Table {
	var tables []Table
	for _, table := range []func(*Report) Table{rulesTable, channelsTable, daysTable} {
		t := table(reports[0])
		for _, r := range reports[1:] {
			t.join(table(r).Rows)
		}
		tables = append(tables, t)
	}
	for _, r := range reports {
		tables = append(tables, noiseTable(r), flapTable(r))
	}
	return slices.DeleteFunc(tables, func(t Table) bool { return len(t.Rows) == 0 })
}

// join puts the rows of another report beside those with the same first cell:
// counts that differ read "3 → 412", and "-" stands for a row that a report does
// not have.
func (t *Table) join(others [][]string) {
	missing := slices.Repeat([]string{"-"}, len(t.Header))
	for i, row := range t.Rows {
		t.Rows[i] = beside(row, cmp.Or(index(others, row[0]), &missing))
	}
	for _, other := range others {
		if index(t.Rows, other[0]) == nil {
			t.Rows = append(t.Rows, beside(missing, &other))
		}
	}
}

// index finds the row that begins with the cell, nil if there is none.
func index(rows [][]string, first string) *[]string {
	for i := range rows {
		if rows[i][0] == first {
			return &rows[i]
		}
	}
	return nil
}

// beside joins the cells of two rows. Words that only one of them has stand for
// themselves.
func beside(before []string, after *[]string) []string {
	row := slices.Clone(*after)
	for i, was := range before {
		switch v := row[i]; {
		case v == was, was == "-" && !isCount(v):
		case v == "-" && !isCount(was):
			row[i] = was
		default:
			row[i] = was + " → " + v
		}
	}
	return row
}

func isCount(cell string) bool {
	_, err := strconv.Atoi(cell)
	return err == nil
}

// Cell is a cell of a page.
type Cell struct {
	Text string
	Bar  int // how long a bar it has, in percent of the table's longest
}

// Cells lists the rows with their bars.
func (t Table) Cells() [][]Cell {
	size := func(row []string) int {
		n, _ := strconv.Atoi(row[t.bar][strings.LastIndexByte(row[t.bar], ' ')+1:])
		return n
	}
	longest := 1
	for _, row := range t.Rows {
		longest = max(longest, size(row))
	}
	var rows [][]Cell
	for _, row := range t.Rows {
		cells := make([]Cell, len(row))
		for i, text := range row {
			cells[i].Text = text
		}
		if t.bar > 0 {
			cells[t.bar].Bar = 100 * size(row) / longest
		}
		rows = append(rows, cells)
	}
	return rows
}

func rulesTable(r *Report) Table {
	t := Table{"Rules", []string{"RULE", "SEVERITY", "ALERTS", "OPEN", "MESSAGES", "BROADCAST", "REPLIES", "REMIND"}, nil, 4}
	open := 0
	for _, c := range r.Rules {
		open += c.Open
		t.Rows = append(t.Rows, append([]string{c.Rule, c.Severity.String()}, counts(c.Opened+c.Reopened, c.Open, c.Messages, c.Broadcasts, c.Replies, c.Reminds)...))
	}
	t.Rows = append(t.Rows, append([]string{"(all)", ""}, counts(r.Alerts, open, r.Messages, r.Broadcasts, r.Replies, r.Reminds)...))
	return t
}

func channelsTable(r *Report) Table {
	t := Table{"Channels", []string{"CHANNEL", "MESSAGES", "BROADCAST", "REPLIES", "REMIND", "BUSIEST", "DAY"}, nil, 1}
	for i := range r.Channels {
		c := &r.Channels[i]
		t.Rows = append(t.Rows, append([]string{c.Title()}, append(counts(c.Messages, c.Broadcasts, c.Replies, c.Reminds, c.Most), c.MostOn)...))
	}
	return t
}

func daysTable(r *Report) Table {
	t := Table{"Days", []string{"DAY", "ALERTS", "MESSAGES", "BROADCAST", "REPLIES"}, nil, 1}
	for _, d := range r.Days {
		alerts := 0
		for _, n := range d.Alerts {
			alerts += n
		}
		if alerts+d.Messages+d.Broadcasts+d.Replies > 0 {
			t.Rows = append(t.Rows, append([]string{d.Day}, counts(alerts, d.Messages, d.Broadcasts, d.Replies)...))
		}
	}
	return t
}

func noiseTable(r *Report) Table {
	t := Table{"The noisiest under " + r.Name, []string{"WHAT", "NAME", "ALERTS", "MESSAGES", "RULES"}, nil, 2}
	for _, n := range r.Noisiest[:min(len(r.Noisiest), 10)] {
		t.Rows = append(t.Rows, append([]string{n.Subject.String(), n.Name}, append(counts(n.Alerts, n.Messages), strings.Join(n.Rules, ", "))...))
	}
	return t
}

func flapTable(r *Report) Table {
	t := Table{"Flapping under " + r.Name + ": opened three times or more within a day", []string{"RULE", "WHAT", "FIELD", "A DAY", "IN ALL", "FROM"}, nil, 3}
	for _, f := range r.Flapping {
		t.Rows = append(t.Rows, append([]string{f.Rule, f.Subject.String(), f.Field.String()}, append(counts(f.Most, f.Openings), minute(f.From))...))
	}
	return t
}

func counts(values ...int) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strconv.Itoa(v)
	}
	return out
}
