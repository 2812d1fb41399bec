package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

func (s *site) getStatus(w http.ResponseWriter, _ *http.Request) {
	status, _, _ := s.look()
	api.Write(w, http.StatusOK, status)
}

// look returns what the bot reports, with the handler's own knowledge, and what of the
// fleet it sees: all together and of each account.
func (s *site) look() (status api.Status, all sight, of map[string]*sight) {
	status = api.Status{
		Version: s.Version, Started: s.Started, NotReady: s.notReady(), Accounts: s.accounts(), Sinks: s.sinks(), Store: s.Store(),
	}
	fires := s.tally()
	status.Alerts, status.Incidents = fires.alerts, fires.incidents
	status.Ready = status.NotReady == ""
	all, of = s.sights(status.Accounts)
	for i := range status.Accounts {
		status.Accounts[i].Blind = of[status.Accounts[i].Name].Since
	}
	status.Fleet = s.fleet(all)
	if s.Replicas != nil {
		status.Replicas = s.Replicas().Replicas
	}
	if refused := s.rules().Refused; refused != nil {
		status.RulesRefused = &api.RulesRefused{At: refused.At, Problems: len(refused.Problems), Text: refused.Text}
	}
	if s.HintStatus != nil {
		status.Hints = s.HintStatus()
	}
	return status, all, of
}

// notReady says why the bot is not working, "" if it is.
func (s *site) notReady() string {
	if err := s.Ready(); err != nil {
		return display.Line(err.Error())
	}
	return ""
}

// accounts is the state of the accounts, safe to show. It takes milliseconds with
// thousands of spaces, so a page asks for it once, and only if it shows it.
func (s *site) accounts() []api.AccountStatus {
	all := append([]api.AccountStatus{}, s.Accounts()...)
	for i := range all {
		a := &all[i]
		a.Failing = cleaned(a.Failing)
		a.Warnings = slices.Clone(a.Warnings)
		for j, w := range a.Warnings {
			a.Warnings[j] = display.Line(w)
		}
		if d := a.Discovery; d != nil {
			a.Discovery = &api.DiscoveryStatus{Spaces: d.Spaces, At: d.At, Error: display.Line(d.Error)}
		}
	}
	return all
}

func (s *site) sinks() []api.SinkStatus {
	all := append([]api.SinkStatus{}, s.Sinks()...)
	for i := range all {
		all[i].LastError = display.Line(all[i].LastError)
	}
	return all
}

func (s *site) fleet(all sight) api.FleetStatus {
	f := api.FleetStatus{Spaces: all.Spaces, Seen: all.Seen, Complete: s.View.Built(), By: []api.Count{}}
	for _, c := range s.View.Counts() {
		f.By = append(f.By, api.Count(c))
		f.Numbers += c.Numbers
	}
	return f
}

// maxIncidents is how many incidents the overview shows.
const maxIncidents = 10

type overview struct {
	Sight      sight
	Calm       string // what is said where no alert is firing
	Severities []display.Link
	Incidents  []incidentRow
	More, All  int
	Look       string         // what must be said of the sight while alerts are firing
	Rules      []display.Link // which speak, where not all alerts are shown
	Fleet      api.FleetStatus
	Matrix     matrix
	Chart      display.Chart
	Accounts   []accountRow
	Hints      string
	Sinks      []sinkRow
	Replicas   []replicaRow
}

// matrix is the fleet by Status and QualityRating: links to the numbers.
type matrix struct {
	Qualities []heading
	Rows      []matrixRow
	Totals    []int
	Numbers   int
}

type heading struct {
	Text string
	Tone display.Tone
}

type matrixRow struct {
	display.Link
	Cells []display.Link
}

type accountRow struct {
	api.AccountStatus
	Budget, Share, Detect, AtWorst string
	State                          heading
	Used                           string // percent, of the limit
	Oldest                         display.Stamp
}

func (s *site) overviewPage(w http.ResponseWriter, r *http.Request) {
	now, fires, params := s.Now(), s.tally(), paramsOf(r)
	status, all, of := s.look()
	firing := s.selected(selection{State: stateFiring})
	incidents := byIncident(firing)
	s.byNeed(incidents)
	o := overview{
		Fleet: status.Fleet, Matrix: newMatrix(status.Fleet), Sinks: sinkRows(status.Sinks), Replicas: replicaRows(status.Replicas), Hints: status.Hints.String(),
		More: max(len(incidents)-maxIncidents, 0),
	}
	if !s.View.Limited() { // changes are not counted by space
		o.Chart = display.NewChart(s.View.Activity, params.oneOf("over", display.ChartRanges()...), now)
	}
	for i, name := range alert.Severities() {
		o.Severities = append(o.Severities, display.Link{
			Text: name, Count: fires.needed[name], Href: "alerts?who=nobody&severity=" + name, Tone: display.SeverityTone(alert.Severity(i)),
		})
	}
	o.Incidents = s.incidentRows(incidents[:len(incidents)-o.More])
	if o.More > 0 {
		o.Rules = byRule(firing)
	}
	for _, a := range status.Accounts {
		o.Accounts = append(o.Accounts, newAccountRow(a, of[a.Name], now))
	}
	o.Sight, o.Calm, o.All = all, all.Calm(now), len(incidents)
	if !all.Well() {
		o.Look = o.Calm
	}
	s.page(w, r, "overview", "Overview", o, params)
}

type replicaRow struct {
	api.Replica
	Tone display.Tone
}

func replicaRows(all []api.Replica) (rows []replicaRow) {
	for _, r := range all {
		row := replicaRow{r, display.Good}
		if r.Role == "halted" || r.Role == "joining" || r.Differs {
			row.Tone = display.Dire
		}
		rows = append(rows, row)
	}
	return rows
}

func byRule(alerts []*alert.Alert) []display.Link {
	counts := map[string]*display.Link{}
	for _, a := range alerts {
		l := counts[a.Rule]
		if l == nil {
			l = &display.Link{Text: a.Rule, Href: "alerts?state=firing&rule=" + url.QueryEscape(a.Rule), Tone: display.SeverityTone(a.Severity)}
			counts[a.Rule] = l
		}
		l.Count++
	}
	var all []display.Link
	for _, l := range counts {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b display.Link) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Text, b.Text)) })
	return all
}

func newMatrix(f api.FleetStatus) matrix {
	m := matrix{Numbers: f.Numbers}
	var qualities, statuses []string
	for _, c := range f.By {
		if !slices.Contains(statuses, c.Status) {
			statuses = append(statuses, c.Status)
		}
		if !slices.Contains(qualities, c.QualityRating) {
			qualities = append(qualities, c.QualityRating)
		}
	}
	slices.SortFunc(qualities, func(a, b string) int {
		return cmp.Or(slices.Index(phone.QualityRating.Values(), a)-slices.Index(phone.QualityRating.Values(), b), cmp.Compare(a, b))
	})
	m.Totals = make([]int, len(qualities))
	for _, q := range qualities {
		m.Qualities = append(m.Qualities, heading{display.Value(phone.QualityRating, q), display.ToneOf(phone.QualityRating, q)})
	}
	for _, status := range statuses {
		m.Rows = append(m.Rows, m.row(f, status, qualities))
	}
	return m
}

func (m *matrix) row(f api.FleetStatus, status string, qualities []string) matrixRow {
	numbers := url.Values{"Status": {display.OrEmpty(status)}}
	row := matrixRow{
		Link:  display.Link{Text: display.Value(phone.Status, status), Href: "numbers?" + numbers.Encode(), Tone: display.ToneOf(phone.Status, status)},
		Cells: make([]display.Link, len(qualities)),
	}
	for _, c := range f.By {
		if c.Status != status {
			continue
		}
		i := slices.Index(qualities, c.QualityRating)
		numbers.Set("QualityRating", display.OrEmpty(c.QualityRating))
		row.Cells[i] = display.Link{
			Text: fmt.Sprintf("%s, %s and %s", phone.Count(c.Numbers, "number"), row.Text, m.Qualities[i].Text),
			Href: "numbers?" + numbers.Encode(), Tone: display.WorstTone(row.Tone, m.Qualities[i].Tone), Count: c.Numbers,
		}
		row.Count += c.Numbers
		m.Totals[i] += c.Numbers
	}
	return row
}

func newAccountRow(a api.AccountStatus, v *sight, now time.Time) accountRow {
	row := accountRow{
		State:         v.pill(&a, now),
		AccountStatus: a,
		Budget:        fmt.Sprintf("%.1f of %s requests a second", a.Rate, strconv.FormatFloat(a.Limit, 'g', 3, 64)),
		Used:          display.Percent(int(1000*min(a.Rate, a.Limit)), int(1000*a.Limit)),
		Share:         fmt.Sprintf("%.1f %%", 100*a.Throttled),
		Detect:        phone.Span(time.Duration(a.Expected)),
		AtWorst:       phone.Span(time.Duration(a.Worst)),
		Oldest:        display.Since(a.Oldest, now),
	}
	if !v.Since.IsZero() { // what is not polled is not seen within any time
		row.Detect, row.AtWorst = "–", "–"
	}
	return row
}
