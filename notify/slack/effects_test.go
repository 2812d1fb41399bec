package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify"
)

// effect is what the bot does beyond its memory.
type effect string

const (
	commits effect = "commit"
	posts   effect = "post"
	update  effect = "update"
	replies effect = "reply"
	history effect = "history"
)

// outcome is what becomes of it.
type outcome string

const (
	failed       outcome = "failed"
	tookEffect   outcome = "failed but took effect"
	slow         outcome = "slow"
	killedBefore outcome = "killed before"
	killedAfter  outcome = "killed after"
)

// TestSlackFaultsOfEveryEffect strikes every side effect with everything that can become of
// it, at its first, second and third time, with a restart in between. Whatever
// happens: nothing is lost, nothing is there twice, and Slack shows what is true.
func TestSlackFaultsOfEveryEffect(t *testing.T) {
	for _, e := range []effect{commits, posts, update, replies, history} {
		for _, f := range []outcome{failed, tookEffect, slow, killedBefore, killedAfter} {
			for n := 1; n <= 3; n++ {
				if n > 1 && testing.Short() {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", e, f, n), func(t *testing.T) {
					strikeSlack(t, e, f, n)
				})
			}
		}
	}
}

// strike makes the n-th doing of an effect end so. Once the process is
// dead nothing gets out of it any more.
type strike struct {
	effect  effect
	outcome outcome

	mu   sync.Mutex
	left int
	hit  bool
	dead bool
}

var errDead = errors.New("the process is dead")

// do runs an effect, or not, and returns what its caller gets to know.
func (s *strike) do(e effect, refused, unclear error, run func() error) error {
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		return errDead
	}
	struck := false
	if e == s.effect {
		s.left--
		struck = s.left == 0
	}
	s.hit = s.hit || struck
	s.dead = struck && (s.outcome == killedBefore || s.outcome == killedAfter)
	s.mu.Unlock()
	if !struck {
		return run()
	}
	switch s.outcome {
	case failed:
		return refused
	case killedBefore:
		return errDead
	case slow:
		time.Sleep(20 * time.Second)
		return run()
	default:
		return errors.Join(unclear, run())
	}
}

func (s *strike) rise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = false
}

func (s *strike) wasHit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

// struckPoster and struckRecorder stand between the sink and what it works with.
type struckPoster struct {
	Poster
	strike *strike
}

var (
	errRefused = &PostError{Class: Transient, Code: "ratelimited", Err: errors.New("refused")}
	errUnclear = &PostError{Unknown: true, Err: errors.New("no answer")}
)

func (p *struckPoster) Post(ctx context.Context, m Outgoing) (ts string, err error) {
	e := posts
	if m.Thread != "" {
		e = replies
	}
	err = p.strike.do(e, errRefused, errUnclear, func() error {
		ts, err = p.Poster.Post(ctx, m)
		return err
	})
	return ts, err
}

func (p *struckPoster) Update(ctx context.Context, ts string, m Outgoing) error {
	return p.strike.do(update, errRefused, errUnclear, func() error { return p.Poster.Update(ctx, ts, m) })
}

func (p *struckPoster) Find(ctx context.Context, q Query) (found map[string]string, err error) {
	err = p.strike.do(history, errRefused, errUnclear, func() error {
		found, err = p.Poster.Find(ctx, q)
		return err
	})
	return found, err
}

type struckRecorder struct {
	notify.Recorder
	strike *strike
}

func (k *struckRecorder) Record(ctx context.Context, r alert.DeliveryUpdate) error {
	if len(r.Messages)+len(r.Drop) == 0 {
		return k.strike.do("", nil, nil, func() error { return k.Recorder.Record(ctx, r) })
	}
	full := errors.New("the disk is full")
	return k.strike.do(commits, full, full, func() error { return k.Recorder.Record(ctx, r) })
}

// strikeSlack tells of three alerts to their ends while it is struck.
func strikeSlack(t *testing.T, e effect, f outcome, n int) {
	withRig(t, func(t *testing.T, d *rig) {
		s := &strike{effect: e, outcome: f, left: n}
		d.between = func(o *Options) {
			o.Poster, o.Recorder = &struckPoster{o.Poster, s}, &struckRecorder{o.Recorder, s}
			if e == history { // it is asked only where answers are lost
				o.Poster = &forgetful{o.Poster}
			}
		}
		again := func() {
			d.halt()
			s.rise()
			d.start(opsChannel)
		}
		d.start(opsChannel)
		a, b := alerttest.Firing(1), inSpace(alerttest.Firing(2), 2)
		d.update(a)
		d.after(30 * time.Second)
		d.update(b)
		d.after(30 * time.Second)
		a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
		a.Change.Old, a.Change.New = "RED", "BLACK"
		d.update(a)
		d.after(30 * time.Second)
		again()
		c := inSpace(alerttest.Firing(3), 3)
		d.update(c)
		d.after(30 * time.Second)
		d.update(alerttest.Resolved(a, time.Now()), alerttest.Resolved(b, time.Now()), alerttest.Resolved(c, time.Now()))
		d.after(30 * time.Second)
		again()
		d.after(10 * time.Minute)
		require.True(t, s.wasHit(), "nothing was struck")
		d.requireShown("ops")
		d.requireOnce()
		d.requireGoodNews(3)
	})
}

// requireGoodNews checks that so many alerts are shown as resolved, each in one
// place, and that who was told of an opening was told of its end.
func (d *rig) requireGoodNews(alerts int) {
	d.t.Helper()
	for _, m := range d.messages() {
		alerts -= max(1, strings.Count(m.Text, "\nResolved: "))
		require.Contains(d.t, m.Text, "Resolved: ")
		require.NotContains(d.t, m.Text, "Critical: 86")
		if n := len(m.Replies); n == 0 {
			require.Contains(d.t, texts(d.t, m.Blocks), "opened and resolved meanwhile")
		} else {
			require.Contains(d.t, m.Replies[n-1].Text, "Resolved: ")
		}
	}
	require.Zero(d.t, alerts)
}

// forgetful loses the answer of every post.
type forgetful struct{ Poster }

func (p *forgetful) Post(ctx context.Context, m Outgoing) (string, error) {
	if _, err := p.Poster.Post(ctx, m); err != nil {
		return "", err
	}
	return "", errUnclear
}
