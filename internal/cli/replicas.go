package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/internal/config"
	"numwatch/internal/replica"
	"numwatch/store"
	"numwatch/store/maintain"
)

type replicasCommand struct {
	List     remote.ReplicasListCommand     `cmd:"" help:"List the replicas that a running one knows of."`
	HandOver remote.ReplicasHandOverCommand `cmd:"" name:"handover" help:"Hand over the lead to another replica."`
	Reseed   replicasReseedCommand          `cmd:"" help:"Begin a new log with this machine's store, and delete the old log."`
	Rejoin   replicasRejoinCommand          `cmd:"" help:"Set this machine's store aside, and use a copy of the other replicas' store."`
	Leave    replicasLeaveCommand           `cmd:"" help:"Take this machine's store out of the set, to run without replicas."`
}

// replicatedStore is the flags of the commands that change a store of a replica: one that is stopped, or halted, in
// which case it goes on by itself.
type replicatedStore struct {
	command.ConfigFile
	Yes bool `help:"Do it; otherwise only say what would be done."`
}

// load reads the configuration of a replica whose store nobody has open.
func (c *replicatedStore) load(p *command.Program) (*config.Config, error) {
	cfg, err := c.Load(p)
	if err != nil {
		return nil, err
	}
	if !cfg.Replicas.Enabled() {
		return nil, fmt.Errorf("%s names no replicas: replicas.name is empty", c.Config)
	}
	return cfg, nil
}

// agreed reports whether to do it, and otherwise says what would be done.
func (c *replicatedStore) agreed(p *command.Program, what string) bool {
	if !c.Yes {
		p.Printf("%s\nNothing was done. Give --yes to do it.\n", what)
	}
	return c.Yes
}

const deleteWithin = 10 * time.Second

type replicasReseedCommand struct{ replicatedStore }

// Run gives the store a new epoch and deletes the log: the replica with this store begins a new one.
func (c *replicasReseedCommand) Run(ctx context.Context, p *command.Program) error {
	cfg, err := c.load(p)
	if err != nil {
		return err
	}
	stream := replica.StreamName(cfg.Replicas.Name)
	if !c.agreed(p, fmt.Sprintf("The store %s would get a new epoch and begin a new log. Stream %s would be deleted; "+
		"replicas that are not stopped then halt, and have to rejoin (numwatch replicas rejoin).", cfg.Store.Path, stream)) {
		return nil
	}
	epoch, err := store.NewEpoch(cfg.Store.Path)
	if err != nil {
		return err
	}
	login := bot.NATSLogin(&cfg.NATS)
	nc, err := login.Connect(nats.RetryOnFailedConnect(false))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("using JetStream: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, deleteWithin)
	defer cancel()
	if err := js.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("deleting stream %s: %w; run the command again", stream, err)
	}
	p.Printf("%s has the new epoch %s, and stream %s is deleted: start this replica first\n", cfg.Store.Path, epoch, stream)
	return nil
}

type replicasRejoinCommand struct{ replicatedStore }

// Run moves the store aside.
func (c *replicasRejoinCommand) Run(p *command.Program) error {
	cfg, err := c.load(p)
	if err != nil {
		return err
	}
	const why = "before-rejoin"
	if !c.agreed(p, fmt.Sprintf("The store %s would be moved to %[1]s.%s-…, and replaced with a copy of another replica's.",
		cfg.Store.Path, why)) {
		return nil
	}
	s, err := store.Open(cfg.Store.Path, store.Options{}) // fails where a numwatch uses it
	if err != nil && !store.Corrupt(err) {
		return err
	}
	if err == nil {
		defer s.Close()
	}
	aside, err := maintain.SetAside(cfg.Store.Path, why)
	if err != nil {
		return err
	}
	p.Printf("the store is now %s; on its next start the replica copies another one's\n", aside)
	return nil
}

type replicasLeaveCommand struct{ replicatedStore }

// Run has the store forget the log.
func (c *replicasLeaveCommand) Run(p *command.Program) error {
	cfg, err := c.load(p)
	if err != nil {
		return err
	}
	if !c.agreed(p, fmt.Sprintf("The store %s would no longer follow the log of the replicas. Stop the others for good first: "+
		"two that poll send twice as many requests, and report everything twice.", cfg.Store.Path)) {
		return nil
	}
	if err := store.Leave(cfg.Store.Path); err != nil {
		return err
	}
	p.Printf("%s is the store of a single numwatch again: take the replicas block out of %s\n", cfg.Store.Path, c.Config)
	return nil
}
