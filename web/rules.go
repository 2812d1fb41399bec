package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

func (s *site) getRules(w http.ResponseWriter, _ *http.Request) {
	api.Write(w, http.StatusOK, s.rules())
}

// rules is what is known about the rules, safe to show.
func (s *site) rules() api.Rules {
	r := s.Rules()
	r.Rules = append([]api.Rule{}, r.Rules...)
	r.Channels = append([]api.Channel{}, r.Channels...)
	r.Warnings = cleanedProblems(r.Warnings)
	if r.Refused != nil {
		refused := *r.Refused
		refused.Text = display.Lines(refused.Text)
		refused.Problems = cleanedProblems(refused.Problems)
		r.Refused = &refused
	}
	if r.Compared != nil {
		r.Compared = &api.Compared{At: r.Compared.At, Text: display.Line(r.Compared.Text)}
	}
	return r
}

func cleanedProblems(problems []api.Problem) []api.Problem {
	out := append([]api.Problem{}, problems...)
	for i := range out {
		p := &out[i]
		p.Text, p.Hint, p.Rule = display.Line(p.Text), display.Line(p.Hint), display.Line(p.Rule)
		p.Source = alert.Plain(p.Source)
	}
	return out
}

func (s *site) postReload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reload(r.Context()); err != nil {
		api.Fail(w, http.StatusUnprocessableEntity, "the rules were rejected, the last good ones stay in force: "+display.Lines(err.Error()))
		return
	}
	api.Write(w, http.StatusOK, struct{}{})
}

func (s *site) reloadForm(w http.ResponseWriter, r *http.Request) {
	done := "reloaded"
	if s.Reload(r.Context()) != nil { // the page shows it, and it has been logged
		done = "refused"
	}
	s.back(w, r, "rules", done)
}

type rulesPage struct {
	api.Rules
	Levels   []heading
	Coverage []coverageRow
	Unused   []string // fields that no rule looks at
}

type problemRow struct {
	api.Problem
	Place         string
	Source, Caret string // what is shown of the line
}

type coverageRow struct {
	Field string
	Cells [][]string // by severity: names of rules
}

func (s *site) rulesPage(w http.ResponseWriter, r *http.Request) {
	body := rulesPage{Rules: s.rules()}
	body.cover()
	s.page(w, r, "rules", "Rules", body, paramsOf(r))
}

// cover finds which field is looked at by which rules.
func (b *rulesPage) cover() {
	for i, name := range alert.Severities() {
		b.Levels = append(b.Levels, heading{name, display.SeverityTone(alert.Severity(i))})
	}
	for f := range phone.Fields() {
		row, any := coverageRow{Field: f.String(), Cells: make([][]string, len(b.Levels))}, false
		for _, r := range b.Rules.Rules {
			if slices.Contains(r.On, f) {
				row.Cells[r.Severity] = append(row.Cells[r.Severity], r.Name)
				any = true
			}
		}
		if any {
			b.Coverage = append(b.Coverage, row)
		} else {
			b.Unused = append(b.Unused, f.String())
		}
	}
}

// excerptWidth is how much of a line of the rules is shown.
const excerptWidth = 100

func newProblemRow(file string, p api.Problem) problemRow {
	row := problemRow{Problem: p, Place: file + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)}
	if p.Source != "" {
		row.Source, row.Caret = excerpt(p.Source, p.Column-1)
	}
	return row
}

// excerpt cuts a line around a column, and returns what stands before a caret
// that points there.
func excerpt(line string, column int) (shown, before string) {
	runes := []rune(line)
	column = min(max(column, 0), len(runes))
	from := 0
	if column > excerptWidth*3/4 {
		from = column - excerptWidth/2
	}
	return string(runes[from:min(from+excerptWidth, len(runes))]), strings.Repeat(" ", column-from)
}
