package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/web/api"
)

// alertPrefix begins the id of an alert.
const alertPrefix = "a-"

// isID reports whether a word is the id of an alert or incident, or the beginning of one.
func isID(word string) bool {
	return strings.HasPrefix(word, alertPrefix) || strings.HasPrefix(word, alert.IncidentPrefix)
}

// isNumber reports whether a word is a phone number, as people write it.
func isNumber(word string) bool {
	digits := phone.Digits(word)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// openAlerts reads every open alert.
func openAlerts(ctx context.Context, c Client, p *command.Program) ([]api.Alert, error) {
	return everyAlert(ctx, c, p, "open")
}

func everyAlert(ctx context.Context, c Client, p *command.Program, state string) ([]api.Alert, error) {
	return everyPage(func(offset int) ([]api.Alert, int, error) {
		var page api.AlertList
		err := c.GetJSON(ctx, p, fmt.Sprintf("/api/v1/alerts?state=%s&limit=%d&offset=%d", state, maxLimit, offset), &page)
		return page.Alerts, page.Total, err
	})
}

// found is the open alerts that a word names.
type found struct {
	ID     string // of the alert or incident, where the word is (the beginning of) its id
	Alerts []api.Alert
}

// resolve finds what a word names among the open alerts: an alert or incident by its id or
// the beginning of it, a number, or a rule.
func (d *directory) resolve(ctx context.Context, open []api.Alert, word string) (found, error) {
	if isID(word) {
		return byID(open, word)
	}
	number := phone.Digits(word)
	var f found
	for _, a := range open {
		if a.Alert.Rule == word || a.Number != nil && a.Number.PhoneNumber == number {
			f.Alerts = append(f.Alerts, a)
		}
	}
	switch {
	case len(f.Alerts) > 0:
		return f, nil
	case isNumber(word):
		if _, err := d.number(ctx, word); err != nil {
			return f, err
		}
		return f, fmt.Errorf("no alert is open on the number %s", alert.Plain(number))
	default:
		if err := d.rule(ctx, word); err != nil {
			return f, fmt.Errorf("%w (give a number, a rule, or an id or the start of one)", err)
		}
		return f, fmt.Errorf("no alert of the rule %s is open", alert.Plain(word))
	}
}

func incidentOf(a *api.Alert) string { return a.Alert.Incident }

// byID finds the one alert or incident whose id is the word or begins with it.
func byID(open []api.Alert, word string) (f found, err error) {
	what, idOf := "open alert", func(a *api.Alert) string { return a.Alert.ID }
	if strings.HasPrefix(word, alert.IncidentPrefix) {
		what, idOf = "open incident", incidentOf
	}
	if f.ID, err = beginning(what, word, namesOf(open, idOf)); err != nil {
		return f, err
	}
	for i := range open {
		if idOf(&open[i]) == f.ID {
			f.Alerts = append(f.Alerts, open[i])
		}
	}
	return f, nil
}

// beginning finds the one id that a word is or begins.
func beginning(what, word string, known []string) (string, error) {
	if slices.Contains(known, word) {
		return word, nil
	}
	var ids []string
	for _, id := range known {
		if strings.HasPrefix(id, word) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		text := fmt.Sprintf("there is no %s %s", what, alert.Plain(word))
		if near := diagnostic.Nearest(word, known); near != "" {
			text += ": did you mean " + near + "?"
		}
		return "", errors.New(text)
	default:
		return "", fmt.Errorf("%s is ambiguous, it begins %s: %s", alert.Plain(word), phone.Count(len(ids), "id"), strings.Join(ids[:min(len(ids), 5)], ", "))
	}
}
