package bot

import (
	"context"
	"net/http"
	"time"

	"numwatch/notify"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/web"
)

// serve answers HTTP until ctx ends.
func (m *Bot) serve(ctx context.Context) error {
	return web.Serve(ctx, m.listener, m.handler(ctx), m.log)
}

// handler answers until ctx ends.
func (m *Bot) handler(ctx context.Context) http.Handler {
	return web.New(web.Options{
		Token: m.config.HTTP.Token.Reveal(), PublicURL: m.config.HTTP.PublicURL,
		Ready: m.loop.Ready, Status: m.status, Alerts: m.view.Alerts, Space: m.directory.Space,
		Fleet: fleetPages{m.view, m.directory}, Delivery: deliveryPages{m}, Silences: m.view.Silences, Desk: m.loop,
		Rules:  func() web.Rules { return m.rulebook.page(m.o.RulesFile, m.view, m.compared.Last()) },
		Backup: m.store.Backup, Reload: m.reload, Gatherer: m.registry,
		Changed: m.view.Changed, Ending: ctx.Done(), Logger: m.log,
	})
}

// count counts what was stored before the start, for the pages.
func (m *Bot) count(ctx context.Context) {
	if err := m.view.Build(ctx); err != nil {
		m.log.Warn("pages will lack what was stored before the start", "err", err)
	}
}

// PageURL is where the pages are.
func (m *Bot) PageURL() string { return "http://" + m.listener.Addr().String() + "/" }

// NATSURL is where the events are, once the embedded server is up.
func (m *Bot) NATSURL() string {
	if m.embedded != nil {
		return m.embedded.URL()
	}
	return phone.Redact(m.config.NATS.URL.Reveal())
}

// status gathers how the parts are.
func (m *Bot) status() web.Status {
	s := web.Status{Version: m.o.Version, Started: m.started, Sinks: m.sinkStatus()}
	for _, a := range m.accounts {
		s.Accounts = append(s.Accounts, accountStatus(a))
	}
	if st, err := m.store.Stats(); err == nil {
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

func (m *Bot) sinkStatus() []web.SinkStatus {
	n := m.nats.Status()
	out := []web.SinkStatus{{Name: "nats", State: sinkState(n.Parked), Lag: n.Lag, LastError: n.LastError}}
	slack := m.slack.Status()
	for _, c := range slack.Channels {
		reason := slack.Parked
		if reason == "" {
			reason = c.Parked
		}
		out = append(out, web.SinkStatus{Name: "slack:" + c.Name, State: sinkState(reason != ""), Lag: uint64(c.Waiting), LastError: reason})
	}
	if m.buttons != nil {
		out = append(out, web.SinkStatus{Name: notify.SocketPart, State: sinkState(slack.Buttons != ""), LastError: slack.Buttons})
	}
	return out
}

func sinkState(parked bool) string {
	if parked {
		return phone.Parked
	}
	return phone.OK
}
