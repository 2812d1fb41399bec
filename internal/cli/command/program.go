// Package command holds what all commands share: the program that they run in,
// its flags, and how they print. It may import config, notify/card and the vocabularies; only
// packages below internal/cli import it.
package command

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
)

// Program is a command's environment.
type Program struct {
	Env            []string // as os.Environ
	Stdout, Stderr io.Writer
	Samples        fs.FS        // config.yaml and rules.yaml, as shipped
	Trace          func(string) // sees the points around every side effect of the bot; nil but in tests

	writing      error // the first that writing to Stdout gave
	stopsInOrder atomic.Bool
}

// StopInOrder is called by a command that from then on ends by itself after an interrupt,
// within bounds of its own. All others are given a second.
func (p *Program) StopInOrder() { p.stopsInOrder.Store(true) }

// StopsInOrder reports whether the command ends by itself.
func (p *Program) StopsInOrder() bool { return p.stopsInOrder.Load() }

// ErrReported ends a command with exit code 1 after it has printed why itself.
var ErrReported = errors.New("failed")

// ErrUsage is wrapped by mistakes in how a command was called.
var ErrUsage = errors.New("wrong usage")

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }
func (e *usageError) Unwrap() error { return ErrUsage }

// UsageError is a mistake in how the command was called.
func UsageError(text string) error { return &usageError{text} }

// Coloured reports whether w is a terminal that wants colours.
func (p *Program) Coloured(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || p.Getenv("NO_COLOR") != "" || p.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Getenv looks up a variable in the program's environment.
func (p *Program) Getenv(name string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.Env[i], name+"="); ok {
			return v
		}
	}
	return ""
}
