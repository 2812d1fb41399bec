// Package maintain looks after the file of a store that no bot has open: it
// checks, compacts, restores and recovers it. It imports store; the db commands and the
// start of the bot call it.
package maintain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"numwatch/store"
)

// Verifier is the command line of a process that calls Verify, but for what to do, -- and
// the path of the store at its end: bbolt may end the process that reads a damaged file.
type Verifier []string

// What the process does; names of parts, with commas between them, stand for reading these.
const (
	all   = "all"
	pages = "pages"
)

// verified is what a verifier prints.
type verified struct {
	Report store.Report `json:"report"`
	Err    string       `json:"err,omitempty"`
}

// Check verifies the store at path, which nobody may be writing to, and changes
// nothing. Damage goes into the report; the error says why nothing could be
// checked.
func (v Verifier) Check(ctx context.Context, path string) (store.Report, error) {
	return v.check(ctx, path, all)
}

func (v Verifier) check(ctx context.Context, path, what string) (store.Report, error) {
	cmd := v.command(ctx, path, what)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := outcome(cmd.Run(), &stderr)
	if errors.Is(err, errEnded) && ctx.Err() == nil {
		return store.Report{Problems: []string{err.Error()}}, nil
	}
	var found verified
	if err == nil {
		err = json.Unmarshal(stdout.Bytes(), &found)
	}
	if err != nil {
		return store.Report{}, fmt.Errorf("checking store %s: %w", path, err)
	}
	if found.Err != "" {
		return found.Report, errors.New(found.Err)
	}
	return found.Report, nil
}

func (v Verifier) command(ctx context.Context, path, what string) *exec.Cmd {
	return exec.CommandContext(ctx, v[0], slices.Concat(v[1:], []string{what, "--", path})...)
}

// errEnded is in the chain of the error where reading the file ended the process.
var errEnded = errors.New("reading it ended the process")

// outcome tells a crash, which leaves a trace of the goroutines, from everything else that
// may end a process, such as an interrupt.
func outcome(err error, stderr *bytes.Buffer) error {
	first, rest, _ := strings.Cut(stderr.String(), "\n")
	if err != nil && strings.Contains(rest, "\ngoroutine ") {
		return fmt.Errorf("%w (%s)", errEnded, first)
	}
	if err != nil && first != "" {
		return fmt.Errorf("%w: %s", err, first)
	}
	return err
}

const (
	// stackLimit is far more than a sound store needs, and ends a walk in circles
	// before it takes a gigabyte.
	stackLimit = 16 << 20
	// heapLimit, and a share of the size of the file for lists of its pages, does the same for
	// cursors, whose stacks are slices, and for pages that claim to be longer than the file.
	heapLimit = 64 << 20
	heapShare = 8
)

// Verify is what the process of a Verifier does: it verifies the store at path, or its
// pages alone, and prints what it found; or it writes what can be read.
func Verify(path, what string, stdout io.Writer) error {
	debug.SetMaxStack(stackLimit)
	if info, err := os.Stat(path); err == nil {
		go limitHeap(heapLimit + uint64(info.Size()/heapShare))
	}
	var found verified
	var err error
	switch what {
	case all:
		found.Report, err = store.Verify(path)
	case pages:
		found.Report, err = store.VerifyPages(path)
	default:
		return writeRecords(path, strings.Split(what, ","), stdout)
	}
	if err != nil {
		found.Err = err.Error()
	}
	return json.NewEncoder(stdout).Encode(found)
}

func writeRecords(path string, parts []string, stdout io.Writer) error {
	buffer := bufio.NewWriterSize(stdout, 64<<10)
	out := gob.NewEncoder(buffer)
	return store.ReadDamaged(path, parts, func(r store.Record) error {
		err := out.Encode(r)
		if r.End {
			err = errors.Join(err, buffer.Flush())
		}
		return err
	})
}

func limitHeap(bytes uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range time.Tick(10 * time.Millisecond) {
		if metrics.Read(heap); heap[0].Value.Uint64() > bytes {
			panic("pages form a cycle, or extend past the end of the file")
		}
	}
}
