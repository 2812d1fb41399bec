package rules

import (
	"reflect"
	"slices"
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
	Was              string // "(was GREEN)", empty where that says nothing
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

	MovedFrom    string // the title of the space that the number came from
	Returned     bool   // the number was in the space before
	Away         string // for how long it was gone
	NameApproved bool   // a new name of the number was approved, see nameApproved

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
	CallingCallbackUrl     string
	CallingStatus          string
	CallHoursStatus        string
	MaxTalkTime            string
	CallHours              string
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
	for f := range phone.FieldsOfNumber() {
		if fields[f] == 0 { // its values would be put where PhoneNumber is
			panic("environment lacks the field " + f.String())
		}
	}
	return names, fields
}()

// member returns what the environment has under a name; invalid if nothing.
func (e *environment) member(name string) reflect.Value {
	return reflect.ValueOf(e).Elem().FieldByName(name)
}

// setSubject fills in what belongs to the subject, as it is now.
func (e *environment) setSubject(in *Seen, s phone.Subject, n *phone.Number) {
	*e = environment{
		PhoneNumber: s.PhoneNumber, Account: s.Account, SpaceId: s.Space, Labels: in.Space.Labels, Part: s.Component,
	}
	if s.Space != "" {
		e.Space = in.Space.Title()
	}
	if n == nil {
		return
	}
	members := reflect.ValueOf(e).Elem()
	for f, v := range n.All() {
		members.Field(fieldMembers[f]).SetString(v)
	}
	e.NameApproved = nameApproved(e.NewNameStatus, in.Changes)
}

// setChange fills in what belongs to the change.
func (e *environment) setChange(in *Seen, c *phone.Change, severity alert.Severity, since time.Time) {
	e.Old, e.New, e.Field = c.Old, c.New, c.Field.String()
	e.Was = wasText(c.Field, c.Old, c.New)
	e.Direction, e.Severity = c.Direction.String(), severity.String()
	e.Since = since.UTC().Format("2006-01-02 15:04 UTC")
	e.Code, e.Reason, e.Baseline = c.Code, c.Reason, c.Baseline
	if e.MovedFrom = c.MovedFrom; c.MovedFrom == in.From.ID {
		e.MovedFrom = in.From.Title()
	}
	e.Returned, e.Away = !c.AwaySince.IsZero(), away(c)
}

// speaking returns the environment with what numwatch itself words in it in another language.
func (e *environment) speaking(l phone.Language, c *phone.Change) *environment {
	s := *e
	if s.Was = s.wasIn(l, c); s.Away != "" {
		s.Away = l.Span(c.SeenAt.Sub(c.AwaySince))
	}
	return &s
}

func (e *environment) wasIn(l phone.Language, c *phone.Change) string {
	if e.Was == "" || l != phone.Chinese {
		return e.Was
	}
	return "（此前为 " + c.Field.Shown(c.Old) + "）"
}

// wasText says what a value was before, in brackets. Where nothing was known, and where
// it did not move, there is nothing to say.
func wasText(f phone.Field, old, now string) string {
	if old == "" || old == now || f.IsEnum() && (old == "UNKNOWN" || old == "NA" || old == "NONE") {
		return ""
	}
	return "(was " + f.Shown(old) + ")"
}

// away says for how long a number that is back was gone; nothing of others.
func away(c *phone.Change) string {
	if c.AwaySince.IsZero() {
		return ""
	}
	return phone.Span(c.SeenAt.Sub(c.AwaySince))
}

// nameApproved reports whether a rename was approved: NewNameStatus says so, or it went
// back to rest in this poll, after an approval or a review. A name that was refused
// does not come into use.
func nameApproved(status string, changes []phone.Change) bool {
	if !phone.NewNameStatus.Rests(status) {
		rank, ranked := phone.NewNameStatus.Rank(status)
		return ranked && rank == 0
	}
	return slices.ContainsFunc(changes, func(c phone.Change) bool {
		return c.Field == phone.NewNameStatus && c.Field.Direction(c.Old, "EXPIRED") == phone.Worse
	})
}

// shown returns the environment as people may see it: URLs without what may be
// a token.
func (e *environment) shown(f phone.Field) *environment {
	s := *e
	members := reflect.ValueOf(&s).Elem()
	for url := range phone.FieldsOfNumber() {
		if url.IsURL() {
			m := members.Field(fieldMembers[url])
			m.SetString(url.Shown(m.String()))
		}
	}
	s.Old, s.New = f.Shown(e.Old), f.Shown(e.New)
	return &s
}
