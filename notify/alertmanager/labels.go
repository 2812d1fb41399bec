package alertmanager

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

const (
	maxAlerts = 200       // in one request
	maxBody   = 512 << 10 // bytes: half of what proxies commonly take
	maxText   = 2000      // runes of a label or annotation
)

// notInNames is what not every version of Alertmanager takes in the name of a label, nor
// every receiver behind it.
var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_]`)

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
	link := ""
	if s.o.Link != "" {
		link = strings.TrimSuffix(s.o.Link, "/") + "/alerts?state=all&incident=" + url.QueryEscape(a.Incident)
	}
	if until.Before(a.Since) { // the clock was set back
		until = a.Since
	}
	return posted{s.labels(a), annotations(a), a.Since, until, link}
}

// labels are the same from an alert's opening to its end, unless those of its space change.
func (s *Sink) labels(a *alert.Alert) map[string]string {
	labels := map[string]string{
		"alertname": cmp.Or(a.OpenedAs, a.Rule), "severity": a.Severity.String(), "field": a.Field.String(),
		"account": a.Subject.Account, "space": a.Subject.Space, "number": a.Subject.PhoneNumber, "part": a.Subject.Component,
		"drill": map[bool]string{true: "true"}[a.Drill],
	}
	own := s.o.Space(a.Subject.SpaceKey()).Labels
	for _, name := range slices.Sorted(maps.Keys(own)) {
		valid := notInNames.ReplaceAllString(name, "_")
		if valid == "" || valid[0] <= '9' {
			valid = "_" + valid
		}
		for _, taken := labels[valid]; taken; _, taken = labels[valid] {
			valid = "label_" + valid
		}
		labels[valid] = own[name]
	}
	return filled(labels)
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

// filled returns the texts that are not empty, plain and of a bounded length.
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
func encode(due []posted) (body []byte, n int) {
	for n = min(len(due), maxAlerts); ; n = (n + 1) / 2 {
		body, _ = json.Marshal(due[:n]) // texts and times cannot fail
		if len(body) <= maxBody || n == 1 {
			return body, n
		}
	}
}
