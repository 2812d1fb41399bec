package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/maintain"
)

type dbCommand struct {
	Check   dbCheckCommand   `cmd:"" help:"Read the whole store and report damage."`
	Verify  dbVerifyCommand  `cmd:"" hidden:"" help:"Check a store for another process."`
	Compact dbCompactCommand `cmd:"" help:"Rewrite the store without its free space."`
	Stats   dbStatsCommand   `cmd:"" help:"Print what the store holds."`
	Backup  dbBackupCommand  `cmd:"" help:"Copy the store of a running bot to a file."`
	Restore dbRestoreCommand `cmd:"" help:"Replace the store with a backup."`
}

// storeFile is the flag of the commands that open the store themselves.
type storeFile struct {
	DB string `name:"db" default:"data/numwatch.db" placeholder:"FILE" help:"The store (default: data/numwatch.db). The bot must be stopped."`
}

type dbCheckCommand struct {
	storeFile
	command.Output
}

// Run checks the store. Damage is reported with exit code 1.
func (c *dbCheckCommand) Run(ctx context.Context, p *command.Program) error {
	verifier, err := newVerifier()
	if err != nil {
		return err
	}
	r, err := verifier.Check(ctx, c.DB)
	if err != nil {
		return err
	}
	if !r.OK() {
		if r.Readable, err = verifier.Readable(ctx, c.DB); err != nil {
			return err
		}
	}
	c.Print(p, r, func() { c.print(p, &r) })
	if !r.OK() {
		return errors.New("the store is damaged: numwatch run continues with what can be read, and keeps the damaged file; " +
			"a backup may hold more (numwatch db restore)")
	}
	return nil
}

func (c *dbCheckCommand) print(p *command.Program, r *store.Report) {
	for _, problem := range r.Problems {
		fmt.Fprintf(p.Stdout, "%s\n", p.Hanging("damaged: ", alert.Plain(problem)))
	}
	for _, record := range r.SetAside {
		fmt.Fprintf(p.Stdout, "%s\n", p.Hanging("set aside by a bot: ", alert.Plain(record)))
	}
	if !r.OK() {
		var readable []string
		for _, bucket := range slices.Sorted(maps.Keys(r.Readable)) {
			readable = append(readable, fmt.Sprintf("%s %d", bucket, r.Readable[bucket]))
		}
		fmt.Fprintf(p.Stdout, "%s\n", p.Hanging("records that can be read: ", cmp.Or(strings.Join(readable, ", "), "none")))
		return
	}
	fmt.Fprintf(p.Stdout, "%s has no damage\n\n", c.DB)
	p.Printf("epoch     %s\nspaces    %d, with %s\nevents    %d%s\nalerts    %d\nmessages  %d\n",
		r.Epoch, r.Spaces, phone.Count(r.Numbers, "number"), r.Events, span(r.FirstSeq, r.LastSeq), r.Alerts, r.Messages)
}

// dbVerifyCommand is what the other commands run in a process of its own.
type dbVerifyCommand struct {
	What string `arg:""`
	File string `arg:""`
}

// Run prints what it found for the process that started it.
func (c *dbVerifyCommand) Run(p *command.Program) error {
	return maintain.Verify(c.File, c.What, p.Stdout)
}

func newVerifier() (maintain.Verifier, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return maintain.Verifier{self, "db", "verify"}, nil
}

// span tells which events there are.
func span(first, last uint64) string {
	if last < first || last == 0 {
		return ""
	}
	return fmt.Sprintf(", from %d to %d", first, last)
}

type dbCompactCommand struct{ storeFile }

// Run compacts the store in place.
func (c *dbCompactCommand) Run(ctx context.Context, p *command.Program) error {
	verifier, err := newVerifier()
	if err != nil {
		return err
	}
	before, after, err := verifier.Compact(ctx, c.DB)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s before, %s after\n", c.DB, byteSize(before), byteSize(after))
	return err
}

type dbStatsCommand struct {
	storeFile
	command.Output
}

// Run prints what the store holds.
func (c *dbStatsCommand) Run(ctx context.Context, p *command.Program) error {
	if _, err := os.Stat(c.DB); err != nil { // opening would make it
		return fmt.Errorf("%w; set --db to the store's path", err)
	}
	s, err := store.Open(c.DB, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	stats, err := s.Stats(ctx)
	if err != nil {
		return err
	}
	c.Print(p, stats, func() { c.print(p, stats) })
	return nil
}

func (c *dbStatsCommand) print(p *command.Program, stats store.Stats) {
	p.Printf("%s: %s, of which free %s\n", c.DB, byteSize(stats.FileSize), byteSize(int64(stats.FreePages)*int64(stats.PageSize)))
	p.Printf("epoch %s%s\n\n", stats.Epoch, strings.Replace(span(stats.FirstSeq, stats.LastSeq), ", ", ", events ", 1))
	var rows [][]string
	for _, b := range stats.Buckets {
		rows = append(rows, []string{b.Name, strconv.FormatUint(b.Records, 10), byteSize(int64(b.Bytes))})
	}
	p.PrintTable([]string{"BUCKET", "RECORDS", "SIZE"}, rows)
}

type dbBackupCommand struct {
	remote.Client
	File string `arg:"" help:"File to write; it must not exist."`
}

// Run copies the store of a running bot. The file is complete or not there.
func (c *dbBackupCommand) Run(ctx context.Context, p *command.Program) error {
	if _, err := os.Stat(c.File); err == nil {
		return fmt.Errorf("%s already exists and was not overwritten", c.File)
	}
	n, err := c.Backup(ctx, p, c.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "wrote %s, %s\ncheck it with: numwatch db check --db %[1]s\n", c.File, byteSize(n))
	return err
}

type dbRestoreCommand struct {
	storeFile
	Backup string `arg:"" help:"The backup."`
}

// Run checks the backup and puts a copy with a new epoch in the store's place.
// The store that was there stays beside it.
func (c *dbRestoreCommand) Run(ctx context.Context, p *command.Program) error {
	verifier, err := newVerifier()
	if err != nil {
		return err
	}
	done, err := verifier.Restore(ctx, c.DB, c.Backup)
	if errors.Is(err, maintain.ErrDamaged) {
		return fmt.Errorf("%s is damaged and was not restored: see numwatch db check --db %[1]s", c.Backup)
	}
	if done.Aside != "" {
		fmt.Fprintf(p.Stdout, "the previous store is now %s\n", done.Aside)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "restored %s with the new epoch %s\nthe next polls find what has changed since the backup\n", c.DB, done.Epoch)
	return err
}

// bytes is a size as people read it.
func byteSize(n int64) string {
	const unit = 1000
	switch {
	case n < 10*unit:
		return phone.Count(int(n), "byte")
	case n < unit*unit:
		return fmt.Sprintf("%.1f kB", float64(n)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%.1f MB", float64(n)/unit/unit)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/unit/unit/unit)
	}
}
