package cams

import (
	"slices"
	"strconv"
	"time"

	"numwatch/internal/yamldoc"
)

// The types of this file are a scenario as it is written.

type file struct {
	Config   Config // without its accounts
	Accounts []fileAccount
	Steps    []step
	Drift    *drift
}

type fileAccount struct {
	Account // without its spaces
	Spaces  []fileSpace
	place   yamldoc.Position
}

type fileSpace struct {
	Id, Name string
	Count    int      // so many numbers are generated
	Fields   Number   // in place of what is generated
	Numbers  []Number // beside the generated ones
	place    yamldoc.Position
}

// reader takes a scenario's file apart.
type reader struct{ *yamldoc.Reader }

// object reads a mapping, and reports whether nothing in it was wrong.
func (r reader) object(n *yamldoc.Node, what string, keys ...yamldoc.Key) bool {
	before := len(r.Problems())
	r.Object(n, what, keys...)
	return len(r.Problems()) == before
}

func (r reader) file(n *yamldoc.Node) (f file) {
	r.Object(n, "the scenario",
		scalar(r, "seed", "a whole number", &f.Config.Seed, func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }),
		r.whole("limit", &f.Config.Limit), r.flag("count_refused", &f.Config.CountRefused), r.flag("retry_after", &f.Config.RetryAfter),
		list(r, "accounts", &f.Accounts, r.account), list(r, "steps", &f.Steps, r.step), one("push", &f.Config.Push, r.push), one("drift", &f.Drift, r.drift))
	return f
}

func (r reader) account(n *yamldoc.Node) fileAccount {
	a := fileAccount{place: n.At}
	r.Object(n, "an account",
		r.text("name", &a.Name), r.whole("limit", &a.Limit), list(r, "spaces", &a.Spaces, r.space),
		r.text("access_key_id", &a.AccessKeyId), r.text("access_key_secret", &a.AccessKeySecret), r.text("security_token", &a.SecurityToken))
	return a
}

func (r reader) space(n *yamldoc.Node) fileSpace {
	s := fileSpace{place: n.At}
	r.Object(n, "a space",
		r.text("id", &s.Id), r.text("name", &s.Name), r.whole("count", &s.Count),
		r.fields("fields", &s.Fields), list(r, "numbers", &s.Numbers, r.number))
	return s
}

func (r reader) step(n *yamldoc.Node) step {
	s := step{place: n.At}
	r.Object(n, "a step",
		r.duration("at", &s.at), r.duration("every", &s.every), r.duration("until", &s.until),
		r.text("account", &s.account), r.text("space", &s.space), r.text("number", &s.number),
		r.fields("set", &s.set), list(r, "unset", &s.unset, func(n *yamldoc.Node) string { return n.Text }), r.fields("add", &s.add),
		r.flag("remove", &s.remove), r.flag("restore", &s.restore), r.text("rename", &s.rename), one("fault", &s.fault, r.fault))
	return s
}

func (r reader) fault(n *yamldoc.Node) (f Fault) {
	read := r.object(n, "a fault",
		r.text("kind", (*string)(&f.Kind)), r.text("action", &f.Action), r.text("code", &f.Code),
		r.whole("count", &f.Count), r.whole("status", &f.Status), r.whole("bytes", &f.Bytes),
		r.duration("for", &f.For), r.duration("latency", &f.Latency), r.duration("retry_after", &f.RetryAfter),
		r.part("probability", &f.Probability))
	switch {
	case !read:
	case f.Kind != "" && !slices.Contains(Kinds(), f.Kind):
		r.Fail(n.At, "", "unknown kind of fault %q: want one of %q", f.Kind, Kinds())
	case (f.Kind == Refuse || f.Kind == CodeNotOK) && f.Code == "":
		r.Fail(n.At, "", "a fault of kind %s needs a code", f.Kind)
	case f.Kind == "" && f.Latency == 0:
		r.Fail(n.At, "", "a fault needs a kind or a latency")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		r.Fail(n.At, "", "status is %d: want 200 to 599", f.Status)
	}
	return f
}

func (r reader) push(n *yamldoc.Node) Push {
	p := Push{Recall: 1}
	r.Object(n, "push",
		r.text("url", &p.URL), r.part("recall", &p.Recall), r.duration("delay", &p.Delay),
		r.part("duplicates", &p.Duplicates), r.part("strays", &p.Strays))
	return p
}

func (r reader) drift(n *yamldoc.Node) (d drift) {
	read := r.object(n, "drift",
		r.duration("from", &d.from), r.duration("every", &d.every), list(r, "moves", &d.moves, r.move))
	if read && (d.every == 0 || len(d.moves) == 0) {
		r.Fail(n.At, "", "drift needs every and moves")
	}
	for _, m := range d.moves {
		d.total += m.weight
	}
	return d
}

func (r reader) move(n *yamldoc.Node) (m move) {
	read := r.object(n, "a move",
		r.text("field", &m.field), r.text("from", &m.from), r.text("to", &m.to),
		r.flag("restore", &m.restore), r.whole("weight", &m.weight))
	switch {
	case !read:
	case !isField(m.field) || m.field == "PhoneNumber":
		r.Fail(n.At, "", "unknown field %q", m.field)
	case m.restore == (m.to != ""):
		r.Fail(n.At, "", "a move needs either to or restore")
	case m.restore && m.from == "":
		r.Fail(n.At, "", "a move that restores needs from")
	case m.weight < 0:
		r.Fail(n.At, "", "weight is %d: want 1 or more", m.weight)
	}
	m.weight = max(1, m.weight)
	return m
}

var fieldNames = []string{
	"PhoneNumber", "VerifiedName", "Status", "QualityRating", "CodeVerificationStatus", "NewNameStatus",
	"NameStatus", "MessagingLimitTier", "StatusQueue", "UpQueue", "StatusCallbackUrl", "UpCallbackUrl", "IsOfficial",
	"CallingCallbackUrl", "CallingStatus", "CallHoursStatus", "MaxTalkTime", "CallHours",
}

func isField(name string) bool { return slices.Contains(fieldNames, name) }

// number reads values of the API's fields as they are written, since a phone
// number is no number; null is JSON's null.
func (r reader) number(n *yamldoc.Node) Number {
	number := Number{}
	var keys []yamldoc.Key
	for _, name := range fieldNames {
		keys = append(keys, yamldoc.Key{Name: name, Read: func(v *yamldoc.Node) {
			number[name] = v.Text
			if v.Kind == yamldoc.Null {
				number[name] = Null
			}
			if !v.IsScalar() {
				r.FailAt(v, "", "%s must be text, not %s", name, v.Kind)
			}
		}})
	}
	r.Object(n, "what is set of a number", keys...)
	return number
}

func (r reader) fields(name string, to *Number) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: func(n *yamldoc.Node) { *to = r.number(n) }}
}

func (r reader) text(name string, to *string) yamldoc.Key {
	return scalar(r, name, "text", to, func(text string) (string, error) { return text, nil })
}

func (r reader) whole(name string, to *int) yamldoc.Key {
	return scalar(r, name, "a whole number", to, strconv.Atoi)
}

// part reads a number from 0 to 1.
func (r reader) part(name string, to *float64) yamldoc.Key {
	return scalar(r, name, "a number from 0 to 1", to, func(text string) (float64, error) {
		v, err := strconv.ParseFloat(text, 64)
		if err == nil && !(v >= 0 && v <= 1) {
			err = strconv.ErrRange
		}
		return v, err
	})
}

func (r reader) duration(name string, to *time.Duration) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: r.Duration(name, to)}
}

func (r reader) flag(name string, to *bool) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: r.Flag(name, to)}
}

// scalar reads a single value; what says what it must be.
func scalar[T any](r reader, name, what string, to *T, parse func(string) (T, error)) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: func(n *yamldoc.Node) {
		v, err := parse(n.Text)
		if err != nil || !n.IsScalar() {
			r.FailAt(n, "", "%s must be %s", name, what)
			return
		}
		*to = v
	}}
}

func list[T any](r reader, name string, to *[]T, read func(*yamldoc.Node) T) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: func(n *yamldoc.Node) {
		r.List(n, name, func(item *yamldoc.Node) { *to = append(*to, read(item)) })
	}}
}

func one[T any](name string, to **T, read func(*yamldoc.Node) T) yamldoc.Key {
	return yamldoc.Key{Name: name, Read: func(n *yamldoc.Node) {
		v := read(n)
		*to = &v
	}}
}
