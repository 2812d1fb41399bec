package rules

import (
	"reflect"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// environment is what expressions see, in `where` and in the holes of texts.
// Its fields are the names that rules.yaml may use; it has no exported methods,
// which would be callable.
type environment struct {
	PhoneNumber string

	Old, New         string // values of Field
	Field, Direction string
	Severity         string
	Since            string // when the alert opened, or its condition began

	Account string
	Space   string // the title
	SpaceId string
	Labels  map[string]string

	Code, Reason string // why a poll failed, a sink is parked, rules are refused
	Part         string // of the bot
	Baseline     bool   // first sight of the space

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
}

// names lists what expressions may name; fieldMembers is where the
// environment has the fields of a number.
var names, fieldMembers = func() (names []string, fields [phone.NumberFields]int) {
	t := reflect.TypeFor[environment]()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Name)
		if f, ok := phone.ParseField(t.Field(i).Name); ok && f.OfNumber() {
			fields[f] = i
		}
	}
	return names, fields
}()

// member returns what the environment has under a name; invalid if nothing.
func (e *environment) member(name string) reflect.Value {
	return reflect.ValueOf(e).Elem().FieldByName(name)
}

// setSubject fills in what belongs to the subject, as it is now.
func (e *environment) setSubject(space phone.Space, s phone.Subject, n *phone.Number) {
	*e = environment{
		PhoneNumber: s.PhoneNumber, Account: s.Account, SpaceId: s.Space, Labels: space.Labels, Part: s.Component,
	}
	if s.Space != "" {
		e.Space = space.Title()
	}
	if n == nil {
		return
	}
	members := reflect.ValueOf(e).Elem()
	for f, v := range n.All() {
		members.Field(fieldMembers[f]).SetString(v)
	}
}

// setChange fills in what belongs to the change.
func (e *environment) setChange(c *phone.Change, severity alert.Severity, since time.Time) {
	e.Old, e.New, e.Field = c.Old, c.New, c.Field.String()
	e.Direction, e.Severity = c.Direction.String(), severity.String()
	e.Since = since.UTC().Format("2006-01-02 15:04 UTC")
	e.Code, e.Reason, e.Baseline = c.Code, c.Reason, c.Baseline
}

// shown returns the environment as people may see it: URLs without what may be
// a token.
func (e *environment) shown(f phone.Field) *environment {
	s := *e
	s.StatusCallbackUrl = phone.StatusCallbackUrl.Shown(e.StatusCallbackUrl)
	s.UpCallbackUrl = phone.UpCallbackUrl.Shown(e.UpCallbackUrl)
	s.Old, s.New = f.Shown(e.Old), f.Shown(e.New)
	return &s
}
