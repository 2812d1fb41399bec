package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"numwatch/phone"
	"numwatch/web/display"
	"numwatch/web/guard"
	"numwatch/web/server"
)

//go:embed pages assets
var files embed.FS

// templates holds each page's template, the frame around it included.
var templates = parsePages()

func parsePages() map[string]*template.Template {
	functions := template.FuncMap{
		"text": display.Text, "labels": display.LabelTexts, "since": display.Since, "span": display.Span, "grouped": phone.Grouped, "many": phone.Count, "escape": url.PathEscape,
		"severity": display.SeverityTone, "message": messageTone, "health": spaceHealth, "worst": worstText, "mark": newHeading,
		"tab": newTab, "row": newIncidentView, "other": newOtherView, "silences": newSilencesView, "failing": newFailingRow, "calm": calmTone, "problem": newProblemRow,
	}
	frame := template.Must(template.New("frame.html").Funcs(functions).ParseFS(files, "pages/frame.html", "pages/parts.html"))
	pages := map[string]*template.Template{}
	for _, name := range []string{"overview", "numbers", "number", "alerts", "silences", "rules", "delivery", "spaces", "space", "why", "drill", "lost"} {
		pages[name] = template.Must(template.Must(frame.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return pages
}

// page is what every page's template is given. Texts are cleaned and redacted
// before; the template may cut them, and escapes them for HTML.
type page struct {
	Root     string // leads from the page to the site's root
	Title    string
	Name     string // of the page, for the navigation
	Headline string // "": no alert is firing
	Refused  int    // problems for which the rules file is not in force; -1: it cannot be read
	Need     int    // incidents that need attention
	Quiet    int    // that are acknowledged or silenced
	Worst    display.Tone
	NotReady string
	Notice   *notice // what a form has brought about
	Who      string  // acts, as far as it is known
	Wrong    string  // what is wrong with the address
	Version  string
	Clock    time.Time
	Now      display.Stamp
	Started  display.Stamp
	Store    string
	Form     bool // somebody fills it in: it is not refreshed
	// What the caller may do and see.
	Acts    bool // acknowledge, silence, have messages sent again
	Admin   bool
	Limited bool // to some spaces
	Proven  bool // the token says who acts, so nobody is asked for a name
	Body    any
}

// What parts of pages are given.
type (
	incidentView struct {
		page
		Row incidentRow
	}
	silencesView struct {
		Root string
		Acts bool
		Rows []silenceRow
	}
)

func newHeading(t display.Tone, text string) heading { return heading{text, t} }

func newIncidentView(p page, row incidentRow) incidentView { return incidentView{p, row} }

// newOtherView is of another alert of the incident.
func newOtherView(v incidentView, row alertRow) incidentView {
	return incidentView{v.page, incidentRow{alertRow: row}}
}

func newSilencesView(p page, rows []silenceRow) silencesView {
	return silencesView{p.Root, p.Acts, rows}
}

// newTab makes an entry of the navigation.
func newTab(p page, name, path, text string) display.Link {
	l := display.Link{Text: text, Href: p.Root + path, Here: p.Name == name || p.Name == "number" && name == "numbers" || p.Name == "why" && name == "alerts" || p.Name == "space" && name == "spaces"}
	if name == "alerts" {
		l.Count, l.Other, l.Tone = p.Need, p.Quiet, p.Worst
	}
	return l
}

// frame fills in what all pages share.
func (s *site) frame(r *http.Request, name, title string) page {
	now, stored, fires := s.Now(), s.Store(), s.tally()
	p := page{
		Root: root(r), Name: name, Title: title, Worst: fires.worst(), Headline: fires.said(), Need: fires.by[needed], Quiet: fires.by[taken] + fires.by[silenced],
		NotReady: s.notReady(), Who: s.nameOf(r),
		Version: s.Version, Clock: now, Now: display.Since(now, now), Started: display.Since(s.Started, now),
		Acts: s.caller.Role >= guard.Act, Admin: s.caller.Role >= guard.Admin, Limited: s.View.Limited(), Proven: s.caller.Name != "",
		Store: fmt.Sprintf("%s in the log, %.1f MB", phone.Count(int(stored.Seq), "record"), float64(stored.Size)/1e6),
	}
	if q := r.URL.Query(); q.Get("done") != "" {
		p.Notice = s.noticeOf(r, q.Get("done"), strings.Split(q.Get("about"), ","))
	}
	if refused := s.Rules().Refused; refused != nil {
		p.Refused = cmp.Or(len(refused.Problems), -1)
	}
	return p
}

// page answers with a page, which says what is wrong with its parameters.
func (s *site) page(w http.ResponseWriter, r *http.Request, name, title string, body any, params *params) {
	p := s.frame(r, name, title)
	p.Wrong, p.Body = params.ofPage(), body
	s.show(w, http.StatusOK, p)
}

// root leads back up: pages link with it, so that they also work below a path
// that a proxy strips.
func root(r *http.Request) string { return rootOf(r.URL.EscapedPath()) }

func rootOf(path string) string {
	up := strings.Count(path, "/") - 1
	return cmp.Or(strings.Repeat("../", max(up, 0)), "./")
}

// show answers with a page.
func (s *site) show(w http.ResponseWriter, code int, p page) {
	s.execute(w, code, templates[p.Name], p.Name, p)
}

// execute answers with what a template makes of a value.
func (s *site) execute(w http.ResponseWriter, code int, t *template.Template, name string, v any) {
	var body bytes.Buffer
	if err := t.Execute(&body, v); err != nil {
		s.Logger.Error("a page could not be rendered", "page", name, "err", err)
		http.Error(w, "rendering the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	// It fails only if the client has gone.
	_, _ = body.WriteTo(w)
}

// lost answers with a page that says that something does not exist.
func (s *site) lost(w http.ResponseWriter, r *http.Request, why string) {
	p := s.frame(r, "lost", "Not found")
	p.Body = why
	s.show(w, http.StatusNotFound, p)
}

// unreadable says on a page that the store could not be read.
func (s *site) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.WarnContext(r.Context(), "a page could not be made", "path", r.URL.Path, "err", err)
	p := s.frame(r, "lost", "The store cannot be read")
	p.Body = display.Text(err.Error()) + " – see the log, and check the store: numwatch db check"
	s.show(w, http.StatusInternalServerError, p)
}

// getAsset serves what pages refer to. Browsers ask again each time whether it
// has changed.
func (*site) getAsset(w http.ResponseWriter, r *http.Request) {
	name := "assets/" + r.PathValue("name")
	content, err := fs.ReadFile(files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if count, err := strconv.Atoi(r.URL.Query().Get("count")); err == nil && count > 0 && name == "assets/icon.svg" {
		content = counted(content, count)
	}
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// counted is the icon with a number on it.
func counted(icon []byte, count int) []byte {
	text := strconv.Itoa(min(count, 99))
	badge := `<rect x="6.5" y="8" width="13.5" height="12" rx="4" fill="#c8161d"/><text x="13.2" y="17.6" font-family="sans-serif" font-size="10" font-weight="700" text-anchor="middle" fill="#fff">` + text + `</text></svg>`
	return bytes.Replace(icon, []byte("</svg>"), []byte(badge), 1)
}

func escape(segment string) string { return url.PathEscape(segment) }

const (
	maxStreams = 100
	calm       = time.Second      // between two events
	still      = 15 * time.Second // after which pages are refreshed though nothing happened: times and rates move
	steady     = 3 * time.Second  // the same for customers' tokens, which are not told of changes
)

// live tells a page, by server-sent events, when to refresh. An event says nothing
// else; what the page may show is checked when it is read.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	control, patient := http.NewResponseController(w), server.Patient(w)
	// A stream has no end. Not every connection has deadlines; those of this
	// server have.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx keeps events until there are many
	refresh := still
	if s.View.Limited() {
		refresh = steady
	}
	changed := s.View.Changed()
	for event := fmt.Sprintf("retry: %d\n\n", (2 * time.Second).Milliseconds()); ; event = "event: changed\ndata:\n\n" {
		if _, err := io.WriteString(patient, event); err != nil || control.Flush() != nil {
			return // nobody listens any more
		}
		if !s.pause(r, calm, nil) || !s.pause(r, refresh, changed) {
			return
		}
		changed = s.View.Changed()
	}
}

// pause waits for a time or a change, and reports false when the stream ends.
func (s *site) pause(r *http.Request, d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return true
	case <-r.Context().Done():
		return false
	case <-s.Ending:
		return false
	}
}
