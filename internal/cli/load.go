package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"numwatch/internal/config"
	"numwatch/poller"
	"numwatch/rules"
)

// configFile is the flag of every command that reads the configuration.
type configFile struct {
	Config string `short:"c" default:"config.yaml" placeholder:"FILE" help:"The configuration (default: config.yaml)."`
}

func (f configFile) load(p *Program) (*config.Config, error) {
	return config.Load(f.Config, p.Env)
}

// loadRules reads and compiles a rules file.
func loadRules(path string) (*rules.Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w (numwatch init writes a sample)", err)
	}
	return rules.Parse(path, data)
}

// newClient returns a client of one account as it is configured.
func newClient(c *config.Config, a *config.Account, pace *poller.Pace) (*poller.Client, error) {
	cr := a.Credentials
	return poller.NewClient(poller.ClientOptions{
		Account: a.Name,
		Credentials: poller.Credentials{
			Type: cr.Type, AccessKeyId: cr.AccessKeyId, AccessKeySecret: cr.AccessKeySecret.Reveal(),
			SecurityToken: cr.SecurityToken.Reveal(), RoleName: cr.RoleName, RoleArn: cr.RoleArn,
			RoleSessionName: cr.RoleSessionName, ExternalId: cr.ExternalId, Policy: cr.Policy,
			OidcProviderArn: cr.OidcProviderArn, OidcTokenFile: cr.OidcTokenFile,
			StsEndpoint: cr.StsEndpoint, URL: cr.URL.Reveal(),
		},
		Region: a.Region, Endpoint: a.Endpoint, UserAgent: "numwatch/" + release(),
		Timeout: c.Poll.Timeout.Std(), Pace: pace,
	})
}

// newLogger returns the logger that the configuration asks for.
func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration has been validated
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
