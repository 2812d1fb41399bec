package bot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

// spacesComponent is the list of an account's spaces as a part of the bot, before the
// account's name.
const spacesComponent = "spaces:"

func watchlistName(account string) string { return filepath.Join("spaces", account) }

// restoreSpaces takes over which spaces an earlier run watched. What cannot be read of it
// is no reason not to start: the lists are compared with nothing then.
func (b *Bot) restoreSpaces(a *account) error {
	saved, err := b.store.Checkpoint(watchlistName(a.name))
	if err != nil {
		return err
	}
	if a.watched, err = restoreWatchlist(a.name, saved); err != nil {
		b.log.Warn("the spaces watched by the last run could not be read; the lists of spaces are not compared with them", "account", a.name, "err", err)
	}
	a.saved = sha256.Sum256(saved)
	return nil
}

// saveSpaces keeps which spaces are watched for the next run. It is called with
// updating held.
func (b *Bot) saveSpaces(ctx context.Context, a *account) error {
	list, err := a.watched.save()
	if err != nil {
		return err
	}
	if now := sha256.Sum256(list); now != a.saved {
		if err := b.loop.Save(ctx, watchlistName(a.name), list); err != nil {
			return fmt.Errorf("the spaces are watched, but could not be saved for the next start: %w", err)
		}
		a.saved = now
	}
	return nil
}

// publishMissing has the status show what the lists lack.
func (a *account) publishMissing() {
	spaces := a.watched.lacking()
	if len(spaces) == 0 {
		a.missing.Store(nil)
		return
	}
	m := &api.MissingSpaces{Until: a.watched.until()}
	for _, s := range spaces {
		m.Spaces = append(m.Spaces, api.Space{ID: s.ID, Name: s.Name, Labels: s.Labels})
	}
	a.missing.Store(m)
}

// tellMissing logs that the lists lack spaces and how that ended, and reports the
// present condition to the rules.
func (b *Bot) tellMissing(ctx context.Context, a *account, began, returned, gone []phone.Space) {
	if len(began) > 0 {
		b.log.Warn("many watched spaces are missing from the list of spaces; they stay watched for an hour, unless somebody accepts that they are gone",
			"account", a.name, "missing", len(a.watched.lacking()), "spaces", len(a.watched.spaces), "until", a.watched.until().UTC())
		b.noteSpaces(ctx, "spaces-missing", a.lack())
	}
	ended := ""
	if len(returned) > 0 {
		b.log.Info("missing spaces are listed again", "account", a.name, "spaces", len(returned))
		ended = fmt.Sprintf("The list of spaces of account %s names %s again: %s.",
			a.name, phone.Count(len(returned), "missing space"), titles(returned))
		b.noteSpaces(ctx, "spaces-returned", ended)
	}
	if len(gone) > 0 {
		b.log.Warn("missing spaces are no longer watched", "account", a.name, "spaces", len(gone))
		ended = fmt.Sprintf("The list of spaces of account %s still lacks %s. No longer watched: %s.",
			a.name, phone.Count(len(gone), "space"), titles(gone))
		b.noteSpaces(ctx, "spaces-dropped", ended)
	}
	if lack := a.lack(); lack != "" {
		b.reportSpaces(ctx, a.name, phone.Missing, lack)
	} else {
		b.reportSpaces(ctx, a.name, phone.OK, ended)
	}
}

// lack says which spaces the lists of an account lack; "" where they lack none.
func (a *account) lack() string {
	missing := a.watched.lacking()
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("The list of spaces of account %s lacks %d of %s: %s. They are watched until %s. If they are really gone: numwatch spaces accept %[1]s",
		a.name, len(missing), phone.Count(len(a.watched.spaces), "space"), titles(missing), a.watched.until().UTC().Format("15:04 UTC"))
}

func (b *Bot) reportSpaces(ctx context.Context, account, value, reason string) {
	err := b.report(ctx, phone.Condition{
		Subject: phone.Subject{Component: spacesComponent + account}, Field: phone.Spaces, Value: value, Reason: reason, Since: time.Now(),
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		b.log.Warn("the state of the list of spaces could not be stored", "account", account, "err", err)
	}
}

// endListsOfOthers ends what is reported of the lists of accounts that left the configuration
// while the bot was not running.
func (b *Bot) endListsOfOthers(ctx context.Context) error {
	conditions, err := b.store.Conditions()
	if err != nil {
		return fmt.Errorf("reading the conditions: %w", err)
	}
	for _, c := range conditions {
		if name, _ := strings.CutPrefix(c.Subject.Component, spacesComponent); c.Field == phone.Spaces && b.account(name) == nil {
			b.reportSpaces(ctx, name, phone.OK, alert.ClosedAccountLeft)
		}
	}
	return nil
}

func (b *Bot) noteSpaces(ctx context.Context, kind, text string) {
	if err := b.note(ctx, alert.Notice{Kind: kind, Text: text}); err != nil && !errors.Is(err, context.Canceled) {
		b.log.Warn("the event about missing spaces could not be logged", "err", err)
	}
}

// maxTitles is how many spaces a text names.
const maxTitles = 10

func titles(spaces []phone.Space) string {
	var names []string
	for _, s := range spaces[:min(len(spaces), maxTitles)] {
		names = append(names, s.Title())
	}
	if more := len(spaces) - maxTitles; more > 0 {
		names = append(names, fmt.Sprintf("and %s more", phone.Grouped(more)))
	}
	return strings.Join(names, ", ")
}

// acceptSpaces watches the missing spaces of an account no longer, because somebody knows
// that they are gone. It returns how many those were.
func (b *Bot) acceptSpaces(ctx context.Context, name, by string) (int, error) {
	a := b.account(name)
	if a == nil {
		return 0, fmt.Errorf("%w: account %s", alert.ErrNotFound, name)
	}
	a.updating.Lock()
	defer a.updating.Unlock()
	gone := a.watched.accept()
	if len(gone) == 0 {
		return 0, fmt.Errorf("%w: no watched space is missing from the lists of account %s", alert.ErrRejected, name)
	}
	text := fmt.Sprintf("%s accepted that account %s no longer has %s: %s", by, a.name, phone.Count(len(gone), "space"), titles(gone))
	b.reportSpaces(ctx, a.name, phone.OK, text)
	if err := b.watchListed(ctx, a); err != nil {
		return 0, err
	}
	b.log.Info("missing spaces were accepted as gone", "account", a.name, "spaces", len(gone), "by", by)
	if err := b.note(ctx, alert.Notice{Kind: "spaces-accepted", Text: text}); err != nil {
		return 0, err
	}
	return len(gone), nil
}

// expireEvery is how often missing spaces are looked at.
const expireEvery = time.Minute

// expireMissing ends the watch over spaces that have been missing for long.
func (b *Bot) expireMissing(ctx context.Context) error {
	return every(ctx, expireEvery, func() {
		for _, a := range b.accounts {
			if m := a.missing.Load(); m == nil || time.Now().Before(m.Until) {
				continue
			}
			if err := b.updateSpaces(ctx, a); err != nil && ctx.Err() == nil {
				b.log.Error("missing spaces are still watched", "account", a.name, "err", err)
			}
		}
	})
}
