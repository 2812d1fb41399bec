package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"numwatch/internal/cli/command"
	"numwatch/phone"
)

type initCommand struct {
	Dir      string `arg:"" optional:"" default:"." help:"Folder to write to (default: the current one)."`
	Language string `enum:"en,zh" default:"en" placeholder:"LANG" help:"Language of messages: en, or zh, which also writes the rules' texts in Chinese."`
}

// sampleNames are the files that init writes: the two that the bot reads, the tests of the
// rules, and the schema by which editors check them.
var sampleNames = [...]string{"config.yaml", "rules.yaml", "rules_test.yaml", "docs/rules.schema.json"}

// textsName is the sample of the rules' texts in Chinese.
const textsName = "rules.zh.yaml"

// names are the samples that are written.
func (c *initCommand) names() []string {
	if c.Language == string(phone.Chinese) {
		return append(sampleNames[:], textsName)
	}
	return sampleNames[:]
}

// sample is what is written to a file.
func (c *initCommand) sample(p *command.Program, name string) ([]byte, error) {
	data, err := fs.ReadFile(p.Samples, name)
	if err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err)
	}
	if name == sampleNames[1] && c.Language == string(phone.Chinese) {
		data = bytes.Replace(data, []byte("  # language: zh "), []byte("  language: zh   "), 1)
	}
	return data, nil
}

// Run writes the samples: all, or where one of them is there already and says something
// else, none. The program's own source tree has them as they are.
func (c *initCommand) Run(p *command.Program) error {
	samples := map[string][]byte{} // that are to be written, by path
	for _, name := range c.names() {
		data, err := c.sample(p, name)
		if err != nil {
			return err
		}
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		there, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			samples[path] = data
		case err != nil:
			return fmt.Errorf("looking for existing files: %w", err)
		case !bytes.Equal(there, data):
			return thereAlready(path)
		}
	}
	for _, name := range c.names() {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		data, missing := samples[path]
		if !missing {
			p.Printf("kept %s, which is already the sample\n", path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("creating the folder: %w", err)
		}
		if err := writeNew(path, data); err != nil {
			return err
		}
		p.Printf("wrote %s\n", path)
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
	return fmt.Errorf("%s already exists and was not overwritten; name another folder: numwatch init DIR", path)
}
