// Package bot makes the bot of its parts, starts them and stops them. It may import
// every package but cli, whose commands run and demo are its callers.
package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/notify"
)

const (
	startWithin = 10 * time.Second
	// What each stage of the shutdown may take. A second signal kills.
	pollersWithin = 3 * time.Second
	sinksWithin   = 8 * time.Second
	loopWithin    = 3 * time.Second
	restWithin    = 2 * time.Second
)

// Run works until ctx ends or a part fails. The parts stop in the reverse order
// of what they need: pollers bring nothing new, sinks report what they have
// delivered, the loop commits that, and the store closes.
func (m *Bot) Run(ctx context.Context) (err error) {
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	loop := newStage(ctx, "loop", failed)
	m.sinks = newStage(ctx, "sinks", failed)
	pollers := newStage(ctx, "pollers", failed)
	defer func() {
		err = errors.Join(err,
			pollers.stop(pollersWithin), m.farewell(loop), m.sinks.stop(sinksWithin), loop.stop(loopWithin), m.Close())
		if err == nil {
			m.log.Info("stopped")
		}
	}()

	loop.start("the loop", m.loop.Run)
	if err := m.begin(ctx); err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	if m.embedded != nil {
		m.sinks.start("nats server", m.embeddedNATS)
	}
	m.sinks.start("nats", m.nats.Run)
	m.sinks.start("slack", m.slack.Run)
	if m.buttons != nil {
		m.sinks.start("slack's buttons", m.buttons.Run)
	}
	m.sinks.start("http", m.serve)
	if url := m.config.HeartbeatURL; !url.Empty() {
		beats := notify.NewHeartbeat(notify.HeartbeatOptions{URL: url.Reveal(), Well: m.loop.Ready, Logger: m.log, Registerer: m.registry})
		m.sinks.start("heartbeat", beats.Run)
	}
	m.sinks.once(m.survey)
	for _, a := range m.accounts {
		pollers.start("account "+a.name, a.poller.Run)
		pollers.start("account "+a.name, m.checkpoints(a))
		pollers.start("account "+a.name, m.spaces(a))
		pollers.start("account "+a.name, m.discoveries(a))
	}
	pollers.start("rules", m.reloads)
	pollers.start("back-tests", m.comparisons)
	m.sinks.once(m.greet)

	<-ctx.Done()
	m.log.Info("stopping")
	return nil // a part that failed says so when it is stopped
}

// begin brings the loop to where it was, and says so in the log.
func (m *Bot) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for _, a := range m.accounts {
		if err := m.gather(ctx, a); err != nil {
			return err
		}
	}
	if err := m.loop.Started(ctx); err != nil {
		return err
	}
	return m.loop.Note(ctx, alert.Notice{Kind: "start", Text: m.o.Version + " started"})
}

// farewell saves where the pollers are and says in the log that the bot stops.
func (m *Bot) farewell(loop *stage) error {
	ctx, cancel := context.WithTimeout(loop.ctx, loopWithin)
	defer cancel()
	for _, a := range m.accounts {
		if err := m.saveCheckpoint(ctx, a); err != nil {
			return fmt.Errorf("saving the schedule of account %s: %w", a.name, err)
		}
	}
	if err := m.loop.Note(ctx, alert.Notice{Kind: "stop", Text: m.o.Version + " stopped"}); err != nil {
		return fmt.Errorf("noting the stop: %w", err)
	}
	m.publishRest(loop.ctx)
	return nil
}

// publishRest gives NATS a moment to publish the rest of the log, so that
// consumers hear of the stop when it happens and not at the next start. What
// does not go out goes out then.
func (m *Bot) publishRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	end := m.store.LastSeq()
	for s := m.nats.Status(); s.Connected && !s.Parked && s.Cursor < end; s = m.nats.Status() {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// StartNATS starts the embedded server ahead of Run, so that NATSURL is known.
func (m *Bot) StartNATS(ctx context.Context) error { return m.embedded.Start(ctx) }

// embeddedNATS starts the server beside everything else: it reads what it has,
// which polls need not wait for.
func (m *Bot) embeddedNATS(ctx context.Context) error {
	if err := m.embedded.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// greet tells where everything is, once it is there.
func (m *Bot) greet(ctx context.Context) {
	if m.embedded != nil {
		select {
		case <-ctx.Done():
			return
		case <-m.embedded.Up():
		}
	}
	for _, a := range m.accounts {
		plan := a.poller.Status().Plan
		m.log.Info("watching", "account", a.name, "spaces", plan.Spaces, "plan", plan.String())
		if !plan.Feasible {
			m.log.Warn("max_age cannot hold: there are more spaces than the limit can poll in that time", "account", a.name, "plan", plan.String())
		}
	}
	m.log.Info("started", "page", m.PageURL(), "nats", m.NATSURL(), "version", m.o.Version)
}
