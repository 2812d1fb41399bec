package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"numwatch/phone"
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
	// Replicas are all numwatch that share a log; none where there is only one.
	Replicas []Replica    `json:"replicas,omitempty"`
	Hints    *HintsStatus `json:"hints,omitempty"`
	// RulesRefused says that the present rules file is not in force; nil: it is.
	RulesRefused *RulesRefused `json:"rules_refused,omitempty"`
}

// RulesRefused is why the last good rules stay in force.
type RulesRefused struct {
	At       time.Time `json:"at"`
	Problems int       `json:"problems"` // 0: the file cannot be read at all
	Text     string    `json:"text"`
}

// HintsStatus is the results of hints since the start.
type HintsStatus struct {
	Sources []HintSource `json:"sources"`
	Changes int          `json:"changes"` // that were found in all, with hints and without
	// Precision is the part of the polls after hints that found a change, Recall the
	// part of all changes that these found; nil where there were no polls, no changes.
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
}

// HintSource is the results of hints from one source.
type HintSource struct {
	Source   string `json:"source"` // api, nats, receipts
	Accepted int    `json:"accepted"`
	Unknown  int    `json:"unknown"` // of spaces and numbers that are not watched
	Ignored  int    `json:"ignored"` // receipts that say nothing of a number
	Refused  int    `json:"refused"` // requests that could not be read
	Polls    int    `json:"polls"`   // that followed a hint
	Changes  int    `json:"changes"` // that they found
}

// FleetStatus is how many numbers there are, and in which states.
type FleetStatus struct {
	Complete bool    `json:"complete"`    // false while they are being counted, after the start
	Spaces   int     `json:"spaces"`      // of the configuration
	Seen     int     `json:"spaces_seen"` // of which a poll has succeeded at some time
	Numbers  int     `json:"numbers"`
	By       []Count `json:"by"` // Status and QualityRating
}

// String says in a line how useful hints were; "" before there were any.
func (h *HintsStatus) String() string {
	if h == nil {
		return ""
	}
	polls, found := 0, 0
	var received []string
	for _, s := range h.Sources {
		polls, found = polls+s.Polls, found+s.Changes
		if all := s.Accepted + s.Unknown + s.Ignored + s.Refused; all > 0 {
			received = append(received, fmt.Sprintf("%s %s (%s unknown, %s ignored, %s refused)",
				phone.Grouped(all), s.Source, phone.Grouped(s.Unknown), phone.Grouped(s.Ignored), phone.Grouped(s.Refused)))
		}
	}
	if len(received) == 0 {
		return ""
	}
	text := strings.Join(received, ", ") + "; " + phone.Count(polls, "poll")
	if h.Precision != nil {
		text += fmt.Sprintf(", precision %.0f%%", 100**h.Precision)
	}
	if h.Recall != nil {
		text += fmt.Sprintf(", recall %.0f%% (%s of %s)", 100**h.Recall, phone.Grouped(found), phone.Count(h.Changes, "change"))
	}
	return text
}

// AccountStatus is the state of polling one account.
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
	// Blind is since when nothing of the account can be polled; zero: something can.
	Blind time.Time `json:"blind_since,omitzero"`
	// Warnings say what is wrong although polls succeed.
	Warnings []string `json:"warnings,omitempty"`
	// Discovery is the state of discovery; nil if it is not enabled.
	Discovery *DiscoveryStatus `json:"discovery,omitempty"`
	// Missing is the watched spaces that the account's lists lack; nil: none.
	Missing *MissingSpaces `json:"missing,omitempty"`
}

// MissingSpaces are spaces that are watched although the lists no longer name them: more
// likely a list is cut short than so many are gone at once.
type MissingSpaces struct {
	Spaces []Space   `json:"spaces"`
	Until  time.Time `json:"until"` // they are watched, unless that is accepted earlier
}

// DiscoveryStatus is the state of an account's discovery.
type DiscoveryStatus struct {
	Spaces int       `json:"spaces"`          // that the last good list names and that are wanted
	At     time.Time `json:"at,omitzero"`     // of the last good list; zero: none yet
	Error  string    `json:"error,omitempty"` // why the last attempt failed; the last good list stays in use
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

// SinkStatus is the state of one sink.
type SinkStatus struct {
	Name      string `json:"name"`
	State     string `json:"state"` // OK, PARKED, or the sink's own word
	Lag       uint64 `json:"lag"`   // what is still to be delivered
	LastError string `json:"last_error,omitempty"`
	Digest    string `json:"digest,omitempty"` // when digests come, of a channel that gets nothing else
	// Warnings say what is wrong although it delivers.
	Warnings []string `json:"warnings,omitempty"`
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
