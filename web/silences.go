package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

func (s *site) getSilences(w http.ResponseWriter, r *http.Request) {
	if refused(w, paramsOf(r)) {
		return
	}
	list, covers := api.SilenceList{Silences: []api.Silence{}}, s.covers()
	for _, one := range s.View.Silences() {
		list.Silences = append(list.Silences, api.Silence{Silence: one, Covers: covers[one.ID]})
	}
	list.Total = len(list.Silences)
	api.Write(w, http.StatusOK, list)
}

// covers counts, for each silence, the open alerts that it holds back.
func (s *site) covers() map[string]int {
	counts := map[string]int{}
	for _, a := range s.View.Alerts() {
		for _, h := range a.HeldBy {
			if id, ok := strings.CutPrefix(h, alert.SilenceHold); ok && !a.State.Closed() {
				counts[id]++
			}
		}
	}
	return counts
}

// covered returns the open alerts that a matcher chooses, the worst first.
func (s *site) covered(m *alert.Matcher) []*alert.Alert {
	return slices.DeleteFunc(s.selected(selection{State: stateOpen}), func(a *alert.Alert) bool {
		return !m.Matches(a, s.Space(a.Subject.SpaceKey()).Labels)
	})
}

func (s *site) postSilence(w http.ResponseWriter, r *http.Request) {
	var q api.SilenceRequest
	if !read(w, r, &q) {
		return
	}
	made, err := s.makeSilence(r.Context(), q)
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	api.Write(w, http.StatusCreated, api.Silence{Silence: made, Covers: s.covers()[made.ID]})
}

// makeSilence starts the silence that is asked for.
func (s *site) makeSilence(ctx context.Context, q api.SilenceRequest) (alert.Silence, error) {
	if err := checkMatch(&q.Match); err != nil {
		return alert.Silence{}, err
	}
	if q.Until.IsZero() == (q.For == 0) {
		return alert.Silence{}, fmt.Errorf("%w: either `until` or `for_seconds` is required, and not both", alert.ErrRejected)
	}
	if q.For != 0 {
		q.Until = s.Now().Add(time.Duration(q.For))
	}
	by, err := who(q.By)
	if err != nil {
		return alert.Silence{}, err
	}
	return s.Operator.Silence(ctx, alert.Silence{
		Match: q.Match, Until: q.Until.UTC(), By: by, Reason: alert.Cut(shown(strings.TrimSpace(q.Reason)), maxReason),
	})
}

// checkMatch refuses a matcher that names nothing, or something there cannot be.
func checkMatch(m *alert.Matcher) error {
	switch {
	case m.Empty():
		return fmt.Errorf("%w: name at least one of account, space, number, part, rule, severity or label", alert.ErrRejected)
	case m.Severity != "" && new(alert.Matcher).Set("severity", m.Severity) != nil:
		return fmt.Errorf("%w: severity must be one of %s", alert.ErrRejected, strings.Join(alert.Severities(), ", "))
	}
	return nil
}

func (s *site) postPreview(w http.ResponseWriter, r *http.Request) {
	var q api.PreviewRequest
	if !read(w, r, &q) {
		return
	}
	if err := checkMatch(&q.Match); err != nil {
		s.undecided(w, r, err)
		return
	}
	found := s.covered(&q.Match)
	list := api.AlertList{Total: len(found), Alerts: []api.Alert{}}
	for _, a := range part(found, 0, maxPreview) {
		list.Alerts = append(list.Alerts, s.render(a))
	}
	api.Write(w, http.StatusOK, list)
}

func (s *site) endSilence(r *http.Request, by string) (any, error) {
	return struct{}{}, s.Operator.EndSilence(r.Context(), r.PathValue("id"), by)
}

// silenceIncident silences what is open of an incident, for a time that the form says.
func (s *site) silenceIncident(r *http.Request, by string) (any, error) {
	length, err := lengthOf(r.PostFormValue("for"))
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	alerts := s.alertsOfIncident(id)
	if !slices.ContainsFunc(alerts, func(a *alert.Alert) bool { return !a.State.Closed() }) {
		return nil, fmt.Errorf("%w: %s", alert.ErrNotFound, id)
	}
	return s.makeSilence(r.Context(), api.SilenceRequest{Match: matchOpen(alerts), For: length, By: by})
}

func lengthOf(text string) (api.Seconds, error) {
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 {
		return 0, fmt.Errorf("%w: choose a duration", alert.ErrRejected)
	}
	return api.Seconds(length), nil
}

// silenceForm starts the silence that its page asks for. What is refused is
// shown there, with everything as it was filled in.
func (s *site) silenceForm(w http.ResponseWriter, r *http.Request) {
	q, err := silenceAsked(w, r)
	if err == nil {
		_, err = s.makeSilence(r.Context(), q)
	}
	switch {
	case err == nil:
		back(w, r, "silences", "silenced")
	case errors.Is(err, alert.ErrRejected):
		s.showSilences(w, r, http.StatusUnprocessableEntity, r.PostForm, because(err))
	default:
		s.decided(w, r, "", err)
	}
}

// because is why something was refused.
func because(err error) string {
	return strings.TrimPrefix(err.Error(), alert.ErrRejected.Error()+": ")
}

func silenceAsked(w http.ResponseWriter, r *http.Request) (q api.SilenceRequest, err error) {
	if q.By, err = named(w, r); err != nil {
		return q, err
	}
	if q.Match, err = matchOf(r.PostForm); err != nil {
		return q, err
	}
	q.Reason = r.PostFormValue("reason")
	until := r.PostFormValue("until")
	if until == "" {
		q.For, err = lengthOf(r.PostFormValue("for"))
		return q, err
	}
	if q.Until, err = time.Parse("2006-01-02T15:04", until); err != nil {
		return q, fmt.Errorf("%w: the end must be a time such as 2026-11-24T07:00", alert.ErrRejected)
	}
	return q, nil
}

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
	Rows  []incidentRow
}

func (s *site) silenceRows() (rows []silenceRow) {
	now, covers := s.Now(), s.covers()
	for _, one := range s.View.Silences() {
		rows = append(rows, silenceRow{
			ID: one.ID, Match: text(one.Match.String()), By: text(one.By), Reason: text(one.Reason), Href: "silences?" + matchQuery(&one.Match).Encode(),
			From: since(one.From, now), Until: since(one.Until, now), Left: phone.Span(one.Until.Sub(now)), Covers: covers[one.ID],
		})
	}
	return rows
}

// matchQuery writes a matcher as the form of the silences page has it.
func matchQuery(m *alert.Matcher) url.Values {
	q := url.Values{}
	for _, name := range alert.MatcherNames() {
		if v := m.Get(name); v != "" {
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
	for _, name := range alert.MatcherNames() {
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
		Severities: choose("severity", "Severity", "any", alert.Severities(), q.Get("severity")),
		Lengths:    choice{Name: "for", Label: "For"},
	}
	var rules []string
	for _, one := range s.Rules().Rules {
		rules = append(rules, one.Name)
	}
	body.Rules = choose("rule", "Rule", "any", rules, q.Get("rule"))
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
		out.Rows = append(out.Rows, incidentRow{alertRow: s.alertRow(a)})
	}
	return out
}
