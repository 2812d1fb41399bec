package bot

import (
	"context"
	"net/http"
	"time"

	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/web"
	"numwatch/web/api"
)

// serve answers HTTP until ctx ends.
func (b *Bot) serve(ctx context.Context) error {
	return web.Serve(ctx, b.listener, b.handler(ctx), b.log)
}

// handler answers until ctx ends.
func (b *Bot) handler(ctx context.Context) http.Handler {
	return web.New(web.Options{
		Token: b.config.HTTP.Token.Reveal(), PublicURL: b.config.HTTP.PublicURL, Open: b.config.HTTP.Open,
		View: b.view, Space: b.directory.Space, Spaces: b.directory.All,
		Version: b.o.Version, Started: b.started,
		Ready: b.loop.Ready, Accounts: b.accountStatus, Sinks: b.sinkStatus, Store: b.storeStatus, Rules: b.rulesStatus,
		Slack: b.slack, Operator: b.loop, AcceptSpaces: b.acceptSpaces,
		Backup: b.store.Backup, Reload: b.reloadRules, Gatherer: b.registry, Ending: ctx.Done(), Logger: b.log,
	})
}

// reloadRules reads the rules now and puts them in force.
func (b *Bot) reloadRules(ctx context.Context) error {
	return b.files.Read(ctx, b.rules.path)
}

func (b *Bot) rulesStatus() api.Rules {
	r := b.rules.status(func(rule string, now time.Time) api.Hits {
		hits := b.view.Hits(rule, now)
		return api.Hits{Today: hits.Day, Month: hits.Month, Last: hits.Last}
	})
	r.Compared = b.backtests.latest()
	return r
}

func (b *Bot) storeStatus() (s api.StoreStatus) {
	if size, err := b.store.FileSize(); err == nil {
		s = api.StoreStatus{Seq: b.store.LastSeq(), Size: size}
	}
	_, s.Problem = b.damage.problem()
	return s
}

func (b *Bot) accountStatus() (all []api.AccountStatus) {
	for _, a := range b.accounts {
		all = append(all, accountStatus(a))
	}
	return all
}

func accountStatus(a *account) api.AccountStatus {
	p := a.poller.Status()
	s := api.AccountStatus{
		Name: a.name, Limit: a.config.RequestsPerSecond, Rate: p.Used, Throttled: p.Throttled, Spaces: p.Plan.Spaces,
		Oldest: p.Oldest, Expected: api.Seconds(p.Plan.Expected), Worst: api.Seconds(p.Plan.Worst),
		Plan: p.Plan.String(), Holds: p.Plan.Feasible, Failing: []api.FailingSpace{}, Discovery: a.discovery.status(), Missing: a.missing.Load(),
		Warnings: a.client.Warnings(),
	}
	if p.Unwell != nil {
		s.Failing = append(s.Failing, failing("", p.Unwell.Err, p.Unwell.Since))
	}
	for _, f := range p.Failing {
		s.Failing = append(s.Failing, failing(f.Space.ID, f.Err, f.Since))
	}
	return s
}

func failing(space string, err *cams.Error, since time.Time) api.FailingSpace {
	return api.FailingSpace{
		Space: space, Class: err.Class.String(), Code: err.Code, Message: err.Message,
		Advice: err.Advice, RequestId: err.RequestId, Since: since,
	}
}

func (b *Bot) sinkStatus() []api.SinkStatus {
	n := b.nats.Status()
	out := []api.SinkStatus{{Name: "nats", State: sinkState(n.Parked), Lag: n.Lag, LastError: n.LastError}}
	posting := b.slack.Status()
	for _, c := range posting.Channels {
		reason := posting.Parked
		if reason == "" {
			reason = c.Parked
		}
		out = append(out, api.SinkStatus{Name: "slack:" + c.Name, State: sinkState(reason != ""), Lag: uint64(c.Waiting), LastError: reason})
	}
	if b.buttons != nil {
		out = append(out, api.SinkStatus{Name: slack.SocketComponent, State: sinkState(posting.Buttons != ""), LastError: posting.Buttons})
	}
	return out
}

func sinkState(parked bool) string {
	if parked {
		return phone.Parked
	}
	return phone.OK
}
