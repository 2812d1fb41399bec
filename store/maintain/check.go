// Package maintain looks after the file of a store that no bot has open: it
// checks, compacts and restores it. It imports store; the db commands call it.
package maintain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"slices"

	"numwatch/store"
)

// Verifier is the command line of a process that calls Verify, but for --pages, -- and
// the path of the store at its end: bbolt may end the process that reads a damaged file.
type Verifier []string

// verified is what a verifier prints.
type verified struct {
	Report store.Report `json:"report"`
	Err    string       `json:"err,omitempty"`
}

// Check verifies the store at path, which nobody may be writing to, and changes
// nothing. Damage goes into the report; the error says why nothing could be
// checked.
func (v Verifier) Check(ctx context.Context, path string) (store.Report, error) {
	report, err := v.run(ctx, path)
	if errors.Is(err, errEnded) {
		return store.Report{Problems: []string{err.Error()}}, nil
	}
	return report, err
}

// CheckPages looks at the pages of the store alone, as a start does, which takes a
// second for a gigabyte. The error says that the file must not be opened: reading it could
// have no end, and writing to it would destroy more. What else keeps it from being
// checked is none: it keeps it from being opened, or the check took too long.
func (v Verifier) CheckPages(ctx context.Context, path string) error {
	report, err := v.run(ctx, path, "--pages")
	if !errors.Is(err, errEnded) {
		err = nil
	}
	if !report.OK() {
		err = errors.New(report.Problems[0])
	}
	if err != nil {
		return fmt.Errorf("pages of store %s are damaged (%w): keep the file, check the disk, and restore a backup (numwatch db restore)", path, err)
	}
	return nil
}

// errEnded is in the chain of the error where reading the file ended the process.
var errEnded = errors.New("reading it ended the process")

func (v Verifier) run(ctx context.Context, path string, flags ...string) (store.Report, error) {
	cmd := exec.CommandContext(ctx, v[0], slices.Concat(v[1:], flags, []string{"--", path})...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && (stderr.Len() == 0 || ctx.Err() != nil) {
		return store.Report{}, fmt.Errorf("checking store %s: %w", path, err)
	}
	if err != nil {
		first, _, _ := bytes.Cut(stderr.Bytes(), []byte("\n"))
		return store.Report{}, fmt.Errorf("%w (%s)", errEnded, first)
	}
	var found verified
	if err := json.Unmarshal(out, &found); err != nil {
		return store.Report{}, fmt.Errorf("checking store %s: reading what was found: %w", path, err)
	}
	if found.Err != "" {
		return found.Report, errors.New(found.Err)
	}
	return found.Report, nil
}

// stackLimit is far more than a sound store needs, and ends a walk in circles
// before it takes a gigabyte.
const stackLimit = 16 << 20

// Verify is what the process of a Verifier does: it verifies the store at path, or its
// pages alone, and prints what it found.
func Verify(path string, pages bool, stdout io.Writer) error {
	debug.SetMaxStack(stackLimit)
	verify := store.Verify
	if pages {
		verify = store.VerifyPages
	}
	var found verified
	var err error
	if found.Report, err = verify(path); err != nil {
		found.Err = err.Error()
	}
	return json.NewEncoder(stdout).Encode(found)
}
