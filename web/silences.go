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
	"numwatch/web/display"
	"numwatch/web/names"
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
	if err := s.understand(&q.Match); err != nil {
		return alert.Silence{}, err
	}
	if q.Until.IsZero() == (q.For == 0) {
		return alert.Silence{}, fmt.Errorf("%w: either `until` or `for_seconds` is required, and not both", alert.ErrRejected)
	}
	if q.For != 0 {
		q.Until = alert.Begin(q.From, s.Now()).Add(time.Duration(q.For))
	}
	by, err := s.who(q.By)
	if err != nil {
		return alert.Silence{}, err
	}
	return s.Operator.Silence(ctx, alert.Silence{
		Match: q.Match, From: q.From.UTC(), Until: q.Until.UTC(), By: by, Reason: alert.Cut(display.Line(strings.TrimSpace(q.Reason)), maxReason),
	})
}

// understand makes of a matcher what it means. One that names nothing, or something that there
// is not, is refused: it would silence nothing.
func (s *site) understand(m *alert.Matcher) error {
	switch {
	case m.Empty():
		return fmt.Errorf("%w: name at least one of account, space, number, part, rule, severity or label", alert.ErrRejected)
	case m.Severity != "" && new(alert.Matcher).Set("severity", m.Severity) != nil:
		return fmt.Errorf("%w: severity must be one of %s", alert.ErrRejected, strings.Join(alert.Severities(), ", "))
	}
	return s.names().Resolve(m)
}

func (s *site) postPreview(w http.ResponseWriter, r *http.Request) {
	var q api.PreviewRequest
	if !read(w, r, &q) {
		return
	}
	if err := s.understand(&q.Match); err != nil {
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

// postNames finds what is named, for commands as for forms.
func (s *site) postNames(w http.ResponseWriter, r *http.Request) {
	var q api.Named
	if !read(w, r, &q) {
		return
	}
	if err := s.names().Resolve(&q.Match); err != nil {
		s.undecided(w, r, err)
		return
	}
	api.Write(w, http.StatusOK, q)
}

func (s *site) endSilence(r *http.Request, by string) (any, error) {
	return struct{}{}, s.Operator.EndSilence(r.Context(), r.PathValue("id"), by)
}

func lengthOf(text string) (api.Seconds, error) {
	length, err := phone.ParseDuration(text)
	if err != nil || length <= 0 {
		return 0, fmt.Errorf("%w: choose a duration", alert.ErrRejected)
	}
	return api.Seconds(length), nil
}

// silenceForm starts the silence that its page asks for. What is refused is
// shown there, with everything as it was filled in.
func (s *site) silenceForm(w http.ResponseWriter, r *http.Request) {
	q, err := s.silenceAsked(w, r)
	var made alert.Silence
	if err == nil {
		made, err = s.makeSilence(r.Context(), q)
	}
	switch {
	case err == nil:
		done := "silenced"
		if made.Planned {
			done = "planned"
		}
		s.back(w, r, "silences", done, made.ID)
	case errors.Is(err, alert.ErrRejected):
		s.showSilences(w, r, http.StatusUnprocessableEntity, r.PostForm, because(err))
	default:
		s.decided(w, r, "", nil, err)
	}
}

// because is the reason for a rejection.
func because(err error) string {
	return strings.TrimPrefix(err.Error(), alert.ErrRejected.Error()+": ")
}

func (s *site) silenceAsked(w http.ResponseWriter, r *http.Request) (q api.SilenceRequest, err error) {
	if q.By, err = s.named(w, r); err != nil {
		return q, err
	}
	if q.Match, err = matchOf(r.PostForm); err != nil {
		return q, err
	}
	if err = s.askedForLong(r.PostForm); err != nil {
		return q, err
	}
	if q.Reason = strings.TrimSpace(r.PostFormValue("reason")); q.Reason == "" {
		return q, fmt.Errorf("%w: a reason is required: it tells others why nothing is shown", alert.ErrRejected)
	}
	if q.From, err = timeOf(r.PostForm, "from", "start"); err != nil {
		return q, err
	}
	if q.Until, err = timeOf(r.PostForm, "until", "end"); err != nil || !q.Until.IsZero() {
		return q, err
	}
	q.For, err = lengthOf(r.PostFormValue("for"))
	return q, err
}

// timeOf reads a time of a form, which is in UTC; zero: none was given.
func timeOf(q url.Values, name, what string) (time.Time, error) {
	v := q.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse("2006-01-02T15:04", v)
	if err != nil {
		return at, fmt.Errorf("%w: the %s must be a time such as 2026-11-24T07:00", alert.ErrRejected, what)
	}
	return at, nil
}

// names is what the forms of this caller may name.
func (s *site) names() names.Directory {
	return names.Directory{
		View: s.View, Spaces: s.Spaces, Accounts: s.accountNames, Rules: s.ruleNames,
		Sinks: func() (all []string) {
			for _, one := range s.Sinks() {
				all = append(all, one.Name)
			}
			return all
		},
	}
}

func (s *site) ruleNames() (all []string) {
	for _, one := range s.Rules().Rules {
		all = append(all, one.Name)
	}
	return all
}

// askedForLong refuses a long silence unless the box for it is ticked.
func (s *site) askedForLong(q url.Values) error {
	if q.Get("long") != "" {
		return nil
	}
	length, _ := phone.ParseDuration(q.Get("for"))
	from, _ := timeOf(q, "from", "start") // what is no time is refused elsewhere
	if until, err := timeOf(q, "until", "end"); err == nil && !until.IsZero() {
		length = until.Sub(alert.Begin(from, s.Now()))
	}
	if length > alert.LongSilence {
		return fmt.Errorf("%w: it would last %s; tick the box to silence for more than 30 days", alert.ErrRejected, phone.Span(length.Round(time.Hour)))
	}
	return nil
}

// silenceRow is a silence on a page, in force or planned.
type silenceRow struct {
	ID, Match, By, Reason string
	Href                  string // to its preview
	From, Until           display.Stamp
	Left                  string
	Begins                string // how long until it begins; "": it has begun
	Covers                int
}

type silencesPage struct {
	Who        string
	Rows       []silenceRow
	Rules      display.Choice
	Severities display.Choice
	Lengths    display.Choice
	Texts      []typedField
	From       string
	Until      string
	Reason     string
	Refused    string
	Long       bool // confirmation of the long time was asked for
	Suggested  map[string][]display.Option
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
		row := silenceRow{
			ID: one.ID, Match: display.Text(one.Match.String()), By: display.Text(one.By), Reason: display.Text(one.Reason), Href: "silences?" + matchQuery(&one.Match).Encode(),
			From: display.Since(one.From, now), Until: display.Since(one.Until, now), Left: phone.Span(one.Until.Sub(now)), Covers: covers[one.ID],
		}
		if one.Planned {
			row.Begins = phone.Span(one.From.Sub(now))
			row.Left = phone.Span(one.Until.Sub(one.From))
		}
		rows = append(rows, row)
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
var lengths = []display.Option{{Value: "1h", Text: "1 hour"}, {Value: "4h", Text: "4 hours"}, {Value: "24h", Text: "1 day"}, {Value: "168h", Text: "1 week"}}

// ofForm reads the parameters that the form sends for a preview.
func ofForm(r *http.Request) *params {
	params := paramsOf(r)
	for _, name := range append(alert.MatcherNames(), "labels", "for", "until", "from", "reason", "by", "long") {
		params.text(name)
	}
	return params
}

// showSilences shows the page with its form filled in with q.
func (s *site) showSilences(w http.ResponseWriter, r *http.Request, code int, q url.Values, refused string) {
	body := silencesPage{
		Who: s.nameOf(r), Rows: s.silenceRows(), From: display.Text(q.Get("from")), Until: display.Text(q.Get("until")), Reason: display.Text(q.Get("reason")), Refused: display.Text(refused),
		Severities: display.Choose("severity", "Severity", "any", alert.Severities(), q.Get("severity")),
		Lengths:    display.Choice{Name: "for", Label: "For"},
	}
	body.Suggested, body.Long = s.suggestions(), q.Get("long") != "" || s.askedForLong(q) != nil
	body.Rules = display.Choose("rule", "Rule", "any", s.ruleNames(), q.Get("rule"))
	for _, one := range lengths {
		one.Chosen = q.Get("for") == one.Value
		body.Lengths.Chosen = body.Lengths.Chosen || one.Chosen
		body.Lengths.Options = append(body.Lengths.Options, one)
	}
	for _, f := range []typedField{
		{"number", "Number", "any", ""},
		{"space", "Space", "id or name, or any", ""},
		{"labels", "Labels of the space", "tier=gold", ""},
		{"account", "Account", "any", ""},
		{"part", "Part of numwatch", "slack:ops", ""},
	} {
		if f.Name == "part" && s.View.Limited() {
			continue
		}
		f.Value = display.Text(q.Get(f.Name))
		body.Texts = append(body.Texts, f)
	}
	match, err := matchOf(q)
	if err == nil {
		err = s.names().Resolve(&match)
	}
	switch {
	case err != nil && body.Refused == "":
		body.Refused = display.Text(because(err))
	case err == nil && !match.Empty():
		body.Preview = s.preview(&match)
	}
	p := s.frame(r, "silences", "Silences")
	p.Form, p.Body = true, body
	if r.Method == http.MethodGet {
		p.Wrong = ofForm(r).ofPage()
	}
	s.show(w, code, p)
}

func (s *site) preview(m *alert.Matcher) *preview {
	found := s.covered(m)
	out := &preview{Match: display.Text(m.String()), Total: len(found)}
	for _, a := range part(found, 0, display.RowsPerPage) {
		out.Rows = append(out.Rows, incidentRow{alertRow: s.alertRow(a)})
	}
	return out
}
