package remote

import (
	"context"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/web/api"
)

// completesWithin is how long a shell waits for the bot's names.
const completesWithin = time.Second

// Complete returns what a running bot knows of a kind that a tag `complete` names, as
// completions; nothing where no bot answers.
func Complete(ctx context.Context, p *command.Program, kind string) []string {
	ctx, cancel := context.WithTimeout(ctx, completesWithin)
	defer cancel()
	d := &directory{p: p}
	switch kind {
	case "rules":
		if d.readRules(ctx) {
			return d.ruleNames()
		}
	case "accounts", "spaces", "labels":
		return d.places(ctx, kind)
	case "alerts", "incidents", "numbers", "explained":
		return d.open(ctx, kind)
	case "matchers":
		return slices.Concat(d.open(ctx, "alerts"), d.matchers(ctx))
	case "silences":
		var list api.SilenceList
		if d.GetJSON(ctx, p, "/api/v1/silences", &list) == nil {
			return namesOf(list.Silences, func(s *api.Silence) string { return s.ID })
		}
	case "letters":
		ids, _ := letterIDs(ctx, d.Client, p)
		return ids
	}
	return nil
}

// places returns the accounts, spaces or labels that there are.
func (d *directory) places(ctx context.Context, kind string) (names []string) {
	all, _ := d.spaces(ctx) // none where it fails
	for _, s := range all {
		switch kind {
		case "accounts":
			names = append(names, s.Account)
		case "spaces":
			names = append(names, s.ID)
		default:
			for k, v := range s.Labels {
				names = append(names, k+"="+v)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// open returns what open alerts are called by: their ids, incidents, numbers and rules.
func (d *directory) open(ctx context.Context, kind string) (names []string) {
	all, _ := openAlerts(ctx, d.Client, d.p)
	for _, a := range all {
		if (kind == "alerts" || kind == "incidents") && a.Alert.Incident != "" {
			names = append(names, a.Alert.Incident)
		}
		if kind != "incidents" && a.Number != nil {
			names = append(names, a.Number.PhoneNumber)
		}
		if kind == "alerts" {
			names = append(names, a.Alert.Rule)
		}
		if kind == "alerts" || kind == "explained" {
			names = append(names, a.Alert.ID)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// matchers returns name=value for everything by which silences choose alerts, but for the
// numbers, of which there are too many.
func (d *directory) matchers(ctx context.Context) (words []string) {
	add := func(name string, values []string) {
		for _, v := range values {
			words = append(words, name+v)
		}
	}
	if d.readRules(ctx) {
		add("rule=", d.ruleNames())
	}
	var s api.Status
	if d.GetJSON(ctx, d.p, "/api/v1/status", &s) == nil {
		add("part=", namesOf(s.Sinks, func(k *api.SinkStatus) string { return k.Name }))
	}
	add("severity=", alert.Severities())
	for name, kind := range map[string]string{"account=": "accounts", "space=": "spaces", "label.": "labels"} {
		add(name, d.places(ctx, kind))
	}
	return slices.DeleteFunc(words, func(w string) bool { return strings.ContainsAny(w, " \t\n") })
}
