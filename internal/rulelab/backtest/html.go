package backtest

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

//go:embed report.html
var pageSource string

var pageTemplate = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"plain": alert.Plain, "subject": subjectText, "join": strings.Join, "px": func(f float64) string { return fmt.Sprintf("%.1f", f) },
	"minute": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
}).Parse(pageSource))

// page is what the template shows.
type page struct {
	Reports []*Report
	Last    *Report
	Tiles   []tile
	Charts  []chart
	Lines   []Line // what differs, of two reports
	Rules   []ruleRow
}

// tile is a number that says much.
type tile struct {
	Name   string
	Value  int
	Before string // what it was under the first rules; "" where there is one report
}

// ruleRow is a rule in each report; nil where it does not exist.
type ruleRow struct {
	Rule   string
	Counts []*RuleCount
}

// WriteHTML writes one page that needs nothing else: one report, or two about
// the same stretch of the log side by side, what is before first.
func WriteHTML(w io.Writer, reports ...*Report) error {
	last := reports[len(reports)-1]
	p := page{Reports: reports, Last: last, Rules: ruleRows(reports)}
	p.Tiles = []tile{{Name: "alerts", Value: last.Alerts}, {Name: "messages", Value: last.Messages}, {Name: "replies in threads", Value: last.Replies}, {Name: "reminders in threads", Value: last.Reminds}}
	if len(reports) > 1 {
		first := reports[0]
		for i, v := range []int{first.Alerts, first.Messages, first.Replies, first.Reminds} {
			p.Tiles[i].Before = fmt.Sprint(v)
		}
		p.Lines = Differ(first, last).Lines
	}
	p.Charts = charts(reports, p.Rules)
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func charts(reports []*Report, rows []ruleRow) (all []chart) {
	most := 0
	for _, r := range reports {
		most = max(most, mostADay(r))
	}
	suffix := func(r *Report) string {
		if len(reports) == 1 {
			return ""
		}
		return ": " + alert.Plain(r.Name)
	}
	for _, r := range reports {
		all = append(all, perDay(r, "Alerts opened a day"+suffix(r), most))
	}
	if rows := barRows(rows); len(rows) > 0 {
		var names []string
		for _, r := range reports {
			names = append(names, alert.Plain(r.Name))
		}
		all = append(all, bars("Messages by rule", rows, names))
	}
	for _, r := range reports {
		if len(r.Channels) > 0 {
			all = append(all, heat(r, "Messages by channel and day"+suffix(r)))
		}
	}
	return all
}

// ruleRows puts the rules of all reports beside each other, by name.
func ruleRows(reports []*Report) []ruleRow {
	byName := map[string]*ruleRow{}
	for i, r := range reports {
		for j := range r.Rules {
			c := &r.Rules[j]
			if byName[c.Rule] == nil {
				byName[c.Rule] = &ruleRow{Rule: c.Rule, Counts: make([]*RuleCount, len(reports))}
			}
			byName[c.Rule].Counts[i] = c
		}
	}
	rows := make([]ruleRow, 0, len(byName))
	for _, r := range byName {
		rows = append(rows, *r)
	}
	sort.Slice(rows, func(i, j int) bool {
		a, b := &rows[i], &rows[j]
		return cmp.Or(b.loudest()-a.loudest(), cmp.Compare(a.Rule, b.Rule)) < 0
	})
	return rows
}

func (r *ruleRow) loudest() int {
	most := 0
	for _, c := range r.Counts {
		if c != nil {
			most = max(most, c.Messages)
		}
	}
	return most
}

// Severity is that of the newest rules that have the rule.
func (r ruleRow) Severity() string {
	for _, c := range slices.Backward(r.Counts) {
		if c != nil {
			return c.Severity.String()
		}
	}
	return ""
}

// cell is a number in a table; Before is what it was, where that differs.
type cell struct {
	Before, Value string
}

// Zero reports whether there is nothing to see.
func (c cell) Zero() bool { return c.Before == "" && c.Value == "0" }

// Cells are what the rule did, in the order of the table's columns.
func (r ruleRow) Cells() []cell {
	columns := [][]string{}
	for _, c := range r.Counts {
		if c == nil {
			columns = append(columns, slices.Repeat([]string{"-"}, 8))
			continue
		}
		var texts []string
		for _, n := range []int{c.Opened, c.Reopened, c.Worse, c.Held, c.Open, c.Messages, c.Replies, c.Reminds} {
			texts = append(texts, fmt.Sprint(n))
		}
		columns = append(columns, texts)
	}
	first, last := columns[0], columns[len(columns)-1]
	cells := make([]cell, len(last))
	for i := range last {
		cells[i].Value = last[i]
		if first[i] != last[i] {
			cells[i].Before = first[i]
		}
	}
	return cells
}

// maxBars bounds the chart of rules.
const maxBars = 25

func barRows(rules []ruleRow) (rows []barRow) {
	for i := range rules {
		if rules[i].loudest() == 0 || len(rows) == maxBars {
			break
		}
		row := barRow{name: rules[i].Rule}
		for _, c := range rules[i].Counts {
			n := 0
			if c != nil {
				n = c.Messages
			}
			row.values = append(row.values, n)
		}
		rows = append(rows, row)
	}
	return rows
}

// subjectText names a subject for people.
func subjectText(s phone.Subject) string {
	switch s.Kind() {
	case phone.OfNumber:
		return alert.Plain(s.PhoneNumber + " in " + s.SpaceKey().String())
	case phone.OfSpace:
		return "space " + alert.Plain(s.SpaceKey().String())
	case phone.OfAccount:
		return "account " + alert.Plain(s.Account)
	default:
		return "numwatch: " + alert.Plain(s.Component)
	}
}
