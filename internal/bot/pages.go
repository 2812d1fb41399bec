package bot

import (
	"context"
	"time"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/schedule"
	"numwatch/web"
)

// fleetPages is what pages and the API see of the numbers: the view in memory,
// with the configuration's names.
type fleetPages struct {
	*view.View
	directory interface {
		Space(phone.SpaceKey) phone.Space
		All() []phone.Space
	}
}

func (f fleetPages) Complete() bool { return f.Built() }

func (f fleetPages) Counts() []web.Count {
	var all []web.Count
	for _, c := range f.View.Counts() {
		all = append(all, countOf(c))
	}
	return all
}

func countOf(c view.Count) web.Count {
	return web.Count{Status: c.Status, QualityRating: c.Quality, Numbers: c.Numbers}
}

func (f fleetPages) Spaces() []web.SpaceState {
	spaces := f.directory.All()
	all := make([]web.SpaceState, len(spaces))
	for i, s := range spaces {
		known := f.Space(s.SpaceKey)
		all[i] = web.SpaceState{Space: s, Known: known.Known, Numbers: known.Numbers, Worst: countOf(known.Worst), Polled: known.Polled}
	}
	return all
}

func (f fleetPages) Find(q web.Query) (web.Found, error) {
	found, err := f.View.Find(view.Query(q), f.directory.Space)
	out := web.Found{Total: found.Total, Rows: make([]web.FoundNumber, len(found.Rows))}
	for i, r := range found.Rows {
		out.Rows[i] = web.FoundNumber(r)
	}
	return out, err
}

func (f fleetPages) Number(k phone.SpaceKey, phoneNumber string) (*web.Known, error) {
	known, err := f.View.Number(k, phoneNumber)
	return (*web.Known)(known), err
}

func (f fleetPages) Activity(now time.Time, n int, width time.Duration) []web.Bar {
	bars := f.View.Activity(now, n, width)
	out := make([]web.Bar, len(bars))
	for i, b := range bars {
		out[i] = web.Bar(b)
	}
	return out
}

// deliveryPages is what they see of the messages.
type deliveryPages struct{ b *Bot }

func (d deliveryPages) Messages(alertID string) []*alert.Message { return d.b.view.MessagesOf(alertID) }
func (d deliveryPages) DeadLetters() []alert.Message             { return d.b.slack.Status().Dead }
func (d deliveryPages) RetryParked()                             { d.b.slack.Retry() }

func (d deliveryPages) RetryDead(ctx context.Context, id string) error {
	return d.b.slack.RetryDead(ctx, id)
}

// deliver hands a poll to the loop, and notes for the pages that the space was
// polled.
func (b *Bot) deliver(ctx context.Context, r poller.Result) (schedule.Outcome, error) {
	out, err := b.loop.Deliver(ctx, r)
	if err == nil && r.Err == nil && b.directory.Has(r.Space) {
		b.view.Polled(r.Space, r.At)
	}
	return out, err
}
