// Package display writes what is shown on pages: values, times and texts from outside made
// fit to be shown, and the pictures of what changed when. It imports phone, alert, web/api
// and internal/view, and only web calls it.
package display

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
)

// MaxText is how many characters of one text a page shows at most.
const MaxText = 300

// Text makes untrusted text safe for a page.
func Text(s string) string { return alert.Cut(Line(s), MaxText) }

// Value writes the value of a field.
func Value(f phone.Field, v string) string {
	if v == "" {
		return view.Empty
	}
	return Text(f.Shown(v))
}

var anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+`)

// Line makes untrusted text safe to show: on one line, without control characters,
// and with its URLs redacted.
func Line(s string) string {
	return anyURL.ReplaceAllStringFunc(alert.Plain(s), phone.Redact)
}

// Lines is shown for a text of several lines.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Stamp is a time and how long ago it was; the zero Stamp is not yet.
type Stamp struct{ ISO, Exact, Ago string }

// Since is a time as seen from now.
func Since(t, now time.Time) Stamp {
	if t.IsZero() {
		return Stamp{Ago: "not yet"}
	}
	t = t.UTC()
	return Stamp{ISO: t.Format(time.RFC3339), Exact: t.Format("2006-01-02 15:04:05") + " UTC", Ago: phone.Span(now.Sub(t).Round(time.Second))}
}

// Span writes a duration for people.
func Span(d api.Seconds) string { return phone.Span(time.Duration(d)) }

// Clock writes a time within a sentence.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// A tone is how good a value is: the colour and the shape that stand before it.
type Tone string

const (
	Good  Tone = "good"
	Watch Tone = "watch"
	bad   Tone = "bad"
	Dire  Tone = "dire"
	Off   Tone = "off" // beside the scale
)

// ToneOf places a value on its field's scale in as many steps as there are
// tones.
func ToneOf(f phone.Field, v string) Tone {
	rank, onScale := f.Rank(v)
	switch {
	case !onScale, f == phone.MessagingLimitTier, f == phone.IsOfficial:
		return Off
	case rank <= 0:
		return Good
	}
	worst := 0
	for _, one := range f.Values() {
		if r, ok := f.Rank(one); ok {
			worst = max(worst, r)
		}
	}
	switch {
	case rank == worst:
		return Dire
	case 2*rank > worst:
		return bad
	default:
		return Watch
	}
}

// SeverityTone is how a severity is shown.
func SeverityTone(s alert.Severity) Tone {
	return [...]Tone{Dire, bad, Watch, Off}[min(int(s), 3)]
}

// WorstTone is the worse of two tones.
func WorstTone(a, b Tone) Tone {
	order := []Tone{Off, Good, Watch, bad, Dire}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// LabelTexts writes labels as name=value, in order.
func LabelTexts(labels map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, Text(name+"="+labels[name]))
	}
	return all
}

// Redacted returns a copy of a number whose URLs may be shown.
func Redacted(n *phone.Number) *phone.Number {
	if n == nil {
		return nil
	}
	out := n.Redacted()
	return &out
}

// Link is a choice; one of several may be the present one.
type Link struct {
	Text, Href string
	Here       bool
	Tone       Tone
	Count      int
	Other      int // counted apart
}

// Pager leads through the parts of a list.
type Pager struct {
	From, To, Total int
	Before, Next    string // queries; empty where there is none
}

// RowsPerPage is how many rows a page shows.
const RowsPerPage = 50

// NewPager leads from a part of a list, which begins at an offset, to the others.
func NewPager(values url.Values, offset, shown, total int) Pager {
	return NewPagerOf(values, offset, shown, total, RowsPerPage)
}

// NewPagerOf is NewPager for parts of another length.
func NewPagerOf(values url.Values, offset, shown, total, perPage int) Pager {
	p := Pager{From: min(offset+1, total), To: min(offset+shown, total), Total: total}
	number := offset/perPage + 1
	if number > 1 {
		last := (total + perPage - 1) / perPage
		p.Before = With(values, "page", strconv.Itoa(max(min(number-1, last), 1)))
	}
	if offset+shown < total {
		p.Next = With(values, "page", strconv.Itoa(number+1))
	}
	return p
}

// With returns the query with a value replaced, back on the first page unless the page is
// what changes. Several names and values may follow each other.
func With(values url.Values, pairs ...string) string {
	out := url.Values{}
	for k, all := range values {
		if k != "done" && k != "about" && k != "page" {
			out[k] = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if out.Del(pairs[i]); pairs[i+1] != "" {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + out.Encode()
}

// Choice is a menu of a form.
type Choice struct {
	Name, Label string
	Options     []Option
	Chosen      bool
}

// Option is an entry of a menu.
type Option struct {
	Value, Text string
	Chosen      bool
}

// Choose makes a menu of values, of which the chosen ones are marked; one that
// is not among them is added.
func Choose(name, label, all string, values []string, chosen ...string) Choice {
	joined := strings.Join(chosen, ",")
	c := Choice{Name: name, Label: label, Options: []Option{{Text: all}}, Chosen: joined != ""}
	if joined != "" && !slices.Contains(values, joined) {
		values = append([]string{joined}, values...)
	}
	for _, v := range values {
		c.Options = append(c.Options, Option{v, strings.ReplaceAll(Text(v), ",", " or "), v == joined})
	}
	return c
}

// OrEmpty names an empty value, so that it can be searched for.
func OrEmpty(v string) string { return cmp.Or(v, view.Empty) }
