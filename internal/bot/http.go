package bot

import (
	"context"
	"net/http"
	"time"

	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/web"
)

// serve answers HTTP until ctx ends.
func (b *Bot) serve(ctx context.Context) error {
	return web.Serve(ctx, b.listener, b.handler(ctx), b.log)
}

// handler answers until ctx ends.
func (b *Bot) handler(ctx context.Context) http.Handler {
	return web.New(web.Options{
		Token: b.config.HTTP.Token.Reveal(), PublicURL: b.config.HTTP.PublicURL,
		Ready: b.loop.Ready, Status: b.status, Alerts: b.view.Alerts, Space: b.directory.Space,
		Fleet: fleetPages{b.view, b.directory}, Delivery: deliveryPages{b}, Silences: b.view.Silences, Desk: b.loop,
		Rules:  b.rulesStatus,
		Backup: b.store.Backup, Reload: b.reloadRules, Gatherer: b.registry,
		Changed: b.view.Changed, Ending: ctx.Done(), Logger: b.log,
	})
}

// reloadRules reads the rules now and puts them in force.
func (b *Bot) reloadRules(ctx context.Context) error {
	data, err := b.files.read(ctx, b.rules.path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return b.rules.take(ctx, data, err)
}

func (b *Bot) rulesStatus() web.Rules {
	r := b.rules.status(func(rule string, now time.Time) web.Hits {
		hits := b.view.Hits(rule, now)
		return web.Hits{Today: hits.Day, Month: hits.Month, Last: hits.Last}
	})
	r.Compared = b.backtests.latest()
	return r
}

// status says how the parts are.
func (b *Bot) status() web.Status {
	s := web.Status{Version: b.o.Version, Started: b.started, Sinks: b.sinkStatus()}
	for _, a := range b.accounts {
		s.Accounts = append(s.Accounts, accountStatus(a))
	}
	if st, err := b.store.Stats(); err == nil {
		s.Store = web.StoreStatus{Seq: st.LastSeq, Size: st.FileSize}
	}
	return s
}

func accountStatus(a *account) web.AccountStatus {
	p := a.poller.Status()
	s := web.AccountStatus{
		Name: a.name, Limit: a.config.RequestsPerSecond, Rate: p.Used, Throttled: p.Throttled, Spaces: p.Plan.Spaces,
		Oldest: p.Oldest, Expected: web.Seconds(p.Plan.Expected), Worst: web.Seconds(p.Plan.Worst),
		Plan: p.Plan.String(), Holds: p.Plan.Feasible, Failing: []web.FailingSpace{}, Discovery: a.discovery.status(),
	}
	if p.Denied != nil {
		s.Failing = append(s.Failing, failing("", p.Denied, time.Time{}))
	}
	for _, f := range p.Failing {
		s.Failing = append(s.Failing, failing(f.Space.ID, f.Err, f.Since))
	}
	return s
}

func failing(space string, err *cams.Error, since time.Time) web.FailingSpace {
	return web.FailingSpace{
		Space: space, Class: err.Class.String(), Code: err.Code, Message: err.Message,
		Advice: err.Advice, RequestId: err.RequestId, Since: since,
	}
}

func (b *Bot) sinkStatus() []web.SinkStatus {
	n := b.nats.Status()
	out := []web.SinkStatus{{Name: "nats", State: sinkState(n.Parked), Lag: n.Lag, LastError: n.LastError}}
	posting := b.slack.Status()
	for _, c := range posting.Channels {
		reason := posting.Parked
		if reason == "" {
			reason = c.Parked
		}
		out = append(out, web.SinkStatus{Name: "slack:" + c.Name, State: sinkState(reason != ""), Lag: uint64(c.Waiting), LastError: reason})
	}
	if b.buttons != nil {
		out = append(out, web.SinkStatus{Name: slack.SocketPart, State: sinkState(posting.Buttons != ""), LastError: posting.Buttons})
	}
	return out
}

func sinkState(parked bool) string {
	if parked {
		return phone.Parked
	}
	return phone.OK
}
