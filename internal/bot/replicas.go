package bot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"numwatch/internal/replica"
	"numwatch/notify"
	"numwatch/notify/jetstream"
	"numwatch/store"
	"numwatch/web/api"
	"numwatch/web/guard"
	"numwatch/web/server"
	"numwatch/web/standby"
)

// maxReplicaLag is how many records a standby may be behind and still be ready.
const maxReplicaLag = 1000

// Lead is what a replica gives the bot that it runs while it leads.
type Lead struct {
	Term     replica.Term
	Listener net.Listener
	*replicas
}

// replicas runs the bot whenever this replica leads.
type replicas struct {
	o        Options
	node     *replica.Node
	registry *prometheus.Registry
	listener net.Listener
	handler  *standby.Handler
	damage   atomic.Pointer[damage] // of the bot that runs
}

// RunReplica is one of several replicas until ctx ends or its store cannot be used. The bot is made of the store
// whenever this one leads, exactly as at a start, and taken apart when another one does.
func RunReplica(ctx context.Context, o Options) error {
	r := &replicas{o: o, registry: prometheus.NewRegistry()}
	if _, err := LoadRules(o.RulesFile, o.Shipped); err != nil {
		return err // now, and not when it is to take over
	}
	var err error
	if r.listener, err = net.Listen("tcp", o.Config.HTTP.Listen); err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	r.node = replica.New(r.options())
	replica.RegisterMetrics(r.registry, r.node)
	c := &o.Config.HTTP
	r.handler = standby.New(standby.Options{
		Guard: guard.New(tokens(c), c.PublicURL, c.Open), Ready: r.ready, Replicas: r.status, Leader: r.node.LeaderURL,
		Backup: r.node.Backup, Gatherer: prometheus.Gatherers{processMetrics(), r.registry}, Log: o.Log,
	})
	return runComponents(ctx, []component{
		{name: "http", tasks: []task{{name: "http", run: r.listen}}, bound: 8 * time.Second},
		{name: "replica", tasks: []task{{name: "replica", run: r.node.Run}}, bound: time.Minute},
	}, func() { o.Log.Info("stopping the replica") })
}

func (r *replicas) options() replica.Options {
	c := &r.o.Config.Replicas
	login := NATSLogin(&r.o.Config.NATS)
	return replica.Options{
		Name: c.Name, Path: r.o.Config.Store.Path, Lease: c.Lease,
		Member:         replica.Member{ID: c.ID, URL: c.Advertise, Version: r.o.Release},
		Digest:         func() string { return digest(&r.o) },
		StreamReplicas: c.StreamReplicas, MaxBytes: c.MaxBytes, Create: c.Create,
		Connect: func() (*nats.Conn, error) { return connectReplica(&login, r.o.Log) },
		Token:   r.o.Config.HTTP.AdminToken().Reveal(), HTTP: &http.Client{Transport: notify.NewTransport()},
		Damaged: r.damaged, Lead: r.lead, Log: r.o.Log,
	}
}

// CheckReplicas tells whether the log can be used, and which replicas run.
func CheckReplicas(ctx context.Context, o Options) (string, error) {
	return replica.Check(ctx, (&replicas{o: o}).options())
}

func connectReplica(login *jetstream.Login, log *slog.Logger) (*nats.Conn, error) {
	return login.Connect(
		nats.Timeout(time.Second), // another server may answer
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			log.Warn("the log of the replicas is disconnected", "err", err)
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("the log of the replicas is connected again") }),
	)
}

// digest is a hash of what must be the same in all replicas. It covers no secrets.
func digest(o *Options) string {
	sum := sha256.New()
	rules, err := os.ReadFile(o.RulesFile)
	fmt.Fprintf(sum, "%s %v\n", rules, err)
	for i := range o.Config.Accounts {
		a := &o.Config.Accounts[i]
		listed, _, err := a.Fleet(os.ReadFile)
		fmt.Fprintf(sum, "%s %s %s %v %v %v\n", a.Name, a.Region, a.Endpoint, a.Discover, listed, err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// lead runs the bot for a term.
func (r *replicas) lead(ctx context.Context, t replica.Term) error {
	o := r.o
	o.Lead = &Lead{Term: t, Listener: r.listener, replicas: r}
	b, err := New(o)
	defer r.damage.Store(nil)
	if err != nil {
		return err
	}
	return b.Run(ctx)
}

// damaged is called for a damaged record of the store. One that is not committed now is found again when
// it is read.
func (r *replicas) damaged(d store.DamagedError) {
	if bot := r.damage.Load(); bot != nil {
		bot.found(d)
		return
	}
	r.o.Log.Error("a record of the store is damaged", "bucket", d.Bucket, "key", d.Key, "err", d.Err)
}

func (r *replicas) listen(ctx context.Context) error {
	return server.Serve(ctx, r.listener, r.handler, r.o.Log)
}

// serve has the bot's handler answer until ctx ends.
func (r *replicas) serve(ctx context.Context, bot http.Handler) error {
	r.handler.Lead(bot)
	defer r.handler.Lead(nil)
	<-ctx.Done()
	return nil
}

// ready returns why this replica could not take over, or nil.
func (r *replicas) ready() error {
	s := r.node.Status()
	switch {
	case s.Role == replica.Halted, s.Role == replica.Joining:
		return fmt.Errorf("the replica is %s: %s", s.Role, s.Text)
	case !s.LogWorks:
		return errors.New("the log of the replicas cannot be read, or takes no records")
	}
	for _, m := range r.node.Members() {
		if m.Status.Role == replica.Leading && m.Status.Applied > s.Applied+maxReplicaLag {
			return fmt.Errorf("the replica is %d records behind", m.Status.Applied-s.Applied)
		}
	}
	return nil
}

// status tells of all replicas.
func (r *replicas) status() api.Replicas {
	out := api.Replicas{ID: r.o.Config.Replicas.ID, Replicas: []api.Replica{}}
	own := digest(&r.o)
	for _, m := range r.node.Members() {
		out.Replicas = append(out.Replicas, api.Replica{
			ID: m.Member.ID, URL: m.Member.URL, Version: m.Member.Version, Differs: m.Member.Digest != own, Heard: m.Heard,
			Role: string(m.Status.Role), Why: m.Status.Why, Text: m.Status.Text,
			Term: m.Status.Term, Leader: m.Status.Leader, Seq: m.Status.Applied,
		})
	}
	return out
}

// processMetrics are those of every process.
func processMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// gatherer adds the metrics of the replica to those of the bot.
func (b *Bot) gatherer() prometheus.Gatherer {
	if b.o.Lead == nil {
		return b.registry
	}
	return prometheus.Gatherers{b.registry, b.o.Lead.registry}
}

// redrawSince is the time since when another replica may have made edits whose outcome is unknown; zero:
// none.
func (b *Bot) redrawSince(now time.Time) time.Time {
	if b.o.Lead == nil || b.o.Lead.Term.Released {
		return time.Time{}
	}
	return now.Add(-b.config.Replicas.Lease - time.Minute) // clocks differ, and edits wait for each other
}
