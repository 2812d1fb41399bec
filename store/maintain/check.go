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

	"numwatch/store"
)

// Verifier is the command line, but for the path of the store at its end, of a
// process that calls Verify: bbolt may end the process that reads a damaged file.
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
	cmd := exec.CommandContext(ctx, v[0], append(v[1:len(v):len(v)], path)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && stderr.Len() == 0 {
		return store.Report{}, fmt.Errorf("checking store %s: %w", path, err)
	}
	if err != nil {
		first, _, _ := bytes.Cut(stderr.Bytes(), []byte("\n"))
		return store.Report{Problems: []string{fmt.Sprintf("reading it ended the process (%s)", first)}}, nil
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

// Verify is what the process of a Verifier does: it verifies the store at path
// and prints what it found.
func Verify(path string, stdout io.Writer) error {
	debug.SetMaxStack(stackLimit)
	var found verified
	var err error
	if found.Report, err = store.Verify(path); err != nil {
		found.Err = err.Error()
	}
	return json.NewEncoder(stdout).Encode(found)
}
