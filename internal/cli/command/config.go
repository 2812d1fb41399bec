package command

import (
	"io"
	"log/slog"

	"numwatch/internal/config"
)

// ConfigName is the configuration by which commands find their bot if nobody says where
// it is.
const ConfigName = "config.yaml"

// ConfigFile is the flag of every command that reads the configuration.
type ConfigFile struct {
	Config string `short:"c" default:"config.yaml" placeholder:"FILE" help:"The configuration (default: config.yaml)."`
}

// Load reads the file.
func (f ConfigFile) Load(p *Program) (*config.Config, error) {
	return config.Load(f.Config, p.Env)
}

// NewLogger returns the logger that the configuration asks for.
func NewLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration has been validated
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
