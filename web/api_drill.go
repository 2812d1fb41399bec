package web

import (
	"net/http"

	"numwatch/alert"
)

// DrillRequest asks for a drill of a rule.
type DrillRequest struct {
	Rule  string `json:"rule"`
	Space string `json:"space,omitempty"` // whose name and labels it takes, by id
	By    string `json:"by"`
}

// AlertDetail is the answer of /api/v1/alerts/ID.
type AlertDetail struct {
	Alert
	Told []Told `json:"told"` // newest first
}

func (s *site) detail(a *alert.Alert) AlertDetail {
	return AlertDetail{s.render(a), s.told([]*alert.Alert{a})}
}

func (s *site) getAlert(w http.ResponseWriter, r *http.Request) {
	for _, a := range s.Alerts() {
		if a.ID == r.PathValue("id") {
			answer(w, http.StatusOK, s.detail(a))
			return
		}
	}
	fail(w, http.StatusNotFound, "there is no such alert; it may be over for long: /api/v1/alerts?state=all lists what there is")
}

func (s *site) postDrill(w http.ResponseWriter, r *http.Request) {
	var q DrillRequest
	if !read(w, r, &q) {
		return
	}
	by, err := who(q.By)
	var a alert.Alert
	if err == nil {
		a, err = s.Desk.Drill(r.Context(), q.Rule, q.Space, by)
	}
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	answer(w, http.StatusCreated, s.detail(&a))
}
