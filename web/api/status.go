package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status is the answer of /api/v1/status: how the bot itself is doing.
type Status struct {
	Version  string          `json:"version"`
	Started  time.Time       `json:"started"`
	Ready    bool            `json:"ready"`
	NotReady string          `json:"not_ready,omitempty"` // why it is not
	Accounts []AccountStatus `json:"accounts"`
	Sinks    []SinkStatus    `json:"sinks"`
	Store    StoreStatus     `json:"store"`
	Alerts   map[string]int  `json:"alerts"` // firing, by severity; every severity is there
	// Incidents counts the incidents of those alerts, each by the worst of its own.
	Incidents map[string]int `json:"incidents"`
	Fleet     FleetStatus    `json:"fleet"`
}

// FleetStatus is how many numbers there are, and how they are.
type FleetStatus struct {
	Complete bool    `json:"complete"` // false while they are being counted, after the start
	Spaces   int     `json:"spaces"`   // of the configuration
	Numbers  int     `json:"numbers"`
	By       []Count `json:"by"` // Status and QualityRating
}

// AccountStatus is how the polling of one account goes.
type AccountStatus struct {
	Name      string    `json:"name"`
	Limit     float64   `json:"limit"`           // requests a second that are allowed
	Rate      float64   `json:"rate"`            // requests a second that are made
	Throttled float64   `json:"throttled_share"` // of the answers of late, 0 to 1
	Spaces    int       `json:"spaces"`
	Oldest    time.Time `json:"oldest_poll,omitzero"` // of the space that waits longest; zero before the first round
	// Expected and Worst are how long a change goes unnoticed, on average and
	// at most, at the present rate.
	Expected Seconds        `json:"expected_to_detect_seconds"`
	Worst    Seconds        `json:"worst_to_detect_seconds"`
	Plan     string         `json:"plan"` // what the limit can do for so many spaces, in a sentence
	Holds    bool           `json:"max_age_holds"`
	Failing  []FailingSpace `json:"failing"`
	// Warnings say what is wrong while polls go on all the same.
	Warnings []string `json:"warnings,omitempty"`
	// Discovery is how looking for spaces goes; nil where it is not enabled.
	Discovery *DiscoveryStatus `json:"discovery,omitempty"`
	// Missing is what the account's lists lack of the spaces that are watched; nil:
	// nothing.
	Missing *MissingSpaces `json:"missing,omitempty"`
}

// MissingSpaces are spaces that are watched although the lists no longer name them: more
// likely a list is cut short than so many are gone at once.
type MissingSpaces struct {
	Spaces []Space   `json:"spaces"`
	Until  time.Time `json:"until"` // they are watched, unless that is accepted earlier
}

// DiscoveryStatus is how looking for an account's spaces in the cloud goes.
type DiscoveryStatus struct {
	Spaces int       `json:"spaces"`          // that the last good list names and that are wanted
	At     time.Time `json:"at,omitzero"`     // of the last good list; zero: none yet
	Error  string    `json:"error,omitempty"` // why the last try failed; the last good list stands
}

// AcceptedSpaces says how many missing spaces of an account are no longer watched.
type AcceptedSpaces struct {
	Account string `json:"account"`
	Dropped int    `json:"dropped"`
}

// FailingSpace is a space, or where Space is empty the whole account, whose
// polls fail now.
type FailingSpace struct {
	Space     string    `json:"space,omitempty"`
	Class     string    `json:"class"`
	Code      string    `json:"code,omitempty"`
	Message   string    `json:"message,omitempty"`
	Advice    string    `json:"advice,omitempty"`
	RequestId string    `json:"request_id,omitempty"`
	Since     time.Time `json:"since"`
}

// SinkStatus is how one sink keeps up.
type SinkStatus struct {
	Name      string `json:"name"`
	State     string `json:"state"` // OK, PARKED, or the sink's own word
	Lag       uint64 `json:"lag"`   // what is still to be delivered
	LastError string `json:"last_error,omitempty"`
}

// StoreStatus is how much the store holds.
type StoreStatus struct {
	Seq  uint64 `json:"seq"`  // of the log's last record
	Size int64  `json:"size"` // of the file, in bytes
	// Problem says what of the store is damaged or lost.
	Problem string `json:"problem,omitempty"`
}

// Seconds is a duration that JSON shows as a number of seconds.
type Seconds time.Duration

// MarshalJSON writes the seconds as a number.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf("decoding seconds: %w", err)
	}
	if seconds > maxSeconds || seconds < -maxSeconds {
		return fmt.Errorf("%g seconds are too many: at most %d (50 years)", seconds, maxSeconds)
	}
	*s = Seconds(seconds * float64(time.Second))
	return nil
}

const maxSeconds = 50 * 365 * 24 * 3600
