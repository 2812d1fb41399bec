package web

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
	"numwatch/phone"
	"numwatch/web/api"
)

// What one text on a page shows at most.
const maxText = 300

// text makes a text from outside fit for the page.
func text(s string) string { return alert.Cut(shown(s), maxText) }

func value(f phone.Field, v string) string {
	if v == "" {
		return "(empty)"
	}
	return text(f.Shown(v))
}

var anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+`)

// shown makes a text from outside fit to be shown: on one line, with nothing
// that steers the eye, and with the URLs in it redacted.
func shown(s string) string {
	return anyURL.ReplaceAllStringFunc(alert.Plain(s), phone.Redact)
}

// shownLines is shown for a text of several lines.
func shownLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = shown(lines[i])
	}
	return strings.Join(lines, "\n")
}

// stamp is a time with how long ago it is; the zero one has not come yet.
type stamp struct{ ISO, Exact, Ago string }

func since(t, now time.Time) stamp {
	if t.IsZero() {
		return stamp{Ago: "not yet"}
	}
	t = t.UTC()
	return stamp{ISO: t.Format(time.RFC3339), Exact: t.Format("2006-01-02 15:04:05") + " UTC", Ago: phone.Span(now.Sub(t).Round(time.Second))}
}

func span(d api.Seconds) string { return phone.Span(time.Duration(d)) }

// clock writes a time within a sentence.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// A tone is how good a value is: the colour and the shape that stand before it.
type tone string

const (
	good  tone = "good"
	watch tone = "watch"
	bad   tone = "bad"
	dire  tone = "dire"
	off   tone = "off" // beside the scale
)

// toneOf places a value on its field's scale in as many steps as there are
// tones.
func toneOf(f phone.Field, v string) tone {
	rank, onScale := f.Rank(v)
	switch {
	case !onScale, f == phone.MessagingLimitTier, f == phone.IsOfficial:
		return off
	case rank <= 0:
		return good
	}
	worst := 0
	for _, one := range f.Values() {
		if r, ok := f.Rank(one); ok {
			worst = max(worst, r)
		}
	}
	switch {
	case rank == worst:
		return dire
	case 2*rank > worst:
		return bad
	default:
		return watch
	}
}

func severityTone(s alert.Severity) tone {
	return [...]tone{dire, bad, watch, off}[min(int(s), 3)]
}

// worstTone is the worse of two tones.
func worstTone(a, b tone) tone {
	order := []tone{off, good, watch, bad, dire}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// labelTexts writes labels as name=value, in order.
func labelTexts(labels map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, text(name+"="+labels[name]))
	}
	return all
}

// redacted returns a copy of a number whose URLs may be shown.
func redacted(n *phone.Number) *phone.Number {
	if n == nil {
		return nil
	}
	out := *n
	for f, v := range n.All() {
		if f.IsURL() {
			out.Set(f, phone.Redact(v))
		}
	}
	return &out
}

// link is a choice of which one may be the present one.
type link struct {
	Text, Href string
	Here       bool
	Tone       tone
	Count      int
}

// pager leads through the parts of a list.
type pager struct {
	From, To, Total int
	Before, Next    string // queries; empty where there is none
}

// rowsPerPage is how many rows a page shows.
const rowsPerPage = 50

func newPager(values url.Values, offset, shown, total int) pager {
	p := pager{From: min(offset+1, total), To: min(offset+shown, total), Total: total}
	number := offset/rowsPerPage + 1
	if number > 1 {
		last := (total + rowsPerPage - 1) / rowsPerPage
		p.Before = with(values, "page", strconv.Itoa(max(min(number-1, last), 1)))
	}
	if offset+shown < total {
		p.Next = with(values, "page", strconv.Itoa(number+1))
	}
	return p
}

// paged returns the rows of a list that a page shows, and what leads to the others.
func paged[T any](p *params, all []T) ([]T, pager) {
	offset := p.pageNumber()
	rows := part(all, offset, rowsPerPage)
	return rows, newPager(p.values, offset, len(rows), len(all))
}

// with returns the query with one value in place of another, back on the first
// page unless that is what is asked for.
func with(values url.Values, name, v string) string {
	out := url.Values{}
	for k, all := range values {
		if k != "done" && k != "page" {
			out[k] = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
		}
	}
	out.Del(name)
	if v != "" {
		out.Set(name, v)
	}
	return "?" + out.Encode()
}

// choice is a menu of a form.
type choice struct {
	Name, Label string
	Options     []option
	Chosen      bool
}

type option struct {
	Value, Text string
	Chosen      bool
}

// choose makes a menu of values, of which the chosen ones are marked; one that
// is not among them is added.
func choose(name, label, all string, values []string, chosen ...string) choice {
	joined := strings.Join(chosen, ",")
	c := choice{Name: name, Label: label, Options: []option{{Text: all}}, Chosen: joined != ""}
	if joined != "" && !slices.Contains(values, joined) {
		values = append([]string{joined}, values...)
	}
	for _, v := range values {
		c.Options = append(c.Options, option{v, strings.ReplaceAll(text(v), ",", " or "), v == joined})
	}
	return c
}

// orEmpty names an empty value, so that it can be searched for.
func orEmpty(v string) string { return cmp.Or(v, "(empty)") }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
