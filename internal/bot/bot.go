// Package bot composes the bot of its components, starts them and stops them. It may
// import every package but cli. The commands run and demo use New and Run; check, poll
// and those of rules use single constructors (NewClient in spaces.go, LoadRules).
package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/bot/channels"
	"numwatch/internal/config"
	"numwatch/internal/filewatch"
	"numwatch/internal/hints"
	"numwatch/internal/reason"
	"numwatch/internal/replica"
	"numwatch/internal/view"
	"numwatch/internal/watch"
	"numwatch/notify/jetstream"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller/health"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

// Options are what a bot is made of.
type Options struct {
	Config    *config.Config
	RulesFile string
	Shipped   fs.FS            // the rules and their texts as shipped: see RuleTexts; may be nil
	Version   string           // names the program, its version and what built it
	Release   string           // the version alone
	Terminal  io.Writer        // for messages where there is no Slack token
	Coloured  bool             // whether the terminal wants colours
	Reread    <-chan os.Signal // asks for files and lists of spaces to be read again; may be nil
	// RecoverStore puts what can be read of a damaged store in its place, as
	// maintain.Verifier.Recover does, before it is opened; it may be nil.
	RecoverStore func(ctx context.Context, path string) (done string, err error)
	// Lead is set where this is one of several replicas, for as long as it leads.
	Lead  *Lead
	Trace func(string) // sees the points around every side effect; nil but in tests
	Log   *slog.Logger
}

// Bot polls the accounts of a configuration and tells about changes. Nothing runs
// before Run.
type Bot struct {
	o         Options
	config    *config.Config
	log       *slog.Logger
	started   time.Time
	registry  *prometheus.Registry
	store     *store.Store
	commits   watch.Store    // store, or what puts its commits into the log of the replicas
	right     *replica.Right // to act; nil: always
	damage    *damage
	listener  net.Listener
	directory *watch.Directory
	view      *view.View
	loop      *watch.Loop
	embedded  *jetstream.Server // nil where NATS is external
	nats      *jetstream.Publisher
	slack     *slack.Sink
	buttons   *slack.Buttons // nil where nobody can press any
	channels  *channels.Set
	accounts  []*account
	hints     *hints.Receiver
	reasons   *reason.Explainer
	rules     *rulesFile
	backtests *backtests
	files     *filewatch.Watcher

	rereadFiles   chan struct{}
	announcements chan string
}

// New reads the rules and opens what the bot needs. The store comes before all
// that writes, because its lock is what keeps a second bot from the same files.
func New(o Options) (*Bot, error) {
	b := &Bot{
		o: o, config: o.Config, log: o.Log, started: time.Now(), registry: prometheus.NewRegistry(),
		directory: watch.NewDirectory(), files: filewatch.New(o.Log),
		rereadFiles: make(chan struct{}, 1), announcements: make(chan string, maxAnnouncements),
	}
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, open := range []func() error{
		b.openRules, b.openStore, b.listen, b.makeLoop, b.makeHints, b.makeNATS, b.makeSlack, b.makeChannels, b.makeAccounts, b.registerMetrics,
	} {
		if err := open(); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Close releases what New opened, in reverse. Run does it itself: Close is for a
// bot that never ran.
func (b *Bot) Close() error {
	for _, a := range b.accounts {
		a.client.Close()
	}
	if b.embedded != nil {
		b.embedded.Shutdown()
	}
	if b.o.Lead != nil {
		return nil // the replica goes on with its store, and listens
	}
	if b.listener != nil {
		b.listener.Close() // closed already where it was served
	}
	if b.store != nil {
		return b.store.Close()
	}
	return nil
}

func (b *Bot) openRules() error {
	b.rules = &rulesFile{path: b.o.RulesFile, shipped: b.o.Shipped, log: b.log, note: b.note, report: b.report}
	if err := b.rules.load(); err != nil {
		return err
	}
	b.files.Add(b.rules.path, b.rules.content, b.rules.take)
	texts := rulefile.TextsFile(b.rules.path, phone.Chinese)
	known := filewatch.Digest(texts)
	b.files.Add(texts, known, func(ctx context.Context, data []byte, err error) error {
		if now := filewatch.FingerprintOf(data, err); now != known { // else the rules are read on their own
			known = now
			return b.files.Read(ctx, b.rules.path)
		}
		return nil
	})
	return nil
}

func (b *Bot) openStore() (err error) {
	b.damage = newDamage(b.log)
	if err := b.takeStore(); err != nil {
		return err
	}
	b.backtests = &backtests{
		events: b.store, space: b.directory.Space, note: b.note, noisy: b.rules.noisy, log: b.log, wake: make(chan struct{}, 1),
	}
	b.rules.backtest = b.backtests.request
	b.view, err = view.New(b.store)
	return err
}

// takeStore opens the store, or uses the replica's.
func (b *Bot) takeStore() (err error) {
	if l := b.o.Lead; l != nil {
		b.store, b.commits, b.right = l.Term.Store.Store, l.Term.Store, l.Term.Right
		l.damage.Store(b.damage)
		return nil
	}
	b.store, err = b.damage.open(b.config.Store.Path, b.o.RecoverStore)
	if err != nil {
		return err
	}
	if b.commits = b.store; b.store.Position() != (store.Position{}) {
		return fmt.Errorf("store %s belongs to a set of replicas, but the configuration has none: set replicas.name, "+
			"or take the store out of the set with numwatch replicas leave", b.config.Store.Path)
	}
	return nil
}

func (b *Bot) listen() (err error) {
	if l := b.o.Lead; l != nil {
		b.listener = l.Listener
		return nil
	}
	if b.listener, err = net.Listen("tcp", b.config.HTTP.Listen); err != nil {
		return fmt.Errorf("http.listen: %w; is another numwatch running? Set http.listen to a free address, "+
			"or with the sample configuration NUMWATCH_HTTP_LISTEN=127.0.0.1:8081", err)
	}
	return nil
}

// makeLoop comes before the sinks, which report to it; it wakes them once it runs.
func (b *Bot) makeLoop() (err error) {
	b.reasons = reason.New(reason.Options{
		Ask: func(ctx context.Context, number phone.Subject) (*alert.Reason, error) {
			return b.account(number.Account).client.Health(ctx, number)
		},
		Tell: func(ctx context.Context, id string, r alert.Reason) error { return b.loop.Explained(ctx, id, r) },
		Log:  b.log,
	})
	b.loop, err = watch.New(watch.Options{
		Store: b.commits, Rules: b.rules.set, Directory: b.directory, Messenger: messenger{b}, Wake: b.wakeSinks, Committed: b.view.Committed,
		Explain: b.reasons.Explain,
		Diff:    diff.Options{MissingAfter: b.config.Poll.MissingAfter, MissingFor: b.config.Poll.MissingFor},
		Health:  b.health, LongestWait: b.longestWait, History: b.config.Store.History, Hangs: b.hangs(),
		Metrics: watch.NewMetrics(b.registry), Log: b.log, Trace: b.o.Trace,
	})
	if err == nil {
		b.rules.apply = b.loop.Reload
	}
	return err
}

// hangs reports a commit that takes too long.
func (b *Bot) hangs() string {
	if b.o.Lead == nil {
		return ""
	}
	return "the log of the replicas takes no records (has NATS lost its quorum?)"
}

// wakeSinks says that the log has grown.
func (b *Bot) wakeSinks() {
	b.nats.Wake()
	b.channels.Wake()
}

// account returns an account by name, nil if there is none.
func (b *Bot) account(name string) *account {
	for _, a := range b.accounts {
		if a.name == name {
			return a
		}
	}
	return nil
}

func (b *Bot) health(name string) *health.Account {
	if a := b.account(name); a != nil {
		return a.health
	}
	return nil
}

// longestWait is how long a space of an account may have to wait for its poll.
func (b *Bot) longestWait(name string) time.Duration {
	if a := b.account(name); a != nil {
		return a.poller.LongestWait()
	}
	return 0
}

// ready returns why the bot is not working, or nil.
func (b *Bot) ready() error {
	if err := b.right.Err(); err != nil {
		return err
	}
	return b.loop.Ready()
}

// note writes a notice to the bot's log of events.
func (b *Bot) note(ctx context.Context, n alert.Notice) error { return b.loop.Note(ctx, n) }

// report sets the condition of a component, for the rules to judge.
func (b *Bot) report(ctx context.Context, now phone.Condition) error { return b.loop.Report(ctx, now) }

// PageURL is where the pages are.
func (b *Bot) PageURL() string { return "http://" + b.listener.Addr().String() + "/" }

// NATSURL is where the events are, once the embedded server is up.
func (b *Bot) NATSURL() string {
	if b.embedded != nil {
		return b.embedded.URL()
	}
	return jetstream.ShownServers(b.config.NATS.URL.Reveal())
}
