package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

//go:embed pages assets
var files embed.FS

// templates holds each page's template, the frame around it included.
var templates = parsePages()

func parsePages() map[string]*template.Template {
	functions := template.FuncMap{
		"text": text, "labels": labelTexts, "since": since, "span": span, "grouped": phone.Grouped, "many": phone.Count, "escape": url.PathEscape,
		"severity": severityTone, "message": messageTone, "state": spaceTone, "worst": worstText, "mark": newHeading,
		"tab": newTab, "row": newIncidentView, "other": newOtherView, "silences": newSilencesView, "failing": newFailingRow, "problem": newProblemRow,
	}
	frame := template.Must(template.New("frame.html").Funcs(functions).ParseFS(files, "pages/frame.html", "pages/parts.html"))
	pages := map[string]*template.Template{}
	for _, name := range []string{"overview", "numbers", "number", "alerts", "silences", "rules", "delivery", "spaces", "lost"} {
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
	Headline string
	Firing   int
	Worst    tone
	NotReady string
	Done     string // what a form has brought about
	Wrong    string // what is wrong with the address
	Version  string
	Clock    time.Time
	Now      stamp
	Started  stamp
	Store    string
	Form     bool // somebody fills it in: it is not refreshed
	Body     any
}

// What parts of pages are given.
type (
	incidentView struct {
		page
		Row  incidentRow
		Long bool // with what is to be done
	}
	silencesView struct {
		Root string
		Rows []silenceRow
	}
)

func newHeading(t tone, text string) heading { return heading{text, t} }

func newIncidentView(p page, row incidentRow, long bool) incidentView {
	return incidentView{p, row, long}
}

// newOtherView is of another alert of the incident.
func newOtherView(v incidentView, row alertRow) incidentView {
	return incidentView{v.page, incidentRow{alertRow: row}, false}
}

func newSilencesView(p page, rows []silenceRow) silencesView { return silencesView{p.Root, rows} }

// newTab makes an entry of the navigation.
func newTab(p page, name, path, text string) link {
	l := link{Text: text, Href: p.Root + path, Here: p.Name == name || p.Name == "number" && name == "numbers" || p.Name == "silences" && name == "alerts"}
	if name == "alerts" {
		l.Count, l.Tone = p.Firing, p.Worst
	}
	return l
}

// frame fills in what all pages share.
func (s *site) frame(r *http.Request, name, title string) page {
	now, stored := s.Now(), s.Store()
	_, firing := s.firing()
	p := page{
		Root: root(r), Name: name, Title: title, Worst: good,
		NotReady: s.notReady(), Done: outcomes[r.URL.Query().Get("done")],
		Version: s.Version, Clock: now, Now: since(now, now), Started: since(s.Started, now),
		Store: fmt.Sprintf("%s in the log, %.1f MB", phone.Count(int(stored.Seq), "record"), float64(stored.Size)/1e6),
	}
	var counts []string
	for i, name := range alert.Severities() {
		if n := firing[name]; n > 0 {
			p.Firing += n
			counts = append(counts, phone.Grouped(n)+" "+name)
			if p.Worst == good {
				p.Worst = severityTone(alert.Severity(i))
			}
		}
	}
	p.Headline = cmp.Or(strings.Join(counts, ", "), "Nothing is wrong")
	return p
}

// page answers with a page. Wrong is what is wrong with its address.
func (s *site) page(w http.ResponseWriter, r *http.Request, name, title string, body any, wrong ...string) {
	p := s.frame(r, name, title)
	p.Wrong, p.Body = strings.Join(wrong, "; "), body
	s.show(w, http.StatusOK, p)
}

// root leads back up: pages link with it, so that they also work below a path
// that a proxy strips.
func root(r *http.Request) string {
	up := strings.Count(r.URL.EscapedPath(), "/") - 1
	return cmp.Or(strings.Repeat("../", max(up, 0)), "./")
}

// show renders a page.
func (s *site) show(w http.ResponseWriter, code int, p page) {
	var body bytes.Buffer
	if err := templates[p.Name].Execute(&body, p); err != nil {
		s.Logger.Error("a page could not be rendered", "page", p.Name, "err", err)
		http.Error(w, "rendering the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	// It fails only if the client has gone.
	_, _ = body.WriteTo(w)
}

// lost says on a page that something is not there.
func (s *site) lost(w http.ResponseWriter, r *http.Request, why string) {
	p := s.frame(r, "lost", "Not found")
	p.Body = why
	s.show(w, http.StatusNotFound, p)
}

// unreadable says on a page that the store could not be read.
func (s *site) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.WarnContext(r.Context(), "a page could not be made", "path", r.URL.Path, "err", err)
	p := s.frame(r, "lost", "The store cannot be read")
	p.Body = text(err.Error()) + " – see the log, and check the store: numwatch db check"
	s.show(w, http.StatusInternalServerError, p)
}

// getAsset serves what pages refer to. Browsers ask again each time whether it
// has changed.
func getAsset(w http.ResponseWriter, r *http.Request) {
	name := "assets/" + r.PathValue("name")
	content, err := fs.ReadFile(files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

func escape(segment string) string { return url.PathEscape(segment) }

// What is shown after a form was sent, by the word in the address.
var outcomes = map[string]string{
	"reloaded": "The rules were read again and are in force.",
	"refused":  "The rules have errors, which are listed below. The last good rules stay in force.",
	"retried":  "The parked channels are being tried again.",
	"posted":   "The alerts of the dead letter are being posted again.",
	"named":    "Your name is remembered in this browser.",
	"acked":    "Acknowledged: reminders and escalation stop until it gets worse.",
	"unacked":  "The acknowledgement is withdrawn.",
	"silenced": "Silenced: alerts that still fire when the silence ends are shown then.",
	"ended":    "The silence has ended: alerts that it held back and that still fire are shown now.",
	"over":     "That no longer exists: nothing was changed.",
	"undone":   "That is not possible: enter your name, and check whether it is still open.",
	"failed":   "That failed; the log says why. Try again once numwatch is ready.",
}

// back leads the browser to a page, so that reading it again repeats nothing.
func back(w http.ResponseWriter, r *http.Request, to, done string) {
	// Relative, unlike what http.Redirect makes of it: see root.
	w.Header().Set("Location", root(r)+to+"?done="+done)
	w.WriteHeader(http.StatusSeeOther)
}

// decided leads back to the page that the form is on.
func (s *site) decided(w http.ResponseWriter, r *http.Request, done string, err error) {
	page, values := "alerts", url.Values{}
	if from, err := url.Parse(r.Referer()); err == nil {
		// With what was chosen there. The address is written anew: nothing of it
		// is taken but which of two pages it is, and the query.
		if strings.HasSuffix(from.Path, "/silences") {
			page = "silences"
		}
		values = from.Query()
	}
	values.Set("done", s.outcome(r, done, err))
	w.Header().Set("Location", root(r)+page+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// outcome is the word for how a form's request went.
func (s *site) outcome(r *http.Request, done string, err error) string {
	switch {
	case err == nil:
		return done
	case errors.Is(err, alert.ErrNotFound):
		return "over"
	case errors.Is(err, alert.ErrRejected):
		return "undone"
	default:
		s.Logger.WarnContext(r.Context(), "a request could not be carried out", "path", r.URL.Path, "err", err)
		return "failed"
	}
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
	return alert.Cut(shown(name), maxName)
}

// named reads from a form who decides, and keeps it for the next time.
func named(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAsked)
	by, err := who(r.PostFormValue("by"))
	if err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{
		Name: nameCookie, Value: url.QueryEscape(by), Path: "/", MaxAge: int(nameFor.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	return by, nil
}

const (
	maxStreams = 100
	calm       = time.Second      // between two events
	still      = 15 * time.Second // after which pages are refreshed though nothing happened: times and rates move
)

// live tells a page, by server-sent events, when it has to be read again. What
// the event says is only that; whoever may read the page reads it.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	control := http.NewResponseController(w)
	// A stream has no end. Not every connection has deadlines; those of this
	// server have.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx keeps events until there are many
	changed := s.View.Changed()
	for event := fmt.Sprintf("retry: %d\n\n", (2 * time.Second).Milliseconds()); ; event = "event: changed\ndata:\n\n" {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := io.WriteString(w, event); err != nil || control.Flush() != nil {
			return // nobody listens any more
		}
		if !s.pause(r, calm, nil) || !s.pause(r, still, changed) {
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
