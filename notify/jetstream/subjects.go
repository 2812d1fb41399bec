package jetstream

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

// Subjects on NATS. Their depth is fixed, so that consumers can count tokens.
const (
	SubjectAll       = "numwatch.v1.>"
	SubjectHeartbeat = "numwatch.heartbeat" // core NATS, in no stream

	// SubjectHint is followed by the name of an account; core NATS, in no stream.
	SubjectHint = "numwatch.hint."

	subjectPrefix = "numwatch.v1."
	// maxToken keeps the longest subject (an alert's, with four tokens from
	// outside) under 256 bytes: an over-long subject closes the connection.
	maxToken = 48
	hashLen  = 8
)

// Subject returns the NATS subject of the event.
func Subject(e *alert.Event) string {
	switch e.Kind {
	case alert.KindAlert:
		// As it was when it opened: the subject's last message is what holds.
		rule := cmp.Or(e.Alert.OpenedAs, e.Alert.Rule)
		return subjectPrefix + "alert." + e.Alert.Severity.String() + "." + token(rule) + "." +
			place(e.Alert.Subject) + "." + e.Alert.Field.String()
	case alert.KindChange:
		return subjectPrefix + "change." + place(e.Change.Subject) + "." + e.Change.Field.String()
	default:
		return subjectPrefix + "bot." + token(e.Notice.Kind)
	}
}

// place is account, space and number as tokens; the part of the bot stands in
// the number's place.
func place(s phone.Subject) string {
	return token(s.Account) + "." + token(s.Space) + "." + token(s.PhoneNumber+s.Component)
}

// token returns s as one token of a subject. What had to be changed or cut gets
// a hash of the whole, so that different values stay different.
func token(s string) string {
	if s == "" {
		return "-"
	}
	clean := strings.Map(tokenRune, s)
	if clean == s && len(s) <= maxToken && s != "-" {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return clean[:min(len(clean), maxToken-1-hashLen)] + "-" + hex.EncodeToString(sum[:hashLen/2])
}

func tokenRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		return r
	default:
		return '_'
	}
}
