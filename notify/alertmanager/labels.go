package alertmanager

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

// maxText is how many runes of a text are posted.
const maxText = 2000

// posted is an alert as the API takes it. Its labels say which one it is.
type posted struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// render describes an alert that lasts until a time.
func (s *Sink) render(a *alert.Alert, until time.Time) posted {
	if until.Before(a.Since) { // the clock was set back
		until = a.Since
	}
	p := posted{Labels: s.labels(a), Annotations: annotations(a), StartsAt: a.Since, EndsAt: until}
	if s.o.Link != "" {
		p.GeneratorURL = strings.TrimSuffix(s.o.Link, "/") + "/alerts?state=all&incident=" + url.QueryEscape(a.Incident)
	}
	return p
}

// labels are the same from an alert's opening to its end, as long as those of its space
// are.
func (s *Sink) labels(a *alert.Alert) map[string]string {
	labels := map[string]string{
		"alertname": cmp.Or(a.OpenedAs, a.Rule), "severity": a.Severity.String(), "field": a.Field.String(),
		"account": a.Subject.Account, "space": a.Subject.Space, "number": a.Subject.PhoneNumber, "part": a.Subject.Component, "drill": "",
	}
	if a.Drill {
		labels["drill"] = "true"
	}
	own := s.o.Space(a.Subject.SpaceKey()).Labels
	for _, name := range slices.Sorted(maps.Keys(own)) {
		valid := validName(name)
		for _, taken := labels[valid]; taken; _, taken = labels[valid] {
			valid = "label_" + valid
		}
		labels[valid] = own[name]
	}
	return filled(labels)
}

// validName makes a name of letters, digits and _ that does not begin with a digit, which
// every version of Alertmanager takes, and every receiver behind it.
func validName(name string) string {
	valid := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if valid == "" || valid[0] <= '9' {
		return "_" + valid
	}
	return valid
}

func annotations(a *alert.Alert) map[string]string {
	texts := map[string]string{
		"summary": a.Summary.Plain(), "action": a.Action.Plain(), "runbook": a.Runbook, "reason": a.Change.Reason, "closing": a.Closing,
	}
	if a.Reason != nil {
		texts["reason"] = a.Reason.String()
	}
	if a.Ack != nil {
		texts["acknowledged_by"] = a.Ack.By
	}
	return filled(texts)
}

// filled returns the texts that are not empty, plain and of a bounded length: an
// Alertmanager takes an empty label for none.
func filled(texts map[string]string) map[string]string {
	out := make(map[string]string, len(texts))
	for name, text := range texts {
		if text = alert.Cut(alert.Plain(text), maxText); text != "" {
			out[name] = text
		}
	}
	return out
}

// encode returns the first alerts as the body of a request, and how many they are.
func encode(all []posted) (body []byte, n int) {
	body = []byte{'['}
	for n < len(all) && n < maxAlerts {
		one, _ := json.Marshal(&all[n]) // texts and times cannot fail
		if n > 0 {
			if len(body)+len(one) > maxBody {
				break
			}
			body = append(body, ',')
		}
		body = append(body, one...)
		n++
	}
	return append(body, ']'), n
}
