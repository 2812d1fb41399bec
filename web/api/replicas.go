package api

import "time"

// Replicas is the answer of /api/v1/replicas, which every replica gives by itself.
type Replicas struct {
	ID       string    `json:"id"` // of the one that answers; "" where there is only one numwatch
	Replicas []Replica `json:"replicas"`
}

// Replica is one of several numwatch with equal stores, of which one at a time acts.
type Replica struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Version string `json:"version"`
	Role    string `json:"role"`           // joining, standby, leader or halted
	Why     string `json:"why,omitempty"`  // it is halted, as a word
	Text    string `json:"text,omitempty"` // the same for people, or what it waits for
	Term    uint64 `json:"term"`
	Leader  string `json:"leader,omitempty"` // the id of the one that leads, as this one knows
	Seq     uint64 `json:"seq"`              // the last record of the log that it has applied
	// Differs: its accounts or rules are not those of the one that answers.
	Differs bool      `json:"differs"`
	Heard   time.Time `json:"heard"` // when it last reported
}
