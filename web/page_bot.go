package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

type rulesPage struct {
	Rules
	Loaded   stamp
	Rows     []ruleRow
	Refused  *refusedRow
	Compared *comparedRow
	Warnings []problemRow
	Levels   []heading
	Coverage []coverageRow
	Unused   []string // fields that no rule looks at
}

type ruleRow struct {
	Rule
	Severity string
	Tone     tone
	On       string
	For      string
	Last     stamp
}

type refusedRow struct {
	At       stamp
	Text     string
	Problems []problemRow
}

type comparedRow struct {
	At   stamp
	Text string
}

type problemRow struct {
	Place, Rule, Text, Hint string
	Number                  string // of the line
	Source, Caret           string
}

type coverageRow struct {
	Field string
	Cells [][]string // by severity: names of rules
}

func (s *site) rulesPage(w http.ResponseWriter, r *http.Request) {
	rules, now := s.rules(), s.Now()
	body := rulesPage{Rules: rules, Loaded: since(rules.Loaded, now), Warnings: problemRows(rules.File, rules.Warnings)}
	if f := rules.Refused; f != nil {
		body.Refused = &refusedRow{At: since(f.At, now), Text: f.Text, Problems: problemRows(rules.File, f.Problems)}
	}
	if c := rules.Compared; c != nil {
		body.Compared = &comparedRow{At: since(c.At, now), Text: c.Text}
	}
	for _, one := range rules.Rules {
		row := ruleRow{Rule: one, Severity: one.Severity.String(), Tone: severityTone(one.Severity), Last: since(one.Hits.Last, now)}
		if one.Hits.Last.IsZero() {
			row.Last.Ago = "never"
		}
		row.On = fieldNames(one.On)
		if one.For > 0 {
			row.For = "after " + span(time.Duration(one.For))
		}
		body.Rows = append(body.Rows, row)
	}
	body.cover(rules.Rules)
	p := s.frame(r, "rules", "Rules")
	p.Body = body
	s.show(w, http.StatusOK, p)
}

func fieldNames(fields []phone.Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}

// cover finds which field is looked at by which rules.
func (b *rulesPage) cover(rules []Rule) {
	for i, name := range alert.Severities() {
		b.Levels = append(b.Levels, heading{name, severityTone(alert.Severity(i))})
	}
	for f := range phone.Fields() {
		row, any := coverageRow{Field: f.String(), Cells: make([][]string, len(b.Levels))}, false
		for _, r := range rules {
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

func problemRows(file string, problems []Problem) []problemRow {
	var rows []problemRow
	for _, p := range problems {
		row := problemRow{
			Place: text(file) + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column),
			Rule:  text(p.Rule), Text: text(p.Text), Hint: text(p.Hint), Number: strconv.Itoa(p.Line),
		}
		if p.Source != "" {
			row.Source, row.Caret = excerpt(p.Source, p.Column-1)
		}
		rows = append(rows, row)
	}
	return rows
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

type deliveryPage struct {
	Sinks  []sinkRow
	Parked int
	Dead   []deadRow
	Pager  pager
}

type sinkRow struct {
	SinkStatus
	Tone tone
	What string
}

type deadRow struct {
	ID, Channel, Reason string
	At                  stamp
	Path                string // of the form
	Alerts              []DeadAlert
	More                int
}

// mostDeadAlerts is how many alerts of a dead letter a page lists.
const mostDeadAlerts = 5

func sinkRows(sinks []SinkStatus) []sinkRow {
	var rows []sinkRow
	for _, k := range sinks {
		row := sinkRow{SinkStatus: k, Tone: good, What: "events for programs"}
		if channel, ok := strings.CutPrefix(k.Name, "slack:"); ok {
			row.What = "messages in channel " + channel
		} else if k.Name == "slack-socket" {
			row.What = "buttons on messages"
		}
		switch {
		case k.State == phone.Parked:
			row.Tone = dire
		case k.State != phone.OK || k.LastError != "":
			row.Tone = watch
		}
		rows = append(rows, row)
	}
	return rows
}

func (s *site) deliveryPage(w http.ResponseWriter, r *http.Request) {
	params, now := paramsOf(r), s.Now()
	offset := params.pageNumber()
	all := s.deadLetters()
	letters := part(all, offset, rowsPerPage)
	body := deliveryPage{Sinks: sinkRows(s.status().Sinks), Pager: newPager(r.URL.Query(), offset, len(letters), len(all))}
	for _, k := range body.Sinks {
		if k.State == phone.Parked {
			body.Parked++
		}
	}
	for _, d := range letters {
		row := deadRow{
			ID: d.ID, Channel: text(d.Channel), Reason: text(d.Reason), At: since(d.At, now), Path: "delivery/dead/" + escape(d.ID) + "/retry",
			More: max(len(d.Alerts)-mostDeadAlerts, 0),
		}
		row.Alerts = d.Alerts[:len(d.Alerts)-row.More]
		for i := range row.Alerts {
			row.Alerts[i].Summary = text(row.Alerts[i].Summary)
		}
		body.Dead = append(body.Dead, row)
	}
	p := s.frame(r, "delivery", "Delivery")
	p.Wrong, p.Body = strings.Join(params.wrong, "; "), body
	s.show(w, http.StatusOK, p)
}

// labelTexts writes labels as name=value, in order.
func labelTexts(labels map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, text(name+"="+labels[name]))
	}
	return all
}

// worstText says what the worst numbers of a space are.
func worstText(c *Count) (string, tone) {
	t := worstTone(toneOf(phone.Status, c.Status), toneOf(phone.QualityRating, c.QualityRating))
	if t == good || t == off {
		return "", t
	}
	return strconv.Itoa(c.Numbers) + " " + value(phone.Status, c.Status) + ", " + value(phone.QualityRating, c.QualityRating), t
}
