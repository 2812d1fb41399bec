package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

type initCommand struct {
	Dir string `arg:"" optional:"" default:"." type:"path" help:"Folder to write to."`
}

// Run writes the samples. It never overwrites a file.
func (c *initCommand) Run(p *Program) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	for _, name := range []string{"config.yaml", "rules.yaml"} {
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
	fmt.Fprintf(p.Stdout, "\nNext:\n  1. name your spaces in config.yaml and put the credentials into the environment\n"+
		"  2. numwatch check --config %s --rules %s\n  3. numwatch run   --config %[1]s --rules %[2]s\n",
		filepath.Join(c.Dir, "config.yaml"), filepath.Join(c.Dir, "rules.yaml"))
	return nil
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was left as it is; name another folder: numwatch init DIR", path)
	}
	if err != nil {
		return fmt.Errorf("writing the sample: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
