package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/store"
)

// Run works until ctx ends or a component fails, and releases what New opened. Where it
// met a damaged page, it recovers the store for the next start, whose check may not have
// the time to find that.
func (b *Bot) Run(ctx context.Context) error {
	err := runComponents(ctx, b.components(), func() { b.log.Info("stopping") })
	if store.Corrupt(err) && b.o.Lead == nil { // a replica gets the store of another one
		err = errors.Join(err, b.damage.recover(b.config.Store.Path, b.o.RecoverStore, recheckWithin))
	}
	if err == nil {
		b.log.Info("stopped")
	}
	return err
}

// components is the table of start and stop. Pollers stop first, then sinks report
// what they have delivered, the loop commits that, and the store closes.
func (b *Bot) components() []component {
	return []component{
		{name: "store", stop: func(context.Context) error { return b.Close() }, bound: 10 * time.Second},
		{name: "loop", tasks: []task{{name: "loop", run: b.loop.Run}}, bound: 3 * time.Second},
		{name: "state", start: b.restore, bound: 10 * time.Second},
		{name: "sinks", tasks: b.sinks(), bound: 8 * time.Second},
		{name: "notices", stop: b.announceStop, bound: 5 * time.Second},
		{name: "pollers", tasks: b.pollers(), bound: 3 * time.Second},
	}
}

func (b *Bot) sinks() []task {
	tasks := []task{
		{name: "nats", run: b.nats.Run},
		{name: "slack", run: b.slack.Run},
		{name: "announcements", run: b.postAnnouncements},
		{name: "reasons", run: b.reasons.Run},
		{name: "damage", run: b.tellDamage},
		{name: "http", run: b.serve},
		{name: "view", run: b.buildView, finishes: true},
		{name: "log", run: b.logStarted, finishes: true},
	}
	tasks = append(tasks, task{name: "channels that are not configured", run: b.channels.ReportUnknown})
	for _, s := range b.channels.Sinks() {
		tasks = append(tasks, task{name: s.Component(), run: s.Run})
	}
	if b.embedded != nil {
		tasks = append(tasks, task{name: "nats server", run: b.embeddedNATS})
	}
	if b.buttons != nil {
		tasks = append(tasks, task{name: "slack's buttons", run: b.buttons.Run})
	}
	if url := b.config.HeartbeatURL; !url.Empty() {
		beats := notify.NewHeartbeat(notify.HeartbeatOptions{URL: url.Reveal(), Ready: b.ready, Transport: b.transport(), Logger: b.log, Registerer: b.registry})
		tasks = append(tasks, task{name: "heartbeat", run: beats.Run})
	}
	return tasks
}

func (b *Bot) tellDamage(ctx context.Context) error {
	return b.damage.run(ctx, b.loop, b.note, func(ctx context.Context) error { return b.loop.Save(ctx, store.RecoveredCheckpoint, nil) })
}

func (b *Bot) pollers() []task {
	tasks := []task{
		{name: "files", run: func(ctx context.Context) error { return b.files.Run(ctx, b.rereadFiles) }},
		{name: "reread", run: b.forwardRereads},
		{name: "back-tests", run: b.backtests.run},
		{name: "missing spaces", run: b.expireMissing},
	}
	for _, a := range b.accounts {
		tasks = append(tasks,
			task{name: "account " + a.name, run: a.poller.Run},
			task{name: "schedule of account " + a.name, run: func(ctx context.Context) error { return b.saveCheckpoints(ctx, a) }},
		)
		if a.discovery != nil {
			tasks = append(tasks, task{name: "discovery of account " + a.name, run: func(ctx context.Context) error { return b.discoverSpaces(ctx, a) }})
		}
	}
	return tasks
}

// forwardRereads hands a request to read everything again to all who read.
func (b *Bot) forwardRereads(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.o.Reread:
		}
		wake(b.rereadFiles)
		for _, a := range b.accounts {
			if a.discovery != nil {
				wake(a.discovery.again)
			}
		}
	}
}

// wake sends unless a wake-up is pending.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// restore brings the loop to where it was, and says so in the log.
func (b *Bot) restore(ctx context.Context) error {
	for _, a := range b.accounts {
		if err := b.updateSpaces(ctx, a); err != nil {
			return err
		}
	}
	if err := b.loop.Started(ctx); err != nil {
		return err
	}
	if err := b.endListsOfOthers(ctx); err != nil {
		return err
	}
	b.rules.begin(ctx)
	return b.note(ctx, alert.Notice{Kind: "start", Text: b.o.Version + " started"})
}

// announceStop saves the pollers' schedules and logs that the bot stops.
func (b *Bot) announceStop(ctx context.Context) error {
	for _, a := range b.accounts {
		if err := b.saveCheckpoint(ctx, a); err != nil {
			return fmt.Errorf("saving the schedule of account %s: %w", a.name, err)
		}
	}
	if err := b.note(ctx, alert.Notice{Kind: "stop", Text: b.o.Version + " stopped"}); err != nil {
		return fmt.Errorf("recording the stop: %w", err)
	}
	b.publishRest(ctx)
	return nil
}

// publishWithin is how long the stop waits for NATS.
const publishWithin = 2 * time.Second

// publishRest gives NATS a moment to publish the rest of the log, so that
// consumers learn of the stop now and not at the next start, when the remainder is
// published.
func (b *Bot) publishRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	end := b.store.LastSeq()
	for s := b.nats.Status(); s.Connected && !s.Parked && s.Cursor < end; s = b.nats.Status() {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// StartNATS starts the embedded server ahead of Run, so that NATSURL is known.
func (b *Bot) StartNATS(ctx context.Context) error { return b.embedded.Start(ctx) }

// embeddedNATS starts the server in the background: polls need not wait until it
// has read its files.
func (b *Bot) embeddedNATS(ctx context.Context) error {
	if err := b.embedded.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// buildView goes through what was stored before the start: pages count it, and
// what is no longer watched is forgotten, once the store need not be read from
// the disk.
func (b *Bot) buildView(ctx context.Context) error {
	if err := b.view.Build(ctx); err != nil {
		b.log.Warn("pages will lack data from before the start", "err", err)
	}
	if err := b.store.CheckIndex(); err != nil {
		b.log.Warn("the index of numbers could not be checked", "err", err)
	}
	b.forgetUnlisted(ctx)
	return nil
}

// logStarted logs the addresses of everything, once it is up.
func (b *Bot) logStarted(ctx context.Context) error {
	if b.embedded != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-b.embedded.Up():
		}
	}
	for _, a := range b.accounts {
		plan := a.poller.Status().Plan
		b.log.Info("watching", "account", a.name, "spaces", plan.Spaces, "plan", plan.String())
		if !plan.Feasible {
			b.log.Warn("max_age cannot be met: there are more spaces than the limit can poll in that time", "account", a.name, "plan", plan.String())
		}
	}
	b.log.Info("started", "page", b.PageURL(), "nats", b.NATSURL(), "version", b.o.Version)
	return nil
}
