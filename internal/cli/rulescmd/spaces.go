package rulescmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/phone"
)

// describer finds the spaces of the configuration.
func describer(spaces []phone.Space) func(phone.SpaceKey) phone.Space {
	known := make(map[phone.SpaceKey]phone.Space, len(spaces))
	for _, s := range spaces {
		known[s.SpaceKey] = s
	}
	return func(k phone.SpaceKey) phone.Space {
		if s, ok := known[k]; ok {
			return s
		}
		return phone.Space{SpaceKey: k}
	}
}

// configBeside reads the configuration that is named, which must be good, or
// the one beside the rules, which need not be: it may lack its environment
// here. It returns nil where there is none.
func configBeside(p *command.Program, path, rulesPath string) (*config.Config, []phone.Space, error) {
	named := path != ""
	if !named {
		path = filepath.Join(filepath.Dir(rulesPath), "config.yaml")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
	}
	cfg, err := config.Load(path, p.Env)
	if err == nil {
		var spaces []phone.Space
		if spaces, err = allSpaces(cfg); err == nil {
			return cfg, spaces, nil
		}
	}
	if !named {
		_, err = fmt.Fprintf(p.Stderr, "numwatch: %s was ignored: %v\n", path, err)
	}
	return nil, nil, err
}

func allSpaces(cfg *config.Config) (all []phone.Space, err error) {
	for i := range cfg.Accounts {
		fleet, _, err := cfg.Accounts[i].Fleet(os.ReadFile)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", cfg.Accounts[i].Name, err)
		}
		all = append(all, fleet...)
	}
	return all, nil
}

// spaces finds the names and labels of spaces: in the configuration that is
// named, or where the history is from, in the running bot, or with a store, in
// the configuration beside the rules.
func (h history) spaces(ctx context.Context, p *command.Program, path, rulesPath string) (func(phone.SpaceKey) phone.Space, error) {
	if path == "" && h.DB == "" {
		spaces, err := h.botSpaces(ctx, p)
		return describer(spaces), err
	}
	_, spaces, err := configBeside(p, path, rulesPath)
	return describer(spaces), err
}

// botSpaces asks the running bot.
func (h history) botSpaces(ctx context.Context, p *command.Program) (all []phone.Space, err error) {
	listed, err := h.Spaces(ctx, p)
	for _, s := range listed {
		all = append(all, phone.Space{SpaceKey: phone.SpaceKey{Account: s.Account, ID: s.ID}, Name: s.Name, Labels: s.Labels})
	}
	return all, err
}
