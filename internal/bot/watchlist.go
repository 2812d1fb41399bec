package bot

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"numwatch/phone"
)

const (
	// missingFor is how long a space that a list lacks stays watched.
	missingFor = time.Hour
	// A loss counts as doubtful from this many spaces on, if it is also more than one
	// in this many of the list.
	doubtfulLoss  = 3
	doubtfulShare = 3
)

// watchlist is which spaces of an account are watched. A list that lacks many of them at
// once is more likely cut short than true, so what it lacks is missing at first: watched
// until a list names it again, it has been missing for long, or somebody accepts that it
// is gone.
type watchlist struct {
	spaces  []phone.Space
	missing map[string]time.Time // since when, by id
}

// savedSpace is a space as a list keeps it over a restart.
type savedSpace struct {
	ID     string            `json:"id"`
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// in returns the space as one of an account.
func (s savedSpace) in(account string) phone.Space {
	return phone.Space{SpaceKey: phone.SpaceKey{Account: account, ID: s.ID}, Name: s.Name, Labels: s.Labels}
}

// savedWatchlist is a watchlist as it is kept over a restart.
type savedWatchlist struct {
	Spaces  []savedSpace         `json:"spaces"`
	Missing map[string]time.Time `json:"missing,omitempty"`
}

func restoreWatchlist(account string, saved []byte) (w watchlist, err error) {
	if saved == nil {
		return w, nil
	}
	var s savedWatchlist
	if err := json.Unmarshal(saved, &s); err != nil {
		return w, fmt.Errorf("decoding the spaces watched before: %w", err)
	}
	for _, space := range s.Spaces {
		w.spaces = append(w.spaces, space.in(account))
	}
	w.missing = s.Missing
	return w, nil
}

func (w *watchlist) save() ([]byte, error) {
	s := savedWatchlist{Missing: w.missing}
	for _, space := range w.spaces {
		s.Spaces = append(s.Spaces, savedSpace{space.ID, space.Name, space.Labels})
	}
	return json.Marshal(s)
}

// update follows what is listed now. It returns the spaces that are missing from now on,
// those that a list names again, and those that were missing for so long that they are
// no longer watched.
func (w *watchlist) update(listed []phone.Space, now time.Time) (began, returned, gone []phone.Space) {
	named := make(map[string]bool, len(listed))
	for _, s := range listed {
		named[s.ID] = true
	}
	var lost []phone.Space
	for _, s := range w.spaces {
		_, wasMissing := w.missing[s.ID]
		switch {
		case !named[s.ID]:
			lost = append(lost, s)
		case wasMissing:
			returned = append(returned, s)
		}
	}
	doubtful := len(lost) >= doubtfulLoss && len(lost)*doubtfulShare > len(w.spaces)
	missing := map[string]time.Time{}
	watched := slices.Clone(listed)
	for _, s := range lost {
		since, known := w.missing[s.ID]
		switch {
		case known && now.Sub(since) >= missingFor, known && !doubtful:
			gone = append(gone, s)
		case known:
			missing[s.ID] = since
			watched = append(watched, s)
		case doubtful:
			missing[s.ID] = now
			watched = append(watched, s)
			began = append(began, s)
		}
	}
	w.spaces, w.missing = watched, missing
	return began, returned, gone
}

// accept drops what is missing, and returns it.
func (w *watchlist) accept() []phone.Space {
	gone := w.lacking()
	w.spaces = slices.DeleteFunc(slices.Clone(w.spaces), w.isMissing)
	w.missing = nil
	return gone
}

// lacking returns what is missing.
func (w *watchlist) lacking() (missing []phone.Space) {
	for _, s := range w.spaces {
		if w.isMissing(s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func (w *watchlist) isMissing(s phone.Space) bool {
	_, missing := w.missing[s.ID]
	return missing
}

// until is when the first missing space stops being watched.
func (w *watchlist) until() time.Time {
	var first time.Time
	for _, since := range w.missing {
		if end := since.Add(missingFor); first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}
