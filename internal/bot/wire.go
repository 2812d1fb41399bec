package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/config"
	"numwatch/internal/view"
	"numwatch/internal/watch"
	"numwatch/notify"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
	"numwatch/rules"
	"numwatch/store"
)

// Options are what a bot is made of.
type Options struct {
	Config    *config.Config
	RulesFile string
	Version   string       // names the program, its version and what built it
	Release   string       // the version alone
	Terminal  io.Writer    // for messages where there is no Slack token
	Coloured  bool         // whether the terminal wants colours
	Trace     func(string) // sees the points around every side effect; nil but in tests
	Log       *slog.Logger
}

// Bot polls the accounts of a configuration and tells about changes. Nothing of
// it runs before Run.
type Bot struct {
	o         Options
	config    *config.Config
	log       *slog.Logger
	rules     *rules.Set
	rulesSeen fingerprint // of the rules file as it was just before it was read
	started   time.Time
	registry  *prometheus.Registry
	store     *store.Store
	embedded  *notify.Embedded // nil where NATS is external
	loop      *watch.Loop
	directory *watch.Directory
	nats      *notify.NATS
	slack     *notify.Slack
	buttons   *notify.Buttons // nil where nobody can press any
	accounts  []*account
	listener  net.Listener
	sinks     *stage
	view      *view.View
	rulebook  rulebook
	ruler     ruler
	compared  *comparison
}

// account is the polling of one account.
type account struct {
	name   string
	config *config.Account
	client *cams.Client
	poller *poller.Poller

	discovery *discovery    // nil where it is not enabled
	gathering sync.Mutex    // held while the spaces change
	listed    []phone.Space // by config.yaml and spaces_file
	partial   bool          // there may be spaces that are not known yet
	seen      fingerprint   // of spaces_file just before it was read
}

// New reads the rules and opens what the bot needs. The store comes first,
// because its lock is what keeps a second bot from the same files.
func New(o Options) (*Bot, error) {
	m := &Bot{
		o: o, config: o.Config, log: o.Log, started: time.Now(),
		registry: prometheus.NewRegistry(), directory: watch.NewDirectory(), compared: newComparison(),
	}
	if err := m.open(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Bot) open() (err error) {
	m.rulesSeen = digest(m.o.RulesFile)
	if m.rules, err = LoadRules(m.o.RulesFile); err != nil {
		return err
	}
	for _, w := range m.rules.Warnings() {
		m.log.Warn("rules have warnings", "err", w)
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if m.store, err = store.Open(m.config.Store.Path, store.Options{}); err != nil {
		return err
	}
	if m.listener, err = net.Listen("tcp", m.config.HTTP.Listen); err != nil {
		return fmt.Errorf("http.listen: %w; is another numwatch running? Set http.listen to a free address", err)
	}
	if err = m.makeNATS(); err != nil {
		return err
	}
	if err = m.makeLoop(); err != nil {
		return err
	}
	if err = m.makeSlack(); err != nil {
		return err
	}
	if err = m.makeAccounts(); err != nil {
		return err
	}
	return m.registerGauges()
}

// Close releases what New opened, in reverse. Run does it itself: Close is for a
// bot that never ran.
func (m *Bot) Close() error {
	for _, a := range m.accounts {
		a.client.Close()
	}
	if m.embedded != nil {
		m.embedded.Shutdown()
	}
	if m.listener != nil {
		m.listener.Close() // closed already where it was served
	}
	if m.store != nil {
		return m.store.Close()
	}
	return nil
}

func (m *Bot) makeNATS() (err error) {
	c := &m.config.NATS
	login := NATSLogin(c)
	if c.Embedded() {
		m.embedded, err = notify.NewEmbedded(notify.EmbeddedOptions{
			Listen: c.Listen, Dir: c.Dir, Token: c.Token.Reveal(), Logger: m.log,
		})
		if err != nil {
			return err
		}
		login.Server = m.embedded
	}
	cursor, err := storedCursor(m.store)
	if err != nil {
		return err
	}
	m.nats = notify.NewNATS(notify.NATSOptions{
		Log: m.store, Keeper: keeper{m}, Cursor: cursor, Login: login,
		Renderer:       &notify.Renderer{Epoch: m.store.Epoch(), Space: m.directory.Space, RedactURLs: c.RedactURLs},
		Stream:         StreamOptions(c),
		PublishChanges: c.PublishChanges,
		Logger:         m.log, Registerer: m.registry, Trace: m.o.Trace,
	})
	return nil
}

func storedCursor(s *store.Store) (c alert.Cursor, err error) {
	b, err := s.Checkpoint(watch.CursorCheckpoint)
	if err != nil || b == nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("decoding the cursor of NATS: %w; check the store: numwatch db check", err)
	}
	return c, nil
}

func (m *Bot) makeLoop() (err error) {
	if m.view, err = view.New(m.store); err != nil {
		return err
	}
	m.rulebook.accept(m.rules)
	m.ruler.inForce, m.ruler.content = m.rules, m.rulesSeen
	m.ruler.apply = func(ctx context.Context, set *rules.Set) error { return m.loop.Reload(ctx, set) }
	m.loop, err = watch.New(watch.Options{
		Store: m.store, Rules: m.rules, Directory: m.directory, Board: board{m}, Wake: m.nats.Wake, Committed: m.view.Committed,
		Diff:       diff.Options{MissingAfter: m.config.Poll.MissingAfter, MissingFor: m.config.Poll.MissingFor.Std()},
		BlindAfter: m.blindAfter, History: m.config.Store.History.Std(),
		Metrics: watch.NewMetrics(m.registry), Log: m.log, Trace: m.o.Trace,
	})
	return err
}

// blindAfter is when a space without a successful poll counts as failing: after
// several of the longest waits that its schedule can promise.
func (m *Bot) blindAfter(name string) time.Duration {
	for _, a := range m.accounts {
		if a.name == name {
			return 3 * max(m.config.Poll.MaxAge.Std(), a.poller.Status().Plan.Worst)
		}
	}
	return 0
}

func (m *Bot) makeSlack() error {
	alerts, err := m.store.Alerts()
	if err != nil {
		return err
	}
	messages, err := m.store.Messages()
	if err != nil {
		return err
	}
	parked, err := parkedParts(m.store)
	if err != nil {
		return err
	}
	m.slack = notify.NewSlack(notify.SlackOptions{
		Poster: m.poster(), Keeper: keeper{m}, Channels: channels(m.rules.Channels()),
		Alerts: alerts, Messages: messages, Parked: parked, Space: m.directory.Space, Silence: m.view.Silence, Link: m.config.HTTP.PublicURL,
		Buttons: m.config.Slack.Buttons(), Keep: m.rulebook.keepClosed,
		Logger: m.log, Registerer: m.registry, Trace: m.o.Trace,
	})
	m.makeButtons()
	return nil
}

// parkedParts are the sinks and channels that the store knows as parked.
func parkedParts(s *store.Store) (parts []string, err error) {
	conditions, err := s.Conditions()
	for _, c := range conditions {
		if c.Field == phone.Sink {
			parts = append(parts, c.Subject.Component)
		}
	}
	return parts, err
}

// poster is Slack where there is a token, and else the terminal.
func (m *Bot) poster() notify.Poster {
	if c := m.config.Slack; !c.BotToken.Empty() {
		return notify.NewSlackAPI(c.BotToken.Reveal(), c.APIURL)
	}
	return notify.NewConsole(m.o.Terminal, m.o.Coloured)
}

func (m *Bot) makeAccounts() error {
	for i := range m.config.Accounts {
		c := &m.config.Accounts[i]
		seen := digest(c.SpacesFile)
		listed, problems, err := c.Fleet(os.ReadFile)
		if err != nil {
			return fmt.Errorf("account %s: %w", c.Name, err)
		}
		for _, p := range problems {
			m.log.Warn("a line of the spaces file is left out", "account", c.Name, "err", p)
		}
		pace := ratelimit.NewPace(c.RequestsPerSecond)
		client, err := NewClient(m.config, c, pace, m.o.Release)
		if err != nil {
			return fmt.Errorf("account %s: %w", c.Name, err)
		}
		checkpoint, err := m.store.Checkpoint(checkpointName(c.Name))
		if err != nil {
			client.Close()
			return err
		}
		a := &account{name: c.Name, config: c, client: client, listed: listed, seen: seen}
		a.poller = poller.New(poller.Options{
			Account: c.Name, Fetcher: client, Pace: pace, Deliver: m.deliver, Checkpoint: checkpoint,
			MaxAge: m.config.Poll.MaxAge.Std(), MinInterval: m.config.Poll.MinInterval.Std(), Timeout: m.config.Poll.Timeout.Std(),
			Seed: rand.Uint64(), Log: m.log, Metrics: m.registry,
		})
		m.accounts = append(m.accounts, a)
		if err := m.resumeDiscovery(a); err != nil {
			return err
		}
	}
	return nil
}

func checkpointName(account string) string { return filepath.Join("poller", account) }
