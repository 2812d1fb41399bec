package bot

import (
	"context"
	"errors"
	"os"
	"time"

	"numwatch/phone"
)

// checkpointEvery is how often the schedule of an account is saved.
const checkpointEvery = time.Minute

// gather makes the spaces of an account known to the loop, then to its poller:
// those that the configuration lists and those that the account names itself.
func (m *Bot) gather(ctx context.Context, a *account) error {
	a.gathering.Lock()
	defer a.gathering.Unlock()
	fleet := a.listed
	if a.discovery != nil {
		fleet = a.discovery.add(a.name, a.listed)
	}
	wasPartial := a.partial
	a.partial = !a.whole(fleet, time.Now())
	set := m.loop.SetSpaces
	if a.partial {
		set = m.loop.SetSomeSpaces
	}
	if err := set(ctx, a.name, fleet); err != nil {
		return err
	}
	a.poller.SetSpaces(keysOf(fleet))
	if wasPartial && !a.partial {
		m.sweep(ctx)
	}
	return nil
}

// whole reports whether the account has no other spaces, so that those may be
// forgotten: where it is asked for them, it has named them lately. A list
// without any is more likely a file that somebody is writing.
func (a *account) whole(fleet []phone.Space, now time.Time) bool {
	if a.discovery != nil {
		return a.discovery.fresh(now)
	}
	return len(fleet) > 0
}

// survey goes through what was stored before the start: pages count it, and what
// is no longer watched is forgotten, once the store need not be read from the disk.
func (m *Bot) survey(ctx context.Context) {
	m.count(ctx)
	m.sweep(ctx)
}

// sweep forgets the spaces that left the configuration while the bot was not
// running.
func (m *Bot) sweep(ctx context.Context) {
	switch swept, err := m.loop.Sweep(ctx); {
	case ctx.Err() != nil: // the next start goes on
	case err != nil:
		m.log.Warn("spaces that are no longer watched are not forgotten before the next start", "err", err)
	case swept > 0:
		m.log.Info("spaces that are no longer watched were forgotten", "spaces", swept)
	}
}

// list replaces the spaces that the configuration lists.
func (m *Bot) list(ctx context.Context, a *account, listed []phone.Space) error {
	a.gathering.Lock()
	a.listed = listed
	a.gathering.Unlock()
	return m.gather(ctx, a)
}

func keysOf(fleet []phone.Space) []phone.SpaceKey {
	keys := make([]phone.SpaceKey, len(fleet))
	for i, s := range fleet {
		keys[i] = s.SpaceKey
	}
	return keys
}

// spaces follows the account's spaces_file, where there is one, and reads it on
// SIGHUP.
func (m *Bot) spaces(a *account) func(context.Context) error {
	return func(ctx context.Context) error {
		if a.config.SpacesFile == "" {
			<-ctx.Done()
			return nil
		}
		hup, stop := hangups()
		defer stop()
		return whenChanged(ctx, a.config.SpacesFile, a.seen, hup, func() { m.readSpaces(ctx, a) })
	}
}

// readSpaces takes over a changed list. What cannot be read changes nothing.
func (m *Bot) readSpaces(ctx context.Context, a *account) {
	fleet, problems, err := a.config.Fleet(os.ReadFile)
	for _, p := range problems {
		m.log.Warn("a line of the spaces file is left out", "account", a.name, "err", p)
	}
	if err == nil && len(fleet) == 0 && a.discovery == nil {
		err = errors.New("it names no space")
	}
	if err == nil {
		err = m.list(ctx, a, fleet)
	}
	if err != nil {
		m.log.Error("the spaces file was not taken over, the last good list goes on", "account", a.name, "file", a.config.SpacesFile, "err", err)
		return
	}
	m.log.Info("the spaces file was taken over", "account", a.name, "spaces", len(fleet))
}

// checkpoints saves the account's schedule from time to time.
func (m *Bot) checkpoints(a *account) func(context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(checkpointEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				if err := m.saveCheckpoint(ctx, a); err != nil && ctx.Err() == nil {
					m.log.Warn("the schedule could not be saved", "account", a.name, "err", err)
				}
			}
		}
	}
}

func (m *Bot) saveCheckpoint(ctx context.Context, a *account) error {
	return m.loop.Save(ctx, checkpointName(a.name), a.poller.Checkpoint())
}
