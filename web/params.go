package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

const (
	defaultLimit = 100
	mostLimit    = 1000
	mostOffset   = 1 << 31
)

// params reads the parameters of a request and collects what is wrong.
type params struct {
	values url.Values
	known  map[string]bool
	wrong  []string
}

func paramsOf(r *http.Request) *params {
	return &params{values: r.URL.Query(), known: map[string]bool{}}
}

func (p *params) text(name string) string {
	p.known[name] = true
	return p.values.Get(name)
}

// oneOf reads a value that is one of a few, the first by default.
func (p *params) oneOf(name string, values ...string) string {
	v := p.text(name)
	switch {
	case v == "":
		return values[0]
	case !slices.Contains(values, v):
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be one of %s", name, strings.Join(values, ", ")))
	}
	return v
}

func (p *params) number(name string, least, most, otherwise int) int {
	v := p.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be a number from %d to %d", name, least, most))
		return otherwise
	}
	return n
}

// page reads which part of a list is wanted.
func (p *params) page() (offset, limit int) {
	return p.number("offset", 0, mostOffset, 0), p.number("limit", 1, mostLimit, defaultLimit)
}

// list reads a parameter that may be there several times or hold commas.
func (p *params) list(name string) (all []string) {
	p.known[name] = true
	for _, v := range p.values[name] {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}

// labels reads label.NAME=VALUE.
func (p *params) labels() map[string]string {
	labels := map[string]string{}
	for name, values := range p.values {
		if label, ok := strings.CutPrefix(name, "label."); ok {
			p.known[name] = true
			labels[label] = values[0]
		}
	}
	return labels
}

// query reads what selects numbers.
func (p *params) query() Query {
	q := Query{Text: p.text("q"), Account: p.text("account"), Space: p.text("space"), Labels: p.labels(), Fields: map[phone.Field][]string{}}
	for f := range phone.FieldsOfNumber() {
		if values := p.list(f.String()); len(values) > 0 {
			q.Fields[f] = values
		}
	}
	return q
}

// severities reads the severities that are wanted; none means all.
func (p *params) severities() (all []alert.Severity) {
	for _, name := range p.list("severity") {
		var s alert.Severity
		if err := s.UnmarshalText([]byte(name)); err != nil {
			p.wrong = append(p.wrong, "severity must be one of "+strings.Join(alert.Severities(), ", "))
			continue
		}
		all = append(all, s)
	}
	return all
}

// problem returns what is wrong with the parameters, "" if nothing is.
func (p *params) problem() string {
	wrong := slices.Clone(p.wrong)
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.known[name] {
			wrong = append(wrong, fmt.Sprintf("there is no parameter %q here: see /api/v1/openapi.yaml", alert.Cut(shown(name), 50)))
		}
	}
	return strings.Join(wrong, "; ")
}

// part returns the part of a list that offset and limit ask for.
func part[T any](all []T, offset, limit int) []T {
	offset = min(offset, len(all))
	return all[offset:min(offset+limit, len(all))]
}
