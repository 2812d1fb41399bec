package phone

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A scale orders the values of a field from best to worst. Values in one step
// are equally good. Off-scale values are known but neither better nor worse
// than anything; any other value is unlisted, which is no error: the API's
// enums are open.
type scale struct {
	steps [][]string
	off   []string
}

// The order of each field, from the operation's own page and what providers
// are seen to answer. Text fields have no scale.
var scales = [fieldCount]*scale{
	Status: {
		steps: [][]string{
			{"CONNECTED"},
			{"PENDING", "UNVERIFIED"},
			{"FLAGGED"},
			{"RATE_LIMITED", "RESTRICTED"},
			{"DISCONNECTED", "OFFLINE", "PAUSED"},
			{"BANNED"},
		},
		off: []string{"MIGRATED", "DELETED", "UNKNOWN", "NA", "NONE", ""},
	},
	QualityRating: {
		steps: [][]string{{"GREEN"}, {"YELLOW"}, {"RED"}},
		off:   []string{"UNKNOWN", "NA", "NONE", ""},
	},
	CodeVerificationStatus: {
		steps: [][]string{
			{"VERIFIED"},
			{"MORE_INFORMATION_REQUESTED"},
			{"NOT_VERIFIED", "UNVERIFIED", "EXPIRED"},
			{"REVOKED", "REJECTED"},
		},
		off: []string{"UNKNOWN", "NA", "NONE", ""},
	},
	NameStatus:    nameScale,
	NewNameStatus: nameScale,
	MessagingLimitTier: {
		steps: [][]string{
			{"TIER_UNLIMITED"},
			{"TIER_100K"},
			{"TIER_10K"},
			{"TIER_2K"},
			{"TIER_1K"},
			{"TIER_250"},
			{"TIER_50"},
		},
		off: []string{"TIER_NOT_SET", "UNTIERED", "UNKNOWN", "NA", "NONE", ""},
	},
	IsOfficial: {steps: [][]string{{"Y"}, {"N"}}, off: []string{""}},
	Presence:   {steps: [][]string{{Appeared}, {Missing}}, off: []string{Moved, ""}},
	Poll:       {steps: [][]string{{OK}, {ClockOff}, {Failing}, {Denied}}, off: []string{""}},
	Sink:       {steps: [][]string{{OK}, {Parked}}, off: []string{""}},
	Rules:      {steps: [][]string{{OK}, {Noisy}, {Refused}}, off: []string{""}},
	Silence:    {steps: [][]string{{OK}, {Ending}}, off: []string{""}},
	Spaces:     {steps: [][]string{{OK}, {Missing}}, off: []string{""}},
}

var nameScale = &scale{
	steps: [][]string{
		{"APPROVAL", "APPROVED", "AVAILABLE_WITHOUT_REVIEW"},
		{"PENDING_REVIEW", "PENDING", "DEFERRED"},
		{"EXPIRED"},
		{"REJECTED", "DECLINED"},
	},
	off: []string{"UNKNOWN", "NA", "NONE", ""},
}

// offScale is the rank kept for a listed value that stands beside the scale.
const offScale = -1

// listed maps each listed value of a field to its own string and its rank, so
// that a look-up also interns.
type listing struct {
	value string
	rank  int
}

var listed = func() (t [fieldCount]map[string]listing) {
	for f, s := range scales {
		if s == nil {
			continue
		}
		t[f] = make(map[string]listing)
		for rank, step := range s.steps {
			for _, v := range step {
				t[f][v] = listing{v, rank}
			}
		}
		for _, v := range s.off {
			t[f][v] = listing{v, offScale}
		}
	}
	return t
}()

// IsEnum reports whether f holds one of a set of values, as opposed to text.
func (f Field) IsEnum() bool { return int(f) < fieldCount && scales[f] != nil }

// Canonical returns raw as it is compared and kept: trimmed, and in upper case
// where the field is an enum. Listed values come back interned.
func (f Field) Canonical(raw string) string {
	switch {
	case f == CallingStatus, f == CallHoursStatus: // nobody documents their values
		return strings.ToUpper(strings.TrimSpace(raw))
	case !f.IsEnum():
		return strings.TrimSpace(raw)
	}
	if l, ok := listed[f][raw]; ok {
		return l.value
	}
	v := strings.ToUpper(strings.TrimSpace(raw))
	if f == IsOfficial { // some answers hold a truth value
		switch v {
		case "TRUE":
			v = "Y"
		case "FALSE":
			v = "N"
		}
	}
	if l, ok := listed[f][v]; ok {
		return l.value
	}
	return v
}

// Listed reports whether value, in canonical form, is documented or known.
// Every value of a text field is.
func (f Field) Listed(value string) bool {
	if !f.IsEnum() {
		return true
	}
	_, ok := listed[f][value]
	return ok
}

// Values returns the listed values of an enum, best first, then those off the
// scale, the empty one last; nil for a text field.
func (f Field) Values() []string {
	if !f.IsEnum() {
		return nil
	}
	return append(slices.Concat(scales[f].steps...), scales[f].off...)
}

// Rank places value, in canonical form, on the field's scale: 0 is best and a
// higher rank is worse. It reports false for a value off the scale. Ranks are
// comparable within one field only.
func (f Field) Rank(value string) (int, bool) {
	if !f.IsEnum() {
		return 0, false
	}
	if f == MessagingLimitTier {
		return tierRank(value)
	}
	l, ok := listed[f][value]
	return l.rank, ok && l.rank != offScale
}

// tierRank ranks TIER_<n>[K] and TIER_UNLIMITED, so that tiers which nobody has
// documented yet still have a direction.
func tierRank(value string) (int, bool) {
	digits, ok := strings.CutPrefix(value, "TIER_")
	if !ok {
		return 0, false
	}
	if digits == "UNLIMITED" {
		return math.MinInt, true
	}
	digits, thousands := strings.CutSuffix(digits, "K")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, false
	}
	if thousands {
		n *= 1000
	}
	return -int(n), true
}

// Direction says which way a value moved on its field's scale.
type Direction uint8

// The directions. NoDirection: one of the values is off the scale, or the field
// has none. Sideways: both stand on the same step.
const (
	NoDirection Direction = iota
	Better
	Worse
	Sideways
)

var directionNames = [...]string{"none", "better", "worse", "sideways"}

// String returns none, better, worse or sideways.
func (d Direction) String() string { return directionNames[d] }

// MarshalText writes the direction's name.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a direction's name.
func (d *Direction) UnmarshalText(b []byte) error {
	v, ok := ParseDirection(string(b))
	if !ok {
		return fmt.Errorf("unknown direction %q (none, better, worse, sideways)", b)
	}
	*d = v
	return nil
}

// ParseDirection finds a direction by its name.
func ParseDirection(name string) (Direction, bool) {
	i := slices.Index(directionNames[:], name)
	return Direction(max(i, 0)), i >= 0
}

// Direction returns which way a move from one canonical value to another goes.
func (f Field) Direction(from, to string) Direction {
	a, okA := f.Rank(from)
	b, okB := f.Rank(to)
	switch {
	case !okA || !okB:
		return NoDirection
	case b > a:
		return Worse
	case b < a:
		return Better
	default:
		return Sideways
	}
}

// Recovered reports whether a value is the field's best, or as good as it was before.
func (f Field) Recovered(before, now string) bool {
	rank, ranked := f.Rank(now)
	best, _ := f.Rank(f.best())
	if ranked && rank == best || now == before {
		return true
	}
	d := f.Direction(before, now)
	return d == Better || d == Sideways
}

// Rests reports whether a value says that there is nothing to judge, for example that no
// rename is under way. It opens no alert, as values off the scale, but ends one.
func (f Field) Rests(value string) bool { return f == NewNameStatus && value == "NONE" }

// best is the first value of the field's scale; "" of a text field.
func (f Field) best() string {
	if !f.IsEnum() {
		return ""
	}
	return scales[f].steps[0][0]
}

// EndsLife reports whether value ends the life of a number here: it was
// deleted, migrated, confirmed missing or moved to another space.
func (f Field) EndsLife(value string) bool {
	switch f {
	case Status:
		return value == "DELETED" || value == "MIGRATED"
	case Presence:
		return value == Missing || value == Moved
	default:
		return false
	}
}
