package replica

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"numwatch/alert"
	"numwatch/internal/natstest"
	"numwatch/store"
)

// processEnv makes the test binary a replica whose bot only polls and commits.
const processEnv = "NUMWATCH_TEST_REPLICA"

// process is what such a replica is told.
type process struct {
	ID, NATS, Path, Hub string
	Lease, Margin       time.Duration
	Large               int // bytes of every tenth commit
}

func TestMain(m *testing.M) {
	natstest.Main()
	config := os.Getenv(processEnv)
	if config == "" {
		flag.Parse()
		_ = flag.Set("test.parallel", testsAtOnce) // it is known, and takes a number
		os.Exit(m.Run())
	}
	var p process
	err := json.Unmarshal([]byte(config), &p)
	if err == nil {
		err = p.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "replica:", p.ID, err)
		os.Exit(1)
	}
}

func (p *process) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var ahead atomic.Int64
	wallOf = func(now time.Time) time.Time { return now.Round(0).Add(time.Duration(ahead.Load())) }
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("id", p.ID)
	n := New(Options{
		Name: "test", Path: p.Path, Lease: p.Lease, Margin: p.Margin, StreamReplicas: 3, Create: true, Log: log,
		Member: Member{ID: p.ID, URL: "http://" + l.Addr().String()},
		Connect: func() (*nats.Conn, error) {
			return nats.Connect(p.NATS, nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1),
				nats.ReconnectWait(50*time.Millisecond), nats.Timeout(slowness*500*time.Millisecond))
		},
		Lead: p.lead,
	})
	go p.jump(n, asked, &ahead)
	go func() { _ = http.Serve(l, p.serve(n)) }() // until the process ends
	return n.Run(ctx)
}

// jump sets the wall clock forward by a minute upon SIGUSR1, at a moment at which no record is on its way, and tells
// whether the replica had the right to act before and after.
func (p *process) jump(n *Node, upon <-chan os.Signal, ahead *atomic.Int64) {
	for range upon {
		n.appending.Lock()
		before := n.right.Load().Err()
		ahead.Add(int64(time.Minute))
		after := n.right.Load().Err()
		n.appending.Unlock()
		p.tell("jumped", url.Values{"before": {fmt.Sprint(before)}, "after": {fmt.Sprint(after)}})
	}
}

func (p *process) serve(n *Node) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(backupPath, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := n.Backup(w); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(n.Status()) // whoever asks sees that it is cut off
	})
	go func() { // the test learns where it is
		for range time.Tick(200 * time.Millisecond) {
			s := n.Status()
			p.tell("status", url.Values{"role": {string(s.Role)}, "why": {s.Why}, "applied": {fmt.Sprint(s.Applied)}})
		}
	}()
	return mux
}

// tell sends one request to the test.
func (p *process) tell(what string, say url.Values) {
	say.Set("id", p.ID)
	client := http.Client{Timeout: 400 * time.Millisecond}
	resp, err := client.PostForm(p.Hub+"/"+what, say)
	if err != nil {
		return // as a call to Slack may fail
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// sends tells the test what this replica does in a term, and when.
func (p *process) sends(what string, t Term) {
	p.tell(what, url.Values{"term": {fmt.Sprint(t.Number)}, "sent": {fmt.Sprint(time.Now().UnixNano())}})
}

// lead polls eight times a second while it may, and commits an event for each poll.
func (p *process) lead(ctx context.Context, t Term) error {
	p.sends("leads", t)
	for i := 0; t.Right.Wait(ctx) == nil; i++ {
		p.sends("poll", t)
		seq := t.Store.LastSeq() + 1
		text := fmt.Sprintf("%s-%d-%d", p.ID, t.Number, i)
		c := &store.Commit{Events: []alert.Event{{Seq: seq, Time: time.Now().UTC(), Kind: alert.KindBot, Notice: &alert.Notice{Kind: "test", Text: text}}}}
		if p.Large > 0 && i%10 == 0 {
			c.Checkpoints = map[string][]byte{"large": noise(p.Large), "of": []byte(text)}
		}
		for err := t.Store.Commit(c); err != nil; err = t.Store.Commit(c) {
			if errors.Is(err, store.ErrFenced) || ctx.Err() != nil {
				return err
			}
		}
		p.tell("acked", url.Values{"seq": {fmt.Sprint(seq)}, "text": {text}})
		pause(ctx, 125*time.Millisecond)
	}
	return nil
}
