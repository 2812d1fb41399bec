// Package config reads config.yaml and the environment into a validated
// configuration. It is strict: a key that it does not know is an error, and
// every problem is reported at once, with file, line and column. References to
// the environment are replaced in scalar values after parsing, so that no value
// can inject YAML. Secrets are of type Secret, which never prints its value.
package config

import (
	"fmt"
	"os"

	"numwatch/phone"
)

// Config is a whole configuration: defaults filled in and validated. Relative
// paths are relative to the working directory. Values are not modified once
// loaded and may be shared.
type Config struct {
	Accounts []Account `yaml:"accounts"`
	Poll     Poll      `yaml:"poll"`
	Store    Store     `yaml:"store"`
	NATS     NATS      `yaml:"nats"`
	Slack    Slack     `yaml:"slack"`
	HTTP     HTTP      `yaml:"http"`
	Log      Log       `yaml:"log"`
	// HeartbeatURL is called as long as the bot is well; a secret, because
	// such URLs often are.
	HeartbeatURL Secret `yaml:"heartbeat_url"`

	// Warnings are what is likely a mistake but no reason not to start.
	Warnings Problems `yaml:"-"`
}

// Account is one cloud account, with its own limit and its own spaces.
type Account struct {
	Name              string      `yaml:"name"` // [a-z0-9-]+, unique
	Credentials       Credentials `yaml:"credentials"`
	Region            string      `yaml:"region"`
	Endpoint          string      `yaml:"endpoint"`            // a whole URL; "": by region
	RequestsPerSecond float64     `yaml:"requests_per_second"` // above 0, at most 10
	Spaces            []Space     `yaml:"spaces"`
	SpacesFile        string      `yaml:"spaces_file"` // CSV, see ReadSpaces; "": none
	Discover          Discover    `yaml:"discover"`
}

// Space is a customer's space as config.yaml names it.
type Space struct {
	ID     string            `yaml:"id"`
	Name   string            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

// Poll says how often and how patiently to ask.
type Poll struct {
	MaxAge       Duration `yaml:"max_age"`
	MinInterval  Duration `yaml:"min_interval"` // at most MaxAge
	Timeout      Duration `yaml:"timeout"`
	MissingAfter int      `yaml:"missing_after"` // complete lists, at least 1
	MissingFor   Duration `yaml:"missing_for"`   // may be 0
}

// Store says where the store is and for how long it keeps the log.
type Store struct {
	Path    string   `yaml:"path"`
	History Duration `yaml:"history"`
}

// NATS describes the server: an external one at URL, or where that is empty an
// embedded one on Listen.
type NATS struct {
	URL            Secret   `yaml:"url"`    // one or several, separated by commas; may hold a password
	Listen         string   `yaml:"listen"` // host:port; "": the embedded server has no listener
	Dir            string   `yaml:"dir"`
	Stream         string   `yaml:"stream"`
	CreateStream   bool     `yaml:"create_stream"`
	MaxAge         Duration `yaml:"max_age"`
	MaxBytes       Size     `yaml:"max_bytes"` // 0: no limit
	PublishChanges bool     `yaml:"publish_changes"`
	RedactURLs     bool     `yaml:"redact_urls"`
	CredsFile      string   `yaml:"creds_file"` // at most one of CredsFile, NkeyFile, Token
	NkeyFile       string   `yaml:"nkey_file"`
	Token          Secret   `yaml:"token"`
	TLS            TLS      `yaml:"tls"`
}

// Embedded reports whether the bot runs the NATS server itself.
func (n *NATS) Embedded() bool { return n.URL.Empty() }

// TLS names files in PEM. CertFile and KeyFile come together or not at all.
type TLS struct {
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Slack describes the app. Without BotToken messages are printed.
type Slack struct {
	BotToken  Secret   `yaml:"bot_token"`
	AppToken  Secret   `yaml:"app_token"` // for Socket Mode: buttons
	APIURL    string   `yaml:"api_url"`   // "": Slack's own
	Print     bool     `yaml:"print"`
	Operators []string `yaml:"operators"` // ids of the users who may press buttons; empty: everybody
}

// Buttons reports whether messages have buttons: somebody shows them, and hears
// when they are pressed.
func (s *Slack) Buttons() bool { return !s.BotToken.Empty() && !s.AppToken.Empty() }

// HTTP describes the listener of the page, the API, health and metrics.
type HTTP struct {
	Listen    string `yaml:"listen"` // host:port
	Token     Secret `yaml:"token"`
	PublicURL string `yaml:"public_url"` // how people reach the page; "": unknown
}

// Log says what to log and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

func defaults() Config {
	return Config{
		Poll: Poll{
			MaxAge:       5 * minute,
			MinInterval:  30 * second,
			Timeout:      10 * second,
			MissingAfter: 3,
			MissingFor:   10 * minute,
		},
		Store: Store{Path: "data/numwatch.db", History: 400 * day},
		NATS: NATS{
			Listen:         "127.0.0.1:4222",
			Dir:            "data/nats",
			Stream:         "NUMWATCH",
			CreateStream:   true,
			MaxAge:         30 * day,
			PublishChanges: true,
		},
		Slack: Slack{Print: true},
		HTTP:  HTTP{Listen: "127.0.0.1:8080"},
		Log:   Log{Level: "info", Format: "text"},
	}
}

// setDefaults is called on an account before its keys are read.
func (a *Account) setDefaults() {
	a.Region = "ap-southeast-1"
	a.RequestsPerSecond = 8
}

// Load reads the file at path, with the environment as os.Environ gives it.
// The error is Problems where the file could be read.
func Load(path string, environ []string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w (numwatch init writes a sample)", err)
	}
	return Parse(path, data, environ, os.ReadFile)
}

// Parse reads a configuration from data; file is its name in messages, and
// readFile reads the files that it refers to: secrets and lists of spaces. The
// error is Problems, sorted by position.
func Parse(file string, data []byte, environ []string, readFile func(string) ([]byte, error)) (*Config, error) {
	d := newDecoder(file, data, environ, readFile)
	c := defaults()
	if d.document(&c) {
		d.validate(&c)
	}
	if len(d.problems) > 0 {
		return nil, d.finish(d.problems)
	}
	c.Warnings = d.finish(d.warnings)
	return &c, nil
}

// of returns the space as one of an account.
func (s *Space) of(account string) phone.Space {
	return phone.Space{SpaceKey: phone.SpaceKey{Account: account, ID: s.ID}, Name: s.Name, Labels: s.Labels}
}
