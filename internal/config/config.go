// Package config reads config.yaml and the environment into a validated
// configuration. It is strict: a key that it does not know is an error, and
// every problem is reported at once, with file, line and column. References to
// the environment are replaced in scalar values after parsing, so that no value
// can inject YAML. Secrets are of type Secret, which never prints its value, and
// messages name places and keys but no values. It imports phone, diff, yamldoc and
// diagnostic; internal/bot and the commands call it.
package config

import (
	"fmt"
	"os"
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// Config is a whole configuration: defaults filled in and validated. Relative
// paths are relative to the working directory. Values are not modified once
// loaded and may be shared.
type Config struct {
	Accounts []Account
	Poll     Poll
	Store    Store
	NATS     NATS
	Slack    Slack
	HTTP     HTTP
	Replicas Replicas
	Hints    Hints
	Channels []Channel // by name
	Log      Log
	// HeartbeatURL is called while the bot is ready; a secret, because such URLs often
	// are.
	HeartbeatURL Secret

	// Warnings are what is likely a mistake but no reason not to start.
	Warnings diagnostic.Problems
}

// Account is one cloud account, with its own limit and its own spaces.
type Account struct {
	Name              string // [a-z0-9-]+, unique
	Credentials       Credentials
	Region            string
	Endpoint          string  // a whole URL; "": by region
	RequestsPerSecond float64 // above 0, at most 10
	Spaces            []Space
	SpacesFile        string // CSV, see readSpaces; "": none
	Discover          Discover
}

// Space is a customer's space as config.yaml names it.
type Space struct {
	ID     string
	Name   string
	Labels map[string]string
}

// Poll says how often to poll, and how long to wait.
type Poll struct {
	MaxAge       time.Duration
	MinInterval  time.Duration // at most MaxAge
	Timeout      time.Duration
	MissingAfter int           // complete lists, at least 1
	MissingFor   time.Duration // may be 0
}

// Store says where the store is and for how long it keeps the log.
type Store struct {
	Path    string
	History time.Duration
}

// NATS describes the server: an external one at URL, or where that is empty an
// embedded one on Listen.
type NATS struct {
	URL            Secret // one or several, separated by commas; may hold a password
	Listen         string // host:port; "": the embedded server has no listener
	Dir            string
	Stream         string
	CreateStream   bool
	MaxAge         time.Duration
	MaxBytes       int64 // 0: no limit
	PublishChanges bool
	RedactURLs     bool
	CredsFile      string // at most one of CredsFile, NkeyFile, Token
	NkeyFile       string
	Token          Secret
	TLS            TLS
}

// Embedded reports whether the bot runs the NATS server itself.
func (n *NATS) Embedded() bool { return n.URL.Empty() }

// TLS names files in PEM. CertFile and KeyFile come together or not at all.
type TLS struct {
	CAFile   string
	CertFile string
	KeyFile  string
}

// Slack describes the app. Without BotToken messages are printed.
type Slack struct {
	BotToken  Secret
	AppToken  Secret // for Socket Mode: buttons
	APIURL    string // "": Slack's own
	Print     bool
	Operators []string // ids of the users who may press buttons; empty: everybody
}

// Buttons reports whether messages have buttons: Slack shows them, and reports
// presses.
func (s *Slack) Buttons() bool { return !s.BotToken.Empty() && !s.AppToken.Empty() }

// HTTP describes the listener of the page, the API, health and metrics.
type HTTP struct {
	Listen    string // host:port
	Token     Secret // for who may do everything
	Tokens    []Token
	PublicURL string // how people reach the page; "": unknown
	Open      bool   // serve whoever comes through a proxy without a token
}

// Token is a token with a name.
type Token struct {
	Name       string // unique
	Token      Secret
	Role       string            // one of Roles
	Labels     map[string]string // of the spaces that it may see; none: everything
	UserHeader string            // in which the proxy that sends it names its user; "": there is none
}

// Roles are what the holder of a token may do, the least first.
var Roles = []string{"view", "act", "admin"}

// Guarded reports whether clients must send a token.
func (h *HTTP) Guarded() bool { return !h.Token.Empty() || len(h.Tokens) > 0 }

// AdminToken is a token that allows everything; empty: there is none.
func (h *HTTP) AdminToken() Secret {
	for i := range h.Tokens {
		if t := &h.Tokens[i]; h.Token.Empty() && t.Role == "admin" && len(t.Labels) == 0 {
			return t.Token
		}
	}
	return h.Token
}

// Replicas make this numwatch one of several, of which one at a time acts.
type Replicas struct {
	Name           string // of the set; "": there are none
	ID             string // of this one
	Advertise      string // the URL at which the others reach this one
	Lease          time.Duration
	StreamReplicas int
	Create         bool // the stream of the log, where it is missing
	MaxBytes       int64
}

// Enabled reports whether this numwatch is one of several.
func (r *Replicas) Enabled() bool { return r.Name != "" }

// Hints says how hints are taken.
type Hints struct {
	Share      float64 // the share of the pace that they may use
	ReceiptKey Secret  // in the path of the vendor's pushes; empty: none are taken
}

// Channel is a place that rules.yaml may send alerts to. Which members a type has,
// channelKeys says.
type Channel struct {
	Name         string
	Type         string
	URL          Secret   // it may hold a token
	Secret       Secret   // whsec_…, signs requests; empty: they are not signed
	OldSecret    Secret   // signs beside it while the receiver changes over
	Events       []string // alert, change
	AllowPrivate bool
	RedactURLs   bool
	URLs         []string // each gets everything; without a path's last /
	Username     string   // at most one of Username and Token
	Password     Secret
	Token        Secret
}

// Channel returns a channel by name, nil if there is none.
func (c *Config) Channel(name string) *Channel {
	for i := range c.Channels {
		if c.Channels[i].Name == name {
			return &c.Channels[i]
		}
	}
	return nil
}

// Log says what to log and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json
}

// Load reads the file at path, with the environment as os.Environ gives it.
// The error is diagnostic.Problems where the file could be read.
func Load(path string, environ []string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w (numwatch init writes a sample)", err)
	}
	return Parse(path, data, environ, os.ReadFile)
}

// Parse reads a configuration from data; file is its name in messages, and
// readFile reads the files that it refers to: secrets and lists of spaces. The
// error is diagnostic.Problems, sorted by position.
func Parse(file string, data []byte, environ []string, readFile func(string) ([]byte, error)) (*Config, error) {
	r := newReader(file, data, environ, readFile)
	var c Config
	settings := r.settings(&c)
	r.setDefaults(settings)
	if r.Root() != nil {
		r.section(r.Root(), settings)
		r.validate(&c)
	}
	if problems := append(r.Problems(), r.problems...); len(problems) > 0 {
		return nil, problems.Sorted()
	}
	c.Warnings = r.warnings.Sorted()
	return &c, nil
}

// of returns the space as one of an account.
func (s *Space) of(account string) phone.Space {
	return phone.Space{SpaceKey: phone.SpaceKey{Account: account, ID: s.ID}, Name: s.Name, Labels: s.Labels}
}
