package web

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

func (s *site) fleet(accounts []AccountStatus) FleetStatus {
	f := FleetStatus{Complete: s.Fleet.Complete(), By: append([]Count{}, s.Fleet.Counts()...)}
	for _, c := range f.By {
		f.Numbers += c.Numbers
	}
	for _, a := range accounts {
		f.Spaces += a.Spaces
	}
	return f
}

// NumberList is the answer of /api/v1/numbers.
type NumberList struct {
	Total   int           `json:"total"` // of all that match
	Numbers []NumberEntry `json:"numbers"`
}

// NumberEntry is a number of a space, its callback URLs redacted.
type NumberEntry struct {
	Account string        `json:"account"`
	Space   Space         `json:"space"`
	Number  *phone.Number `json:"number"`
}

func (s *site) entry(k phone.SpaceKey, n *phone.Number) NumberEntry {
	space := s.Space(k)
	return NumberEntry{
		Account: k.Account, Space: Space{ID: k.ID, Name: space.Name, Labels: space.Labels}, Number: redacted(n),
	}
}

func (s *site) getNumbers(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	q := p.query()
	q.Offset, q.Limit = p.page()
	if refused(w, p) {
		return
	}
	found, err := s.Fleet.Find(q)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	list := NumberList{Total: found.Total, Numbers: []NumberEntry{}}
	for i := range found.Rows {
		list.Numbers = append(list.Numbers, s.entry(found.Rows[i].Space, &found.Rows[i].Number))
	}
	answer(w, http.StatusOK, list)
}

// broken answers where the store cannot be read.
func (s *site) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.WarnContext(r.Context(), "a request could not be answered", "path", r.URL.Path, "err", err)
	fail(w, http.StatusInternalServerError, shown(err.Error())+"; look into the log, and check the store: numwatch db check")
}

// NumberDetail is the answer of /api/v1/numbers/ACCOUNT/SPACE/NUMBER.
type NumberDetail struct {
	NumberEntry
	Missed      int       `json:"missed"` // complete lists in a row that did not hold it
	MissedSince time.Time `json:"missed_since,omitzero"`
	ListChanged time.Time `json:"list_changed"` // when the list of its space last changed
	Alerts      []Alert   `json:"alerts"`       // open, and lately closed
	Told        []Told    `json:"told"`         // newest first
}

// Told is a message about an alert.
type Told struct {
	Alert   string             `json:"alert"` // its id
	Rule    string             `json:"rule"`
	Channel string             `json:"channel"`
	State   alert.MessageState `json:"state"`
	At      time.Time          `json:"at"`
	Shows   uint64             `json:"shows_revision"`
	Reason  string             `json:"reason,omitempty"` // why it is dead
}

func (s *site) told(alerts []*alert.Alert) []Told {
	told := []Told{}
	for _, a := range alerts {
		for _, m := range s.Delivery.Messages(a.ID) {
			t := Told{Alert: a.ID, Rule: a.Rule, Channel: m.Channel, State: m.State, At: m.At, Reason: shown(m.Reason)}
			if i := slices.IndexFunc(m.Alerts, func(s alert.ShownAlert) bool { return s.Alert == a.ID }); i >= 0 {
				t.Shows = m.Alerts[i].Revision
			}
			told = append(told, t)
		}
	}
	sort.Slice(told, func(i, j int) bool {
		a, b := &told[i], &told[j]
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Alert, b.Alert)) < 0
	})
	return told
}

// subject reads which number a path names.
func subject(r *http.Request) phone.Subject {
	return phone.Subject{Account: r.PathValue("account"), Space: r.PathValue("space"), PhoneNumber: r.PathValue("number")}
}

// alertsOf returns all alerts of a number.
func (s *site) alertsOf(about phone.Subject) []*alert.Alert {
	return s.selected(selection{State: stateAll, Account: about.Account, Space: about.Space, Number: about.PhoneNumber})
}

func (s *site) getNumber(w http.ResponseWriter, r *http.Request) {
	about := subject(r)
	known, err := s.Fleet.Number(about.SpaceKey(), about.PhoneNumber)
	switch {
	case err != nil:
		s.broken(w, r, err)
		return
	case known == nil:
		fail(w, http.StatusNotFound, "this space does not list the number now; its history may still be there, and /api/v1/numbers?q=… finds where it is")
		return
	}
	alerts := s.alertsOf(about)
	d := NumberDetail{
		NumberEntry: s.entry(about.SpaceKey(), &known.Number), Missed: known.Missed, MissedSince: known.MissedSince,
		ListChanged: known.At, Alerts: []Alert{}, Told: s.told(alerts),
	}
	for _, a := range alerts {
		d.Alerts = append(d.Alerts, s.render(a))
	}
	answer(w, http.StatusOK, d)
}

// History is the answer of /api/v1/numbers/ACCOUNT/SPACE/NUMBER/history.
type History struct {
	Events []Event `json:"events"` // newest first
	Before uint64  `json:"before"` // for the next part; 0 where there is none
}

// Event is a record of the log about a number.
type Event struct {
	Seq       uint64          `json:"seq"`
	Time      time.Time       `json:"time"`
	Kind      string          `json:"kind"` // change, alert
	Field     phone.Field     `json:"field"`
	Old       string          `json:"old"`
	New       string          `json:"new"`
	Direction phone.Direction `json:"direction"`
	SeenAfter time.Time       `json:"seen_after,omitzero"`
	SeenAt    time.Time       `json:"seen_at"`
	RequestId string          `json:"request_id,omitempty"`
	Baseline  bool            `json:"baseline"`
	MovedFrom string          `json:"moved_from,omitempty"`
	Code      string          `json:"code,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Alert     *Detail         `json:"alert,omitempty"`
}

func (s *site) event(e *alert.Event) Event {
	c := &e.Change
	out := Event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind.String(), Field: c.Field, Old: c.Field.Shown(c.Old), New: c.Field.Shown(c.New),
		Direction: c.Direction, SeenAfter: c.SeenAfter, SeenAt: c.SeenAt, RequestId: c.RequestId,
		Baseline: c.Baseline, MovedFrom: c.MovedFrom, Code: c.Code, Reason: shown(c.Reason),
	}
	if e.Alert != nil {
		d := s.render(e.Alert).Alert
		out.Alert = &d
	}
	return out
}

func (s *site) getHistory(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	before, limit := p.number("before", 0, mostOffset, 0), p.number("limit", 1, mostLimit, defaultLimit)
	if refused(w, p) {
		return
	}
	events, err := s.Fleet.History(subject(r), uint64(before), limit)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	h := History{Events: []Event{}}
	for i := range events {
		h.Events = append(h.Events, s.event(&events[i]))
	}
	if len(events) == limit {
		h.Before = events[limit-1].Seq
	}
	answer(w, http.StatusOK, h)
}
