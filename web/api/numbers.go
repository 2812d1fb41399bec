package api

import (
	"time"

	"numwatch/phone"
)

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

// NumberDetail is the answer of /api/v1/numbers/ACCOUNT/SPACE/NUMBER.
type NumberDetail struct {
	NumberEntry
	Missed      int       `json:"missed"` // complete lists in a row that did not hold it
	MissedSince time.Time `json:"missed_since,omitzero"`
	ListChanged time.Time `json:"list_changed"` // when the list of its space last changed
	Alerts      []Alert   `json:"alerts"`       // open, and lately closed
	Told        []Told    `json:"told"`         // newest first
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
	AwaySince time.Time       `json:"away_since,omitzero"`
	Code      string          `json:"code,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Alert     *Detail         `json:"alert,omitempty"`
}

// SpaceList is the answer of /api/v1/spaces.
type SpaceList struct {
	Total  int          `json:"total"` // of all that match
	Spaces []SpaceEntry `json:"spaces"`
}

// SpaceEntry is a space and the state of its polling.
type SpaceEntry struct {
	Account string `json:"account"`
	Space
	State   string        `json:"state"`
	Numbers int           `json:"numbers"`
	Worst   *Count        `json:"worst,omitempty"` // the worst state that a number of it is in
	Polled  time.Time     `json:"polled,omitzero"` // the last successful poll since the start
	Failing *FailingSpace `json:"failing,omitempty"`
}

// Count is how many numbers stand in one state.
type Count struct {
	Status        string `json:"Status"`
	QualityRating string `json:"QualityRating"`
	Numbers       int    `json:"numbers"`
}
