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
)

func (s *site) getStatus(w http.ResponseWriter, _ *http.Request) {
	api.Write(w, http.StatusOK, s.status())
}

// status is what the bot reports, with what the handler itself knows.
func (s *site) status() api.Status {
	status := api.Status{
		Version: s.Version, Started: s.Started, NotReady: s.notReady(), Accounts: s.accounts(), Sinks: s.sinks(), Store: s.Store(),
	}
	status.Alerts, status.Incidents = s.firing()
	status.Ready = status.NotReady == ""
	status.Fleet = s.fleet(status.Accounts)
	return status
}

// notReady says why the bot does not do its work, "" if it does.
func (s *site) notReady() string {
	if err := s.Ready(); err != nil {
		return shown(err.Error())
	}
	return ""
}

// firing counts the alerts by severity, and their incidents by the worst alert of each;
// every severity is there.
func (s *site) firing() (alerts, incidents map[string]int) {
	alerts, incidents = map[string]int{}, map[string]int{}
	for _, name := range alert.Severities() {
		alerts[name], incidents[name] = 0, 0
	}
	worst := map[string]alert.Severity{}
	for _, a := range s.View.Alerts() {
		if a.State != alert.Firing {
			continue
		}
		alerts[a.Severity.String()]++
		id := incidentOf(a)
		if known, ok := worst[id]; !ok || a.Severity < known {
			worst[id] = a.Severity
		}
	}
	for _, severity := range worst {
		incidents[severity.String()]++
	}
	return alerts, incidents
}

// accounts is how the accounts are, fit to be shown. It takes milliseconds with
// thousands of spaces, so a page asks for it once, and only if it shows it.
func (s *site) accounts() []api.AccountStatus {
	all := append([]api.AccountStatus{}, s.Accounts()...)
	for i := range all {
		a := &all[i]
		a.Failing = cleaned(a.Failing)
		a.Warnings = slices.Clone(a.Warnings)
		for j, w := range a.Warnings {
			a.Warnings[j] = shown(w)
		}
		if d := a.Discovery; d != nil {
			a.Discovery = &api.DiscoveryStatus{Spaces: d.Spaces, At: d.At, Error: shown(d.Error)}
		}
	}
	return all
}

func (s *site) sinks() []api.SinkStatus {
	all := append([]api.SinkStatus{}, s.Sinks()...)
	for i := range all {
		all[i].LastError = shown(all[i].LastError)
	}
	return all
}

func (s *site) fleet(accounts []api.AccountStatus) api.FleetStatus {
	f := api.FleetStatus{Complete: s.View.Built(), By: []api.Count{}}
	for _, c := range s.View.Counts() {
		f.By = append(f.By, api.Count(c))
		f.Numbers += c.Numbers
	}
	for _, a := range accounts {
		f.Spaces += a.Spaces
	}
	return f
}

// maxIncidents is how many incidents the overview shows.
const maxIncidents = 10

type overview struct {
	Severities []link
	Incidents  []incidentRow
	More       int
	Rules      []link // which speak, where not all alerts are shown
	Fleet      api.FleetStatus
	Matrix     matrix
	Chart      chart
	Accounts   []accountRow
	Sinks      []sinkRow
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
	Tone tone
}

type matrixRow struct {
	link
	Cells []link
}

type accountRow struct {
	api.AccountStatus
	Budget, Share, Detect, AtWorst string
	Used                           string // percent, of the limit
	Oldest                         stamp
}

func (s *site) overviewPage(w http.ResponseWriter, r *http.Request) {
	now, status := s.Now(), s.status()
	firing := s.selected(selection{State: stateFiring})
	incidents := byIncident(firing)
	o := overview{
		Fleet: status.Fleet, Matrix: newMatrix(status.Fleet), Chart: s.chart(r, now), Sinks: sinkRows(status.Sinks),
		More: max(len(incidents)-maxIncidents, 0),
	}
	for i, name := range alert.Severities() {
		o.Severities = append(o.Severities, link{
			Text: name, Count: status.Incidents[name], Href: "alerts?state=firing&severity=" + name, Tone: severityTone(alert.Severity(i)),
		})
	}
	o.Incidents = s.incidentRows(incidents[:len(incidents)-o.More])
	if o.More > 0 {
		o.Rules = byRule(firing)
	}
	for _, a := range status.Accounts {
		o.Accounts = append(o.Accounts, newAccountRow(a, now))
	}
	s.page(w, r, "overview", "Overview", o)
}

func byRule(alerts []*alert.Alert) []link {
	counts := map[string]*link{}
	for _, a := range alerts {
		l := counts[a.Rule]
		if l == nil {
			l = &link{Text: a.Rule, Href: "alerts?state=firing&rule=" + url.QueryEscape(a.Rule), Tone: severityTone(a.Severity)}
			counts[a.Rule] = l
		}
		l.Count++
	}
	var all []link
	for _, l := range counts {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b link) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Text, b.Text)) })
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
		m.Qualities = append(m.Qualities, heading{value(phone.QualityRating, q), toneOf(phone.QualityRating, q)})
	}
	for _, status := range statuses {
		m.Rows = append(m.Rows, m.row(f, status, qualities))
	}
	return m
}

func (m *matrix) row(f api.FleetStatus, status string, qualities []string) matrixRow {
	numbers := url.Values{"Status": {orEmpty(status)}}
	row := matrixRow{
		link:  link{Text: value(phone.Status, status), Href: "numbers?" + numbers.Encode(), Tone: toneOf(phone.Status, status)},
		Cells: make([]link, len(qualities)),
	}
	for _, c := range f.By {
		if c.Status != status {
			continue
		}
		i := slices.Index(qualities, c.QualityRating)
		numbers.Set("QualityRating", orEmpty(c.QualityRating))
		row.Cells[i] = link{
			Text: fmt.Sprintf("%s, %s and %s", phone.Count(c.Numbers, "number"), row.Text, m.Qualities[i].Text),
			Href: "numbers?" + numbers.Encode(), Tone: worstTone(row.Tone, m.Qualities[i].Tone), Count: c.Numbers,
		}
		row.Count += c.Numbers
		m.Totals[i] += c.Numbers
	}
	return row
}

func newAccountRow(a api.AccountStatus, now time.Time) accountRow {
	return accountRow{
		AccountStatus: a,
		Budget:        fmt.Sprintf("%.1f of %s requests a second", a.Rate, strconv.FormatFloat(a.Limit, 'g', 3, 64)),
		Used:          percent(int(1000*min(a.Rate, a.Limit)), int(1000*a.Limit)),
		Share:         fmt.Sprintf("%.1f %%", 100*a.Throttled),
		Detect:        phone.Span(time.Duration(a.Expected)),
		AtWorst:       phone.Span(time.Duration(a.Worst)),
		Oldest:        since(a.Oldest, now),
	}
}
