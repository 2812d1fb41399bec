package web

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

//go:embed page.html style.css
var assets embed.FS

var pageTemplate = template.Must(template.ParseFS(assets, "page.html"))

// What one page shows at most; the rest is counted. The API lists all.
const (
	mostAlerts  = 500
	mostFailing = 50
	mostText    = 300
)

// page is what the template shows: texts that are cleaned, cut and redacted.
// The template escapes them for HTML.
type page struct {
	Status   Status
	Headline string
	Alerts   []alertRow
	More     int
	Accounts []accountRow
	Store    string
	Now      stamp
	Started  stamp
}

type alertRow struct {
	Severity, State      string
	Number, Name         string
	Space, Account       string
	Field, Old, New      string
	Summary, Action      string
	Rule, Runbook, Notes string
	Since                stamp
}

type accountRow struct {
	AccountStatus
	Budget, Share, Detect string
	Oldest                stamp
	Failing               []failingRow
	MoreFailing           int
}

type failingRow struct {
	Space, Class, Text, Advice, RequestId string
	Since                                 stamp
}

// stamp is a time with how long ago it is.
type stamp struct{ Exact, Ago string }

func (s *site) getPage(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, s.page()); err != nil {
		http.Error(w, "rendering the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The client went away: nobody is left to be told.
	_, _ = body.WriteTo(w)
}

func getStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, assets, "style.css")
}

func (s *site) page() page {
	now, status := s.Now(), s.status()
	p := page{
		Status:   status,
		Headline: headline(status),
		Store:    fmt.Sprintf("%d records in the log, %.1f MB", status.Store.Seq, float64(status.Store.Size)/1e6),
		Now:      since(now, now),
		Started:  since(status.Started, now),
	}
	for _, a := range s.open() {
		switch {
		case a.State != alert.Firing:
		case len(p.Alerts) == mostAlerts:
			p.More++
		default:
			p.Alerts = append(p.Alerts, s.alertRow(&a, now))
		}
	}
	for _, a := range status.Accounts {
		p.Accounts = append(p.Accounts, s.accountRow(a, now))
	}
	return p
}

func headline(s Status) string {
	var counts []string
	for _, severity := range alert.Severities() {
		if n := s.Alerts[severity]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	return cmp.Or(strings.Join(counts, ", "), "Nothing is wrong")
}

func (s *site) alertRow(a *alert.Alert, now time.Time) alertRow {
	row := alertRow{
		Severity: a.Severity.String(),
		State:    a.State.String(),
		Number:   text(a.Subject.PhoneNumber),
		Account:  text(a.Subject.Account),
		Field:    a.Field.String(),
		Old:      value(a.Field, a.Change.Old),
		New:      value(a.Field, a.Change.New),
		Summary:  text(a.Summary.Render(shown)),
		Action:   text(a.Action.Render(shown)),
		Rule:     a.Rule,
		Runbook:  a.Runbook,
		Notes:    notes(a),
		Since:    since(a.Since, now),
	}
	if a.Change.Number != nil {
		row.Name = text(a.Change.Number.Get(phone.VerifiedName))
	}
	if a.Subject.Space != "" {
		row.Space = text(s.Space(a.Subject.SpaceKey()).Title())
	}
	if a.Subject.Kind() == phone.OfBot {
		row.Space = "numwatch " + text(a.Subject.Part)
	}
	return row
}

// notes tells what a reader must know beside the change.
func notes(a *alert.Alert) string {
	var notes []string
	if a.Ack != nil {
		notes = append(notes, "acknowledged by "+text(a.Ack.By))
	}
	if len(a.HeldBy) > 0 {
		notes = append(notes, "held by "+text(strings.Join(a.HeldBy, ", ")))
	}
	if a.Baseline {
		notes = append(notes, "so since its first sight")
	}
	if a.Drill {
		notes = append(notes, "drill")
	}
	if a.Change.Reason != "" {
		notes = append(notes, text(a.Change.Reason))
	}
	return strings.Join(notes, " · ")
}

func (s *site) accountRow(a AccountStatus, now time.Time) accountRow {
	row := accountRow{
		AccountStatus: a,
		Budget:        fmt.Sprintf("%.1f of %s requests a second", a.Rate, strconv.FormatFloat(a.Limit, 'g', 3, 64)),
		Share:         fmt.Sprintf("%.1f %%", 100*a.Throttled),
		Detect:        fmt.Sprintf("%s, at worst %s", span(time.Duration(a.Expected)), span(time.Duration(a.Worst))),
		Oldest:        since(a.Oldest, now),
		MoreFailing:   max(len(a.Failing)-mostFailing, 0),
	}
	for _, f := range a.Failing[:len(a.Failing)-row.MoreFailing] {
		space := "the whole account"
		if f.Space != "" {
			space = text(s.Space(phone.SpaceKey{Account: a.Name, ID: f.Space}).Title())
		}
		row.Failing = append(row.Failing, failingRow{
			Space: space, Class: f.Class, Text: text(strings.TrimSpace(f.Code + " " + f.Message)),
			Advice: text(f.Advice), RequestId: f.RequestId, Since: since(f.Since, now),
		})
	}
	return row
}

// text makes a text from outside fit for the page.
func text(s string) string { return alert.Cut(shown(s), mostText) }

func value(f phone.Field, v string) string {
	if v == "" {
		return "(empty)"
	}
	return text(f.Shown(v))
}

func since(t, now time.Time) stamp {
	if t.IsZero() {
		return stamp{Ago: "not yet"}
	}
	return stamp{Exact: t.UTC().Format("2006-01-02 15:04:05 UTC"), Ago: span(now.Sub(t))}
}

// span writes a duration with its two largest units.
func span(d time.Duration) string {
	switch d = max(d, 0).Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
}
