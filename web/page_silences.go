package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

// silenceRow is a silence in force on a page.
type silenceRow struct {
	ID, Match, By, Reason string
	Href                  string // to its preview
	From, Until           stamp
	Left                  string
	Covers                int
}

type silencesPage struct {
	Who        string
	Rows       []silenceRow
	Rules      choice
	Severities choice
	Lengths    choice
	Texts      []typedField
	Until      string
	Reason     string
	Refused    string
	Preview    *preview // nil: nothing is chosen yet
}

// typedField is a part of the matcher that is typed.
type typedField struct{ Name, Label, Hint, Value string }

type preview struct {
	Match string
	Total int
	Rows  []alertRow
}

func (s *site) silenceRows() (rows []silenceRow) {
	now := s.Now()
	for _, one := range s.Silences() {
		rows = append(rows, silenceRow{
			ID: one.ID, Match: text(one.Match.String()), By: text(one.By), Reason: text(one.Reason), Href: "silences?" + matchQuery(&one.Match).Encode(),
			From: since(one.From, now), Until: since(one.Until, now), Left: span(one.Until.Sub(now)), Covers: len(s.covered(&one.Match)),
		})
	}
	return rows
}

// matchQuery writes a matcher as the form of the silences page has it.
func matchQuery(m *alert.Matcher) url.Values {
	q := url.Values{}
	for name, v := range map[string]string{
		"account": m.Account, "space": m.Space, "number": m.PhoneNumber, "rule": m.Rule, "severity": m.Severity,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, k+"="+m.Labels[k])
	}
	if len(labels) > 0 {
		q.Set("labels", strings.Join(labels, ", "))
	}
	return q
}

// matchOf reads it back.
func matchOf(q url.Values) (m alert.Matcher, _ error) {
	for _, name := range []string{"account", "space", "number", "rule", "severity"} {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			if err := m.Set(name, v); err != nil {
				return m, fmt.Errorf("%w: %w", alert.ErrRejected, err)
			}
		}
	}
	for one := range strings.SplitSeq(q.Get("labels"), ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		k, v, _ := strings.Cut(one, "=")
		if v == "" || m.Set("label."+strings.TrimSpace(k), strings.TrimSpace(v)) != nil {
			return m, fmt.Errorf("%w: labels must be name=value, not %q", alert.ErrRejected, one)
		}
	}
	return m, nil
}

func (s *site) silencesPage(w http.ResponseWriter, r *http.Request) {
	s.showSilences(w, r, http.StatusOK, r.URL.Query(), "")
}

// lengths are how long silences last that people choose by a click.
var lengths = []option{{Value: "1h", Text: "1 hour"}, {Value: "4h", Text: "4 hours"}, {Value: "24h", Text: "1 day"}, {Value: "168h", Text: "1 week"}}

// showSilences shows the page with its form filled in with q.
func (s *site) showSilences(w http.ResponseWriter, r *http.Request, code int, q url.Values, refused string) {
	body := silencesPage{
		Who: nameOf(r), Rows: s.silenceRows(), Until: text(q.Get("until")), Reason: text(q.Get("reason")), Refused: text(refused),
		Severities: choose("severity", "Severity", "any", alert.Severities(), nonEmpty(q.Get("severity"))),
		Lengths:    choice{Name: "for", Label: "For"},
	}
	var rules []string
	for _, one := range s.Rules().Rules {
		rules = append(rules, one.Name)
	}
	body.Rules = choose("rule", "Rule", "any", rules, nonEmpty(q.Get("rule")))
	for _, one := range lengths {
		one.Chosen = q.Get("for") == one.Value
		body.Lengths.Chosen = body.Lengths.Chosen || one.Chosen
		body.Lengths.Options = append(body.Lengths.Options, one)
	}
	for _, f := range []typedField{
		{"number", "Number", "any", ""},
		{"space", "Space", "id, or any", ""},
		{"labels", "Labels of the space", "tier=gold", ""},
		{"account", "Account", "any", ""},
	} {
		f.Value = text(q.Get(f.Name))
		body.Texts = append(body.Texts, f)
	}
	match, err := matchOf(q)
	switch {
	case err != nil && body.Refused == "":
		body.Refused = text(because(err))
	case err == nil && !match.Empty():
		body.Preview = s.preview(&match)
	}
	p := s.frame(r, "silences", "Silences")
	p.Form, p.Body = true, body
	s.show(w, code, p)
}

func (s *site) preview(m *alert.Matcher) *preview {
	found := s.covered(m)
	out := &preview{Match: text(m.String()), Total: len(found)}
	for _, a := range part(found, 0, rowsPerPage) {
		out.Rows = append(out.Rows, s.alertRow(a, s.Now()))
	}
	return out
}

// The cookie that keeps the name of who decides, so that it is asked for once.
const (
	nameCookie = "numwatch-name"
	nameFor    = 365 * 24 * time.Hour
)

func nameOf(r *http.Request) string {
	c, err := r.Cookie(nameCookie)
	if err != nil {
		return ""
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return alert.Cut(shown(name), mostName)
}

// named reads from a form who decides, and keeps it for the next time.
func named(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, mostAsked)
	by, err := who(r.PostFormValue("by"))
	if err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{
		Name: nameCookie, Value: url.QueryEscape(by), Path: "/", MaxAge: int(nameFor.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	return by, nil
}
