package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"numwatch/web/api"
)

const (
	storeFile   = "data/numwatch.db" // the default, in the bot's folder
	startWithin = time.Minute
	stopWithin  = time.Minute
)

// configure writes the bot's files: one list of spaces for each account.
func configure(p plan, endpoint, slackURL, natsURL string) error {
	type object = map[string]any
	var accounts []object
	for a := range p.shape.accounts {
		list := new(bytes.Buffer)
		for i := a; i < p.shape.spaces; i += p.shape.accounts {
			fmt.Fprintf(list, "%s,Customer %d,tier=gold\n", spaceID(i), i)
		}
		file := filepath.Join(p.dir, accountName(a)+".csv")
		if err := os.WriteFile(file, list.Bytes(), 0o600); err != nil {
			return err
		}
		accounts = append(accounts, object{
			"name": accountName(a), "endpoint": endpoint, "requests_per_second": p.shape.perSecond, "spaces_file": file,
			"credentials": object{"type": "access_key", "access_key_id": key(a).AccessKeyId, "access_key_secret": key(a).AccessKeySecret},
		})
	}
	nats := object{"listen": "127.0.0.1:0", "dir": "data/nats"}
	if natsURL != "" {
		nats = object{"url": natsURL}
	}
	config, err := json.Marshal(object{
		"accounts": accounts, "nats": nats,
		"poll":  object{"min_interval": "1s"},
		"store": object{"path": storeFile},
		"slack": object{"bot_token": slackToken, "api_url": slackURL},
		"http":  object{"listen": "127.0.0.1:0"},
		"log":   object{"format": "json"},
	})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(p.dir, "config.yaml"), config, 0o600),
		os.WriteFile(filepath.Join(p.dir, "rules.yaml"), []byte(rulesFile), 0o600))
}

const rulesFile = `
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: C0000000001}}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "Quality of {PhoneNumber} ({VerifiedName}) is RED, was {Old}"}
  - {name: banned, on: Status, to: [BANNED], severity: critical, summary: "{PhoneNumber} ({VerifiedName}) was banned"}
`

// bot is one run of the program.
type bot struct {
	cmd      *exec.Cmd
	launched time.Time
	page     string
	nats     string
	ended    chan error
}

// launch starts the program and waits until it says that it has started. The simulated
// cloud goes first where both want a processor: else it would take requests in bursts that
// were not sent in bursts, and refuse some.
func launch(ctx context.Context, p plan) (*bot, error) {
	cmd := exec.CommandContext(ctx, "nice", p.binary, "run")
	cmd.Dir = p.dir
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	b := &bot{cmd: cmd, launched: time.Now(), ended: make(chan error, 1)}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() { b.listen(said, started) }()
	select {
	case err := <-started:
		return b, err
	case <-time.After(startWithin):
		return nil, errors.Join(fmt.Errorf("not started within %s", startWithin), b.stop())
	}
}

// listen reads the bot's log: where it serves, and what is wrong.
func (b *bot) listen(said io.Reader, started chan<- error) {
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Level, Msg, Page, Nats string }
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Level != "INFO" {
			fmt.Fprintln(os.Stderr, lines.Text())
			continue
		}
		if line.Msg == "started" {
			b.page, b.nats = line.Page, line.Nats
			started <- nil
		}
	}
	err := b.cmd.Wait()
	if b.page == "" {
		started <- fmt.Errorf("the bot ended: %w", err)
	}
	b.ended <- err
}

// stop ends the bot as an operator does.
func (b *bot) stop() error {
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-b.ended:
		return err
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("not stopped within %s", stopWithin), b.cmd.Process.Kill())
	}
}

// status asks for the bot's status.
func (b *bot) status(ctx context.Context) (s api.Status, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(b.page, "/")+"/api/v1/status", nil)
	if err != nil {
		return s, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// until polls until the bot is in the wanted state.
func (b *bot) until(ctx context.Context, within time.Duration, wanted func(api.Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		asked := time.Now()
		s, err := b.status(ctx)
		if err == nil && wanted(s) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not there within %s: %d numbers, NATS lags by %d (%v)", within, s.Fleet.Numbers, lag(s), err)
		case err := <-b.ended:
			return fmt.Errorf("the bot ended: %w", err)
		case <-time.After(max(50*time.Millisecond, 50*time.Since(asked))): // so that asking is no part of what is measured
		}
	}
}

// lag is what NATS has yet to acknowledge.
func lag(s api.Status) uint64 {
	for _, sink := range s.Sinks {
		if sink.Name == "nats" {
			return sink.Lag
		}
	}
	return 0
}
