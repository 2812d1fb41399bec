package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
)

// spaceWatch polls one space again and again and prints it once, then what
// changes. For programs each is a line of JSON.
type spaceWatch struct {
	program *command.Program
	client  poller.Fetcher
	space   phone.SpaceKey
	every   time.Duration
	diff    diff.Options
	json    bool
	known   *phone.SpaceState // nil before the first answer
}

// newSpaceWatch refuses to ask more often than the configuration allows.
func newSpaceWatch(p *command.Program, cfg *config.Config, every time.Duration) (*spaceWatch, error) {
	if least := cfg.Poll.MinInterval; every < least {
		return nil, command.UsageError(fmt.Sprintf("--every must be at least poll.min_interval, %s", least))
	}
	return &spaceWatch{
		program: p, every: every,
		diff: diff.Options{MissingAfter: cfg.Poll.MissingAfter, MissingFor: cfg.Poll.MissingFor},
	}, nil
}

// run goes on until ctx ends, which is no error. A poll that fails is printed,
// and the next one is tried.
func (w *spaceWatch) run(ctx context.Context) error {
	for {
		wait, err := w.poll(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-next.C:
		}
	}
}

// poll asks once and returns how long to wait for the next time.
func (w *spaceWatch) poll(ctx context.Context) (wait time.Duration, err error) {
	snap, err := w.client.Fetch(ctx, w.space, ratelimit.Turn{})
	switch {
	case ctx.Err() != nil:
		return 0, nil
	case err != nil:
		fmt.Fprintf(w.program.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), alert.Plain(err.Error()))
		if e, ok := errors.AsType[*cams.Error](err); ok {
			return max(w.every, e.RetryAfter), nil
		}
		return w.every, nil
	}
	first := w.known == nil
	roster, changes := diff.Compare(w.known, snap, w.diff)
	w.known = &roster
	if !first {
		return w.every, w.print(changes)
	}
	if w.json {
		return w.every, json.NewEncoder(w.program.Stdout).Encode(newPolled(snap))
	}
	printSnapshot(w.program, snap)
	w.program.Printf("\nWatching every %s for changes; Ctrl-C ends.\n", w.every)
	return w.every, w.program.WriteError()
}

// print writes a line for each change.
func (w *spaceWatch) print(changes []phone.Change) error {
	for _, c := range changes {
		if err := w.line(&c); err != nil {
			return err
		}
	}
	return nil
}

func (w *spaceWatch) line(c *phone.Change) error {
	if w.json {
		return json.NewEncoder(w.program.Stdout).Encode(changeLine{
			Time: c.SeenAt, PhoneNumber: c.Subject.PhoneNumber, Field: c.Field.String(),
			Old: c.Field.Shown(c.Old), New: c.Field.Shown(c.New), Direction: c.Direction.String(), RequestId: c.RequestId,
		})
	}
	_, err := fmt.Fprintf(w.program.Stdout, "%s  %s  %s  %s → %s  %s\n", c.SeenAt.Local().Format(time.TimeOnly),
		alert.Plain(c.Subject.PhoneNumber), c.Field, shownValue(c.Field, c.Old), shownValue(c.Field, c.New), c.Direction)
	return err
}

// changeLine is a change as programs read it, one on a line.
type changeLine struct {
	Time        time.Time `json:"time"`
	PhoneNumber string    `json:"PhoneNumber"`
	Field       string    `json:"field"`
	Old         string    `json:"old"`
	New         string    `json:"new"`
	Direction   string    `json:"direction"`
	RequestId   string    `json:"request_id"`
}

func shownValue(f phone.Field, v string) string {
	if v == "" {
		return "(empty)"
	}
	return alert.Plain(f.Shown(v))
}
