package cli

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
func (m *machine) gather(ctx context.Context, a *account) error {
	a.gathering.Lock()
	defer a.gathering.Unlock()
	fleet := a.listed
	if a.discovery != nil {
		fleet = a.discovery.add(a.name, a.listed)
	}
	if err := m.loop.SetSpaces(ctx, a.name, fleet); err != nil {
		return err
	}
	a.poller.SetSpaces(keysOf(fleet))
	return nil
}

// list replaces the spaces that the configuration lists.
func (m *machine) list(ctx context.Context, a *account, listed []phone.Space) error {
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
func (m *machine) spaces(a *account) func(context.Context) error {
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
func (m *machine) readSpaces(ctx context.Context, a *account) {
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
func (m *machine) checkpoints(a *account) func(context.Context) error {
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

func (m *machine) saveCheckpoint(ctx context.Context, a *account) error {
	return m.loop.Save(ctx, checkpointName(a.name), a.poller.Checkpoint())
}
