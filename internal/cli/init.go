package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"numwatch/internal/cli/command"
)

type initCommand struct {
	Dir string `arg:"" optional:"" default:"." help:"Folder to write to (default: this one)."`
}

// sampleNames are the files that init writes.
var sampleNames = [...]string{"config.yaml", "rules.yaml"}

// Run writes the samples: both, or where one of them is there already, neither.
func (c *initCommand) Run(p *command.Program) error {
	for _, name := range sampleNames {
		path := filepath.Join(c.Dir, name)
		if _, err := os.Lstat(path); err == nil {
			return thereAlready(path)
		}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	for _, name := range sampleNames {
		data, err := fs.ReadFile(p.Samples, name)
		if err != nil {
			return fmt.Errorf("reading the sample: %w", err)
		}
		path := filepath.Join(c.Dir, name)
		if err := writeNew(path, data); err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "wrote %s\n", path)
	}
	fmt.Fprintf(p.Stdout, "\nNext:\n"+
		"  1. name your spaces in config.yaml, and put credentials into the environment\n"+
		"  2. numwatch check%[1]s\n  3. numwatch run%[1]s\n", c.flags())
	return nil
}

// flags are what other commands need to find the files.
func (c *initCommand) flags() string {
	if filepath.Clean(c.Dir) == "." {
		return ""
	}
	return fmt.Sprintf(" --config %s --rules %s", filepath.Join(c.Dir, sampleNames[0]), filepath.Join(c.Dir, sampleNames[1]))
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // people put secrets into it
	if errors.Is(err, fs.ErrExist) {
		return thereAlready(path)
	}
	if err != nil {
		return fmt.Errorf("writing the sample: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func thereAlready(path string) error {
	return fmt.Errorf("%s exists already and was not overwritten; name another folder: numwatch init DIR", path)
}
