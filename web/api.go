package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"numwatch/alert"
)

func (s *site) getStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.status())
}

// status is what the bot reports, with what the handler itself knows.
func (s *site) status() Status {
	status := s.Status()
	err := s.Ready()
	status.Ready = err == nil
	if err != nil {
		status.NotReady = shown(err.Error())
	}
	status.Alerts = map[string]int{}
	for _, name := range alert.Severities() {
		status.Alerts[name] = 0
	}
	for _, a := range s.Alerts() {
		if a.State == alert.Firing {
			status.Alerts[a.Severity.String()]++
		}
	}
	status.Fleet = s.fleet(status.Accounts)
	status.Accounts = append([]AccountStatus{}, status.Accounts...)
	for i := range status.Accounts {
		a := &status.Accounts[i]
		a.Failing = cleaned(a.Failing)
		if d := a.Discovery; d != nil {
			a.Discovery = &DiscoveryStatus{Spaces: d.Spaces, At: d.At, Error: shown(d.Error)}
		}
	}
	status.Sinks = append([]SinkStatus{}, status.Sinks...)
	for i := range status.Sinks {
		status.Sinks[i].LastError = shown(status.Sinks[i].LastError)
	}
	return status
}

// cleaned copies what the cloud said of failing spaces, fit to be shown.
func cleaned(failing []FailingSpace) []FailingSpace {
	out := append([]FailingSpace{}, failing...)
	for i := range out {
		f := &out[i]
		f.Code, f.Message, f.Advice, f.RequestId = shown(f.Code), shown(f.Message), shown(f.Advice), shown(f.RequestId)
	}
	return out
}

// AlertList is the answer of /api/v1/alerts.
type AlertList struct {
	Total  int     `json:"total"` // of all that match
	Alerts []Alert `json:"alerts"`
}

func (s *site) getAlerts(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	selection := p.selection()
	offset, limit := p.page()
	if refused(w, p) {
		return
	}
	all := s.selected(selection)
	list := AlertList{Total: len(all), Alerts: []Alert{}}
	for _, a := range part(all, offset, limit) {
		list.Alerts = append(list.Alerts, s.render(a))
	}
	answer(w, http.StatusOK, list)
}

// refused answers where the parameters are wrong.
func refused(w http.ResponseWriter, p *params) bool {
	problem := p.problem()
	if problem != "" {
		fail(w, http.StatusBadRequest, problem)
	}
	return problem != ""
}

func (s *site) postReload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reload(r.Context()); err != nil {
		fail(w, http.StatusUnprocessableEntity, "the rules were refused and the last good ones go on: "+shownLines(err.Error()))
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

// shownLines is shown for a text of several lines.
func shownLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = shown(lines[i])
	}
	return strings.Join(lines, "\n")
}

// getBackup streams a copy of the store. A copy that breaks off breaks the
// connection, so that nobody takes it for a whole one.
func (s *site) getBackup(w http.ResponseWriter, r *http.Request) {
	if !s.backup.TryLock() {
		fail(w, http.StatusConflict, "another backup is under way: try again when it is done")
		return
	}
	defer s.backup.Unlock()
	name := s.Now().UTC().Format("numwatch-20060102T150405Z.db")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	if _, err := s.Backup(&patientWriter{w, http.NewResponseController(w)}); err != nil {
		s.Logger.WarnContext(r.Context(), "backup failed", "err", err)
		panic(http.ErrAbortHandler)
	}
}

// A patientWriter lets an answer take as long as it needs, if the client goes on
// taking it.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	// Not every writer has deadlines; one that has none needs no patience.
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return p.w.Write(b)
}

func answer(w http.ResponseWriter, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "encoding the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// The client went away: nobody is left to be told.
	_, _ = w.Write(append(body, '\n'))
}

func fail(w http.ResponseWriter, code int, text string) {
	answer(w, code, struct {
		Error string `json:"error"`
	}{text})
}
