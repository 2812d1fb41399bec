package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/web/api"
)

// directory asks the bot what people name, so that a misspelt name is an error with the
// nearest one and no empty list.
type directory struct {
	Client
	p     *command.Program
	rules *api.Rules
	all   []api.SpaceEntry // nil: not read yet
}

// unknown is the error for a name that is not there.
func unknown(what, name string, known []string) error {
	text := fmt.Sprintf("there is no %s %q", what, alert.Plain(name))
	if near := diagnostic.DidYouMean(name, known); near != "" {
		text += ": " + alert.Plain(near)
	}
	return errors.New(text)
}

// namesOf returns the names of what is there.
func namesOf[T any](all []T, name func(*T) string) []string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = name(&all[i])
	}
	return names
}

func (d *directory) readRules(ctx context.Context) bool {
	if d.rules == nil {
		var rules api.Rules
		if d.GetJSON(ctx, d.p, "/api/v1/rules", &rules) != nil {
			return false
		}
		d.rules = &rules
	}
	return true
}

func (d *directory) ruleNames() []string {
	return namesOf(d.rules.Rules, func(r *api.Rule) string { return r.Name })
}

// named finds what people name, as the forms of the pages do.
func (d *directory) named(ctx context.Context, m alert.Matcher) (alert.Matcher, error) {
	if m.Empty() {
		return m, nil
	}
	named := api.Named{Match: m}
	err := d.call(ctx, d.p, http.MethodPost, "/api/v1/names", named, &named)
	return named.Match, err
}

func (d *directory) rule(ctx context.Context, name string) error {
	_, err := d.named(ctx, alert.Matcher{Rule: name})
	return err
}

// spaces returns every space that the caller may see.
func (d *directory) spaces(ctx context.Context) (all []api.SpaceEntry, err error) {
	if d.all == nil {
		d.all, err = d.Spaces(ctx, d.p)
	}
	return d.all, err
}

// Spaces returns every space that the caller may see.
func (b Client) Spaces(ctx context.Context, p *command.Program) ([]api.SpaceEntry, error) {
	return everyPage(func(offset int) ([]api.SpaceEntry, int, error) {
		var page api.SpaceList
		err := b.GetJSON(ctx, p, fmt.Sprintf("/api/v1/spaces?limit=%d&offset=%d", maxLimit, offset), &page)
		return page.Spaces, page.Total, err
	})
}

// place checks an account and a space that are named, and turns the space's name into its id.
func (d *directory) place(ctx context.Context, account, space *string) error {
	if *account == "" && *space == "" {
		return nil
	}
	m, err := d.named(ctx, alert.Matcher{Account: *account, Space: *space})
	*account, *space = m.Account, m.Space
	return err
}

// number finds a number that some space has, or that an alert is about.
func (d *directory) number(ctx context.Context, written string) (string, error) {
	m, err := d.named(ctx, alert.Matcher{PhoneNumber: written})
	return m.PhoneNumber, err
}

// value checks a value of a field that the cloud documents.
func value(f phone.Field, v string) error {
	if known := f.Values(); f.IsEnum() && !slices.Contains(known, v) && v != "(empty)" && v != "(absent)" {
		return unknown("value of "+f.String(), v, known)
	}
	return nil
}
