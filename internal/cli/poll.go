package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/poller/cams"
)

type pollCommand struct {
	command.ConfigFile
	command.Output
	Space string        `arg:"" complete:"spaces in file" help:"The space's id or name, or account/id if several accounts have it."`
	Watch bool          `short:"w" help:"Keep polling and print changes, until Ctrl-C."`
	Every time.Duration `default:"30s" help:"How often to poll with --watch."`
}

// Run fetches one space. Each poll uses one request of the account's limit.
func (c *pollCommand) Run(ctx context.Context, p *command.Program) error {
	cfg, err := c.Load(p)
	if err != nil {
		return err
	}
	account, id, err := findSpace(cfg, c.Space)
	if err != nil {
		return err
	}
	client, err := bot.NewClient(cfg, account, release(), cams.ClientOptions{})
	if err != nil {
		return err
	}
	defer client.Close()
	space := phone.SpaceKey{Account: account.Name, ID: id}
	if c.Watch {
		w, err := newSpaceWatch(p, cfg, c.Every)
		if err != nil {
			return err
		}
		w.client, w.space, w.json = client, space, c.JSON()
		return w.run(ctx)
	}
	snap, err := fetchPatiently(ctx, client, space)
	if err != nil {
		return err
	}
	for _, w := range client.Warnings() {
		fmt.Fprintln(p.Stderr, "numwatch: warning:", w)
	}
	c.Print(p, newPolled(snap), func() { printSnapshot(p, snap) })
	return nil
}

// polled is a snapshot as programs read it.
type polled struct {
	Account   string         `json:"account"`
	Space     string         `json:"space"`
	Time      time.Time      `json:"time"`
	RequestId string         `json:"request_id"`
	Numbers   []phone.Number `json:"numbers"`
}

func newPolled(s *phone.Snapshot) polled {
	p := polled{Account: s.Space.Account, Space: s.Space.ID, Time: s.At, RequestId: s.RequestId, Numbers: []phone.Number{}}
	for i := range s.Numbers {
		p.Numbers = append(p.Numbers, s.Numbers[i].Redacted())
	}
	return p
}

// printSnapshot prints a line for each number, ending with what is wrong with it.
func printSnapshot(p *command.Program, snap *phone.Snapshot) {
	header := []string{"PHONE NUMBER", "NAME", "STATUS", "QUALITY", "LIMIT", "ALSO"}
	var rows [][]string
	for i := range snap.Numbers {
		n := &snap.Numbers[i]
		rows = append(rows, []string{
			n.PhoneNumber, n.Get(phone.VerifiedName),
			n.Get(phone.Status), n.Get(phone.QualityRating), n.Get(phone.MessagingLimitTier), also(n),
		})
	}
	p.PrintTable(header, rows)
	p.Printf("\n%s in %s at %s\nRequestId %s; all fields: -o json\n",
		phone.Count(len(rows), "number"), snap.Space, snap.At.Local().Format(time.TimeOnly), snap.RequestId)
}

// also lists the fields that have no column and are not at their best.
func also(n *phone.Number) string {
	var out []string
	for _, f := range []phone.Field{phone.NameStatus, phone.NewNameStatus, phone.CodeVerificationStatus} {
		if rank, ok := f.Rank(n.Get(f)); ok && rank > 0 || !f.Listed(n.Get(f)) {
			out = append(out, f.String()+" "+n.Get(f))
		}
	}
	return strings.Join(out, ", ")
}

// findSpace finds the account that a space belongs to, and its id. An unlisted space is
// looked for in the only account, unless that lists a similar name.
func findSpace(cfg *config.Config, name string) (*config.Account, string, error) {
	if account, id, ok := strings.Cut(name, "/"); ok {
		var names []string
		for i := range cfg.Accounts {
			if cfg.Accounts[i].Name == account {
				return &cfg.Accounts[i], id, nil
			}
			names = append(names, cfg.Accounts[i].Name)
		}
		return nil, "", fmt.Errorf("there is no account %q: %s", account, diagnostic.DidYouMean(account, names))
	}
	type place struct {
		account *config.Account
		id      string
	}
	var found []place
	var known []string
	for i := range cfg.Accounts {
		fleet, _, err := cfg.Accounts[i].Fleet(os.ReadFile)
		if err != nil {
			return nil, "", err
		}
		for _, s := range fleet {
			if s.IsCalled(name) {
				found = append(found, place{&cfg.Accounts[i], s.ID})
			}
			known = append(known, s.ID, s.Name)
		}
	}
	near := diagnostic.Nearest(name, known)
	switch {
	case len(found) == 1:
		return found[0].account, found[0].id, nil
	case len(found) > 1:
		return nil, "", fmt.Errorf("several spaces match %q: give one as account/id", name)
	case near != "":
		return nil, "", fmt.Errorf("no account lists a space %q: did you mean %q? Give one that is not listed as account/id", name, near)
	case len(cfg.Accounts) == 1:
		return &cfg.Accounts[0], name, nil
	default:
		return nil, "", fmt.Errorf("no account lists a space %q: name it as account/id", name)
	}
}
