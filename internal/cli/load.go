package cli

import (
	"io"
	"log/slog"

	"numwatch/internal/config"
)

// configFile is the flag of every command that reads the configuration.
type configFile struct {
	Config string `short:"c" default:"config.yaml" placeholder:"FILE" help:"The configuration (default: config.yaml)."`
}

func (f configFile) load(p *Program) (*config.Config, error) {
	return config.Load(f.Config, p.Env)
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
