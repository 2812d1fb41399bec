package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"numwatch/internal/config"
	"numwatch/phone"
)

type pollCommand struct {
	configFile
	output
	Space string `arg:"" help:"The space's id, or account/id where several accounts have it."`
}

// Run fetches one space. It uses one request of the account's limit.
func (c *pollCommand) Run(ctx context.Context, p *Program) error {
	cfg, err := c.load(p)
	if err != nil {
		return err
	}
	account, id, err := findSpace(cfg, c.Space)
	if err != nil {
		return err
	}
	client, err := newClient(cfg, account, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	snap, err := client.Fetch(ctx, phone.SpaceKey{Account: account.Name, ID: id})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(p.Stdout, struct {
			Account   string         `json:"account"`
			Space     string         `json:"space"`
			RequestId string         `json:"request_id"`
			Numbers   []phone.Number `json:"numbers"`
		}{account.Name, id, snap.RequestId, snap.Numbers})
	}
	return printSnapshot(p, snap)
}

func printSnapshot(p *Program, snap *phone.Snapshot) error {
	shown := []phone.Field{
		phone.VerifiedName, phone.Status, phone.QualityRating, phone.MessagingLimitTier,
		phone.NameStatus, phone.NewNameStatus, phone.CodeVerificationStatus,
	}
	header := []string{"PhoneNumber"}
	for _, f := range shown {
		header = append(header, f.String())
	}
	var rows [][]string
	for i := range snap.Numbers {
		n := &snap.Numbers[i]
		row := []string{n.PhoneNumber}
		for _, f := range shown {
			row = append(row, f.Shown(n.Get(f)))
		}
		rows = append(rows, row)
	}
	if err := printTable(p.Stdout, header, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.Stdout, "\n%d numbers in %s at %s, RequestId %s. All fields: -o json\n",
		len(rows), snap.Space, snap.At.Format("15:04:05"), snap.RequestId)
	return err
}

// findSpace finds the account that a space belongs to. A space that no account
// lists is looked for in the only account.
func findSpace(cfg *config.Config, name string) (*config.Account, string, error) {
	if account, id, ok := strings.Cut(name, "/"); ok {
		for i := range cfg.Accounts {
			if cfg.Accounts[i].Name == account {
				return &cfg.Accounts[i], id, nil
			}
		}
		return nil, "", fmt.Errorf("no account is called %q in the configuration", account)
	}
	var found []*config.Account
	for i := range cfg.Accounts {
		fleet, _, err := cfg.Accounts[i].Fleet(os.ReadFile)
		if err != nil {
			return nil, "", err
		}
		for _, s := range fleet {
			if s.ID == name {
				found = append(found, &cfg.Accounts[i])
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], name, nil
	case len(found) == 0 && len(cfg.Accounts) == 1:
		return &cfg.Accounts[0], name, nil
	case len(found) == 0:
		return nil, "", fmt.Errorf("no account lists a space %q: name one as account/%s", name, name)
	default:
		return nil, "", fmt.Errorf("several accounts list a space %q: name one as account/%s", name, name)
	}
}
