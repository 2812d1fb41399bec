package bot

import (
	"context"
	"net/http"
	"slices"
	"time"

	"numwatch/internal/config"
	"numwatch/internal/hints"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/schedule"
	"numwatch/web"
	"numwatch/web/api"
	"numwatch/web/guard"
	"numwatch/web/server"
)

// serve answers HTTP until ctx ends.
func (b *Bot) serve(ctx context.Context) error {
	if l := b.o.Lead; l != nil {
		return l.serve(ctx, b.handler(ctx))
	}
	return server.Serve(ctx, b.listener, b.handler(ctx), b.log)
}

// handler answers until ctx ends.
func (b *Bot) handler(ctx context.Context) http.Handler {
	o := web.Options{
		Tokens: tokens(&b.config.HTTP), PublicURL: b.config.HTTP.PublicURL, Open: b.config.HTTP.Open,
		View: b.view, Space: b.directory.Space, Spaces: b.directory.All,
		Version: b.o.Version, Started: b.started,
		Ready: b.ready, Accounts: b.accountStatus, Sinks: b.sinkStatus, Store: b.storeStatus, Rules: b.rulesStatus, Explain: b.explain,
		Hints: b.hints.ServeHTTP, HintStatus: b.HintStatus,
		Slack: deliveries{b}, Operator: b.loop, AcceptSpaces: b.acceptSpaces,
		Backup: b.store.Backup, Reload: b.reloadRules, Gatherer: b.gatherer(), Ending: ctx.Done(), Logger: b.log,
	}
	if key := b.config.Hints.ReceiptKey; !key.Empty() {
		o.Receipts = b.hints.Receipts(key.Reveal())
	}
	if l := b.o.Lead; l != nil {
		o.Replicas, o.HandOver = l.status, l.node.HandOver
	}
	return web.New(o)
}

// tokens are those that clients may use. The token without a name allows everything, and
// does not identify anybody.
func tokens(h *config.HTTP) (all []guard.Token) {
	if !h.Token.Empty() {
		all = append(all, guard.Token{Secret: h.Token.Reveal(), Role: guard.Admin})
	}
	for _, t := range h.Tokens {
		all = append(all, guard.Token{
			Name: t.Name, Secret: t.Token.Reveal(), Role: guard.Role(slices.Index(config.Roles, t.Role)), Labels: t.Labels, UserHeader: t.UserHeader,
		})
	}
	return all
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
	out := []api.SinkStatus{{
		Name: "nats", State: sinkState(n.Parked), Lag: n.Lag, LastError: n.LastError, Warnings: n.Warnings,
	}}
	posting := b.slack.Status()
	for _, c := range posting.Channels {
		reason := posting.Parked
		if reason == "" {
			reason = c.Parked
		}
		out = append(out, api.SinkStatus{Name: "slack:" + c.Name, State: sinkState(reason != ""), Lag: uint64(c.Waiting), LastError: reason, Digest: c.Digest})
	}
	for _, sink := range b.channels.Sinks() {
		s := sink.Status()
		out = append(out, api.SinkStatus{Name: sink.Component(), State: sinkState(s.Parked), Lag: s.Lag, LastError: s.LastError})
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

func (b *Bot) makeHints() error {
	var names []string
	for i := range b.config.Accounts {
		names = append(names, b.config.Accounts[i].Name)
	}
	b.hints = hints.New(hints.Options{
		Accounts: names, Poll: b.pollSoon, SpacesOf: b.store.SpacesOf, Registerer: b.registry, Log: b.log,
	})
	return nil
}

// pollSoon hands a hint to the poller of the space's account.
func (b *Bot) pollSoon(space phone.SpaceKey, source, about string) bool {
	a := b.account(space.Account)
	return a != nil && a.poller.Hint(space.ID, schedule.Hint{Source: source, About: about})
}

// HintStatus returns the results of hints since the start.
func (b *Bot) HintStatus() *api.HintsStatus {
	s := &api.HintsStatus{}
	polls, hits, found := 0, 0, 0
	bySource := map[string]api.HintSource{}
	for _, a := range b.accounts {
		hinted, changes := a.poller.Hinted()
		s.Changes += changes
		for source, p := range hinted {
			c := bySource[source]
			c.Polls += p.Polls
			c.Changes += p.Changes
			bySource[source] = c
			polls, hits, found = polls+p.Polls, hits+p.Hits, found+p.Changes
		}
	}
	for _, source := range hints.Sources() {
		c, counted := bySource[source], b.hints.Counts(source)
		c.Source, c.Accepted, c.Unknown, c.Ignored, c.Refused = source, counted.Accepted, counted.Unknown, counted.Ignored, counted.Refused
		s.Sources = append(s.Sources, c)
	}
	s.Precision, s.Recall = part(hits, polls), part(found, s.Changes)
	return s
}

// part is a divided by all; nil if all is 0.
func part(a, all int) *float64 {
	if all == 0 {
		return nil
	}
	p := float64(a) / float64(all)
	return &p
}
