// Package phone is the vocabulary of what is watched: numbers, the spaces that
// hold them, the snapshots that polls bring, and the changes between snapshots.
// Field names are the cloud API's own. The package does no I/O and knows no
// time of its own.
package phone

import (
	"fmt"
	"iter"
	"math/bits"
)

// Field names one watched value of a subject. The fields up to CallHours are
// those of a number in an answer of ChatappSyncPhoneNumber; the others are
// numwatch's own and go through the rules like these.
type Field uint8

// The fields of a number, in the order in which they are shown and stored. The
// order is part of the store's format: append, never reorder.
const (
	VerifiedName Field = iota
	Status
	QualityRating
	CodeVerificationStatus
	NewNameStatus
	NameStatus
	MessagingLimitTier
	StatusQueue
	UpQueue
	StatusCallbackUrl
	UpCallbackUrl
	IsOfficial
	// What CallingConfigure of an answer holds; CallHours is all that the others do not.
	CallingCallbackUrl
	CallingStatus
	CallHoursStatus
	MaxTalkTime
	CallHours

	Presence // of a number, called "Number": APPEARED, MISSING, MOVED
	Poll     // of a space or an account: OK, FAILING, DENIED; of an account also CLOCK_OFF
	Sink     // of a part of the bot, as those that follow: OK, PARKED
	Rules    // of the rules file: OK, NOISY, REFUSED
	Silence  // of a silence: OK, ENDING
	Spaces   // of the list of an account's spaces: OK, MISSING
)

// NumberFields is how many fields an answer holds for a number.
const NumberFields = int(CallHours) + 1

const fieldCount = int(Spaces) + 1

var fieldNames = [fieldCount]string{
	"VerifiedName", "Status", "QualityRating", "CodeVerificationStatus",
	"NewNameStatus", "NameStatus", "MessagingLimitTier", "StatusQueue",
	"UpQueue", "StatusCallbackUrl", "UpCallbackUrl", "IsOfficial",
	"CallingCallbackUrl", "CallingStatus", "CallHoursStatus", "MaxTalkTime", "CallHours",
	"Number", "Poll", "Sink", "Rules", "Silence", "Spaces",
}

// Values of numwatch's own fields.
const (
	Appeared = "APPEARED" // the number is in the space's list
	Missing  = "MISSING"  // it was confirmed missing from the list; watched spaces are missing from theirs
	Moved    = "MOVED"    // it is now in another space's list

	OK       = "OK"
	ClockOff = "CLOCK_OFF" // polls of the account succeed though this machine's clock is off
	Failing  = "FAILING"   // several polls in a row failed
	Denied   = "DENIED"    // the cloud refuses to answer
	Parked   = "PARKED"    // a sink or channel that cannot be delivered to
	Noisy    = "NOISY"     // the new rules send many more messages than those before
	Refused  = "REFUSED"   // the rules file is not valid: the rules before it stay in force
	Ending   = "ENDING"    // the silence is about to end, and alerts under it fire
)

// String returns the name used in YAML, JSON, pages and NATS subjects.
func (f Field) String() string {
	if int(f) < fieldCount {
		return fieldNames[f]
	}
	return fmt.Sprintf("Field(%d)", uint8(f))
}

// OfNumber reports whether the API answers f for a number.
func (f Field) OfNumber() bool { return int(f) < NumberFields }

// OfBot reports whether f is a field of a part of the bot.
func (f Field) OfBot() bool { return f >= Sink }

// IsURL reports whether f holds a callback URL, which may carry a token: show
// it through Redact.
func (f Field) IsURL() bool {
	return f == StatusCallbackUrl || f == UpCallbackUrl || f == CallingCallbackUrl
}

// ParseField finds a field by its exact name.
func ParseField(name string) (Field, bool) {
	for i, n := range fieldNames {
		if n == name {
			return Field(i), true
		}
	}
	return 0, false
}

// Fields lists every field, a number's own first.
func Fields() iter.Seq[Field] { return upTo(fieldCount) }

// FieldsOfNumber lists the fields that an answer holds for a number.
func FieldsOfNumber() iter.Seq[Field] { return upTo(NumberFields) }

// FieldNames lists the names of fields.
func FieldNames(fields iter.Seq[Field]) (names []string) {
	for f := range fields {
		names = append(names, f.String())
	}
	return names
}

func upTo(n int) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for i := range n {
			if !yield(Field(i)) {
				return
			}
		}
	}
}

// MarshalText writes the field's name.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a field's name; an unknown one is an error.
func (f *Field) UnmarshalText(b []byte) error {
	v, ok := ParseField(string(b))
	if !ok {
		return fmt.Errorf("unknown field %q", b)
	}
	*f = v
	return nil
}

// FieldSet is a set of fields, one bit each.
type FieldSet uint32

// With returns the set with f in it.
func (s FieldSet) With(f Field) FieldSet { return s | 1<<f }

// Has reports whether f is in the set.
func (s FieldSet) Has(f Field) bool { return s&(1<<f) != 0 }

// Len is the number of fields in the set.
func (s FieldSet) Len() int { return bits.OnesCount32(uint32(s)) }
