package rules

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// environment is what expressions see, in `where` and in the holes of texts.
// Its exported fields are the names that rules.yaml may use; it has no methods,
// which would be callable.
type environment struct {
	PhoneNumber string

	VerifiedName           string
	Status                 string
	QualityRating          string
	CodeVerificationStatus string
	NewNameStatus          string
	NameStatus             string
	MessagingLimitTier     string
	StatusQueue            string
	UpQueue                string
	StatusCallbackUrl      string
	UpCallbackUrl          string
	IsOfficial             string

	Old, New         string // values of Field
	Field, Direction string
	Severity         string
	Since            string // when the alert opened, or its condition began

	Account string
	Space   string // the title
	SpaceId string
	Labels  map[string]string

	Code, Reason string // why a poll failed, a sink is parked
	Part         string // of the bot
	Baseline     bool   // first sight of the space
}

// names lists what expressions may name, for hints.
var names = func() []string {
	list := []string{
		"PhoneNumber", "Old", "New", "Field", "Direction", "Severity", "Since", "Account",
		"Space", "SpaceId", "Labels", "Code", "Reason", "Part", "Baseline",
	}
	for f := range phone.FieldsOfNumber() {
		list = append(list, f.String())
	}
	return list
}()

// at returns the environment's text under a name, nil if there is none.
func at(e *environment, name string) *string {
	if f, ok := phone.ParseField(name); ok {
		return valueAt(e, f)
	}
	switch name {
	case "PhoneNumber":
		return &e.PhoneNumber
	case "Old":
		return &e.Old
	case "New":
		return &e.New
	case "Field":
		return &e.Field
	case "Direction":
		return &e.Direction
	case "Severity":
		return &e.Severity
	case "Since":
		return &e.Since
	case "Account":
		return &e.Account
	case "Space":
		return &e.Space
	case "SpaceId":
		return &e.SpaceId
	case "Code":
		return &e.Code
	case "Reason":
		return &e.Reason
	case "Part":
		return &e.Part
	default:
		return nil
	}
}

func valueAt(e *environment, f phone.Field) *string {
	switch f {
	case phone.VerifiedName:
		return &e.VerifiedName
	case phone.Status:
		return &e.Status
	case phone.QualityRating:
		return &e.QualityRating
	case phone.CodeVerificationStatus:
		return &e.CodeVerificationStatus
	case phone.NewNameStatus:
		return &e.NewNameStatus
	case phone.NameStatus:
		return &e.NameStatus
	case phone.MessagingLimitTier:
		return &e.MessagingLimitTier
	case phone.StatusQueue:
		return &e.StatusQueue
	case phone.UpQueue:
		return &e.UpQueue
	case phone.StatusCallbackUrl:
		return &e.StatusCallbackUrl
	case phone.UpCallbackUrl:
		return &e.UpCallbackUrl
	case phone.IsOfficial:
		return &e.IsOfficial
	default:
		return nil
	}
}

// setSubject fills in what belongs to the subject, as it is now.
func setSubject(e *environment, space phone.Space, s phone.Subject, n *phone.Number) {
	*e = environment{
		PhoneNumber: s.PhoneNumber, Account: s.Account, SpaceId: s.Space, Labels: space.Labels, Part: s.Component,
	}
	if s.Space != "" {
		e.Space = space.Title()
	}
	if n == nil {
		return
	}
	for f, v := range n.All() {
		*valueAt(e, f) = v
	}
}

// setChange fills in what belongs to the change.
func setChange(e *environment, c *phone.Change, severity alert.Severity, since time.Time) {
	e.Old, e.New, e.Field = c.Old, c.New, c.Field.String()
	e.Direction, e.Severity = c.Direction.String(), severity.String()
	e.Since = since.UTC().Format("2006-01-02 15:04 UTC")
	e.Code, e.Reason, e.Baseline = c.Code, c.Reason, c.Baseline
}

// shown returns the environment as people may see it: URLs without what may be
// a token.
func shown(e *environment, f phone.Field) *environment {
	s := *e
	s.StatusCallbackUrl = phone.StatusCallbackUrl.Shown(e.StatusCallbackUrl)
	s.UpCallbackUrl = phone.UpCallbackUrl.Shown(e.UpCallbackUrl)
	s.Old, s.New = f.Shown(e.Old), f.Shown(e.New)
	return &s
}
