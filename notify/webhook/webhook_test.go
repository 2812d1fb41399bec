package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/sim/simtest"
	sim "numwatch/internal/sim/webhook"
	"numwatch/notify"
	"numwatch/phone"
)

const (
	secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret  = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// ledger is the log, and what is committed about a webhook.
type ledger struct {
	mu     sync.Mutex
	events []alert.Event
	first  uint64
	saved  []byte
	saves  int
	broken error // of the disk
	states map[string]string
}

func (l *ledger) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		seq := uint64(len(l.events) + 1)
		l.events = append(l.events, alert.Event{Seq: seq, Time: time.Now(), Kind: alert.KindAlert, Alert: &alert.Alert{
			Rule: "quality-red", Channels: []string{"siem"}, Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: "65"},
		}})
	}
}

func (l *ledger) ReadLog(from uint64, most int) ([]alert.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from > uint64(len(l.events)) {
		return nil, nil
	}
	rest := l.events[max(from, l.first, 1)-1:]
	return rest[:min(most, len(rest))], nil
}

func (l *ledger) LastSeq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.events))
}

func (l *ledger) firstSeq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.first, 1)
}

func (l *ledger) Save(_ context.Context, _ string, value []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.saved = value
		l.saves++
	}
	return l.broken
}

func (l *ledger) Record(_ context.Context, r alert.DeliveryUpdate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states[r.Sink.Component] = strings.TrimSpace(r.Sink.Value + " " + r.Sink.Code)
	return l.broken
}

func (l *ledger) state(component string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.states[component]
}

func (l *ledger) cursor(t *testing.T) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c struct{ Seq uint64 }
	require.NoError(t, json.Unmarshal(l.saved, &c))
	return c.Seq
}

type renderer struct{}

func (renderer) ID(seq uint64) string { return fmt.Sprintf("e-%04d", seq) }
func (r renderer) Render(e *alert.Event, _ time.Time) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"type":"numwatch.alert.v1"}`, r.ID(e.Seq))
}

type bed struct {
	t    *testing.T
	log  *ledger
	hook *sim.Receiver
	*Sink
	stop func()
}

// newBed is a webhook with a log in which something stands already. In a bubble of
// synctest, its time passes at once.
func newBed(t *testing.T) *bed {
	b := &bed{t: t, log: &ledger{states: map[string]string{}}, hook: sim.New(sim.Config{Secret: secretText})}
	b.log.add(3)
	return b
}

func (b *bed) options() Options {
	secret, err := ParseSecret(secretText)
	require.NoError(b.t, err)
	return Options{
		URL: "https://hook.example.com/in?token=TOPSECRET", Secrets: []Secret{secret},
		Wants: func(e *alert.Event) bool { return e.Kind == alert.KindAlert }, FirstSeq: b.log.firstSeq, Renderer: renderer{},
		Follower: notify.FollowerOptions{
			Channel: "siem", Name: Component + "siem", Outcomes: notify.NewOutcomes(prometheus.NewRegistry(), "events", ""), AllowPrivate: true, Log: b.log, Recorder: b.log, Saver: b.log, Stored: b.log.saved, Logger: slog.New(slog.DiscardHandler),
		},
	}
}

func (b *bed) start(o Options) {
	b.Sink = New(o)
	b.Client.Transport = simtest.Direct(b.hook)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = func() { cancel(); <-done }
	synctest.Wait()
}

// grow adds events, and waits until nothing happens any more or a time has passed.
func (b *bed) grow(n int, within time.Duration) {
	b.log.add(n)
	b.Wake()
	time.Sleep(within)
	synctest.Wait()
}

func (b *bed) taken() (ids []string) {
	for _, e := range b.hook.Taken() {
		ids = append(ids, e.ID)
	}
	return ids
}

func (b *bed) count(outcome string) float64 {
	_, channel, _ := strings.Cut(b.Name, ":")
	return testutil.ToFloat64(b.Outcomes.WithLabelValues(channel, outcome))
}

func bubble(t *testing.T, test func(b *bed)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		test(b)
		b.stop()
		require.Empty(t, b.hook.Wrong())
	})
}

// Each event once and in order, from when the channel was set up; after a restart from
// where it stopped.
func TestFollowsTheLog(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start(b.options())
		b.grow(250, time.Second)
		require.Len(t, b.taken(), 250)
		require.Equal(t, []string{"e-0004", "e-0005"}, b.taken()[:2])
		require.IsIncreasing(t, b.taken())
		require.Equal(t, "OK", b.log.state("webhook:siem"))
		require.Zero(t, b.Status().Lag)
		b.stop()
		require.EqualValues(t, 253, b.log.cursor(t))
		b.log.add(2) // while it is not running
		b.start(b.options())
		time.Sleep(time.Second)
		require.Equal(t, []string{"e-0254", "e-0255"}, b.taken()[250:])
		require.Equal(t, 252, b.hook.Asked())
		saves := b.log.saves
		time.Sleep(time.Hour)
		require.Equal(t, saves, b.log.saves, "nothing is stored while nothing happens")
	})
}

// A channel that has only just been set up loses nothing either, whenever the bot ends.
func TestWhereItBeginsIsStoredFirst(t *testing.T) {
	bubble(t, func(b *bed) {
		b.log.broken = context.DeadlineExceeded
		b.start(b.options())
		b.grow(1, time.Minute)
		require.Empty(t, b.taken(), "where it began is not on disk yet")
		b.log.mu.Lock()
		b.log.broken = nil
		b.log.mu.Unlock()
		time.Sleep(time.Minute)
		require.Equal(t, []string{"e-0004"}, b.taken())
	})
}

func TestWantsSomeOnly(t *testing.T) {
	bubble(t, func(b *bed) {
		o := b.options()
		o.Wants = func(e *alert.Event) bool { return e.Seq%2 == 0 }
		b.start(o)
		b.grow(4, time.Minute)
		require.Equal(t, []string{"e-0004", "e-0006"}, b.taken())
		require.EqualValues(t, 7, b.log.cursor(t), "what is not for it is passed over for good")
	})
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		faults         []sim.Fault
		asked          int
		taken, dead    int
		after, atLeast time.Duration
		parked         string
	}{
		"away":             {faults: []sim.Fault{{Code: 502}, {Code: 500}}, asked: 3, taken: 1, after: 10 * time.Second},
		"breaks off":       {faults: []sim.Fault{{}}, asked: 2, taken: 1, after: 5 * time.Second},
		"answer lost":      {faults: []sim.Fault{{Took: true}}, asked: 2, taken: 2, after: 5 * time.Second},
		"never answers":    {faults: []sim.Fault{{Code: 204, Slow: time.Hour}}, asked: 2, taken: 1, after: 20 * time.Second, atLeast: 15 * time.Second},
		"busy, seconds":    {faults: []sim.Fault{{Code: 429, RetryAfter: "90"}}, asked: 2, taken: 1, after: 100 * time.Second, atLeast: 90 * time.Second},
		"busy, a date":     {faults: []sim.Fault{{Code: 503, RetryAfter: "Sat, 01 Jan 2000 00:01:30 GMT"}}, asked: 2, taken: 1, after: 100 * time.Second, atLeast: 89 * time.Second},
		"busy for ages":    {faults: []sim.Fault{{Code: 429, RetryAfter: "9999999999"}}, asked: 2, taken: 1, after: 61 * time.Minute, atLeast: time.Hour},
		"busy, nonsense":   {faults: []sim.Fault{{Code: 503, RetryAfter: "soon"}}, asked: 2, taken: 1, after: 5 * time.Second},
		"refused 4 times":  {faults: times(4, sim.Fault{Code: 422}), asked: 5, taken: 1, after: 30 * time.Second},
		"refused for good": {faults: times(5, sim.Fault{Code: 422}), asked: 5, dead: 1, after: 30 * time.Second, parked: "webhook:siem:dead-letters"},
		"redirected":       {faults: times(5, sim.Fault{Code: 302}), asked: 5, dead: 1, after: 30 * time.Second, parked: "webhook:siem:dead-letters"},
		"gone":             {faults: times(1, sim.Fault{Code: 410}), asked: 1, after: 50 * time.Minute, parked: "webhook:siem"},
		"gone, and back":   {faults: times(1, sim.Fault{Code: 410}), asked: 2, taken: 1, after: 61 * time.Minute, atLeast: time.Hour},
		"wrong key":        {faults: times(60, sim.Fault{Code: 401}), asked: 8, after: 4 * time.Minute, parked: "webhook:siem"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bed) {
				b.hook.Fail(test.faults...)
				b.start(b.options())
				begun := time.Now()
				b.grow(1, test.after)
				if name != "wrong key" { // its number depends on chance
					require.Equal(t, test.asked, b.hook.Asked())
				}
				require.Len(t, b.taken(), test.taken)
				require.EqualValues(t, test.dead, b.count("dead"))
				if test.taken > 0 {
					require.GreaterOrEqual(t, b.hook.Taken()[test.taken-1].At.Sub(begun), test.atLeast)
					require.Equal(t, "OK", b.log.state("webhook:siem"))
					require.Empty(t, b.Status().LastError)
				}
				if test.parked != "" {
					require.Contains(t, b.log.state(test.parked), phone.Parked)
				}
				require.NotContains(t, b.Status().LastError, "TOPSECRET")
				b.hook.Heal()
			})
		})
	}
}

func times(n int, f sim.Fault) (all []sim.Fault) {
	for range n {
		all = append(all, f)
	}
	return all
}

// A slow receiver is sent several events at once, but those of one number one after the
// other, whatever fails meanwhile; and after a kill nothing is lost that was under way.
func TestSeveralAtOnceInOrderPerNumber(t *testing.T) {
	const events, numbers = 2000, 50
	bubble(t, func(b *bed) {
		for i := range events {
			f := sim.Fault{Code: 204, Took: true, Slow: 20 * time.Millisecond}
			switch i % 1000 {
			case 250:
				f.Code, f.Took = 503, false
			case 500:
				f.Code, f.Took = 0, false
			case 750:
				f.Code = 0
			}
			b.hook.Fail(f)
		}
		o := b.options()
		taken, last := map[string]bool{}, map[string]string{}
		o.Renderer = numbered{numbers}
		b.start(o)
		b.log.mu.Lock()
		for seq := uint64(4); seq < 4+events; seq++ {
			a := alert.Alert{Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: fmt.Sprint(seq % numbers)}}
			b.log.events = append(b.log.events, alert.Event{Seq: seq, Time: time.Now(), Kind: alert.KindAlert, Alert: &a})
		}
		b.log.mu.Unlock()
		begun := time.Now()
		b.Wake()
		for b.Status().Lag > 0 {
			require.Less(t, time.Since(begun), events*20*time.Millisecond/2)
			require.LessOrEqual(t, b.Cursor.Seq(), b.lowestMissing(), "the cursor is ahead of what was taken")
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("%d events in %s", events, time.Since(begun))
		for _, e := range b.hook.Taken() {
			if taken[e.ID] {
				continue // what comes again is no news
			}
			taken[e.ID] = true
			require.Less(t, last[e.Subject], e.ID, "of %s", e.Subject)
			last[e.Subject] = e.ID
		}
		require.Len(t, taken, events)
	})
}

// numbered renders the number that an event is about.
type numbered struct{ numbers uint64 }

func (numbered) ID(seq uint64) string { return renderer{}.ID(seq) }
func (r numbered) Render(e *alert.Event, _ time.Time) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"subject":"%d","type":"numwatch.alert.v1"}`, r.ID(e.Seq), e.Seq%r.numbers)
}

// lowestMissing is the first event that the receiver has not got, less one.
func (b *bed) lowestMissing() uint64 {
	taken := map[string]bool{}
	for _, id := range b.taken() {
		taken[id] = true
	}
	for seq := uint64(4); ; seq++ {
		if !taken[renderer{}.ID(seq)] {
			return seq - 1
		}
	}
}

// What waits goes out in order once the receiver is back, at once if somebody asks.
func TestRetryNow(t *testing.T) {
	bubble(t, func(b *bed) {
		b.hook.Fail(sim.Fault{Code: 410})
		b.start(b.options())
		b.grow(3, time.Minute)
		require.True(t, b.Status().Parked)
		require.EqualValues(t, 3, b.Status().Lag)
		b.Retry()
		time.Sleep(time.Second)
		require.Equal(t, []string{"e-0004", "e-0005", "e-0006"}, b.taken())
		require.False(t, b.Status().Parked)
	})
}

func TestLogThatForgetsFasterThanTheReceiverTakes(t *testing.T) {
	bubble(t, func(b *bed) {
		b.start(b.options())
		b.stop()
		b.log.add(10)
		b.log.first = 9
		b.start(b.options())
		time.Sleep(time.Second)
		require.Equal(t, "e-0009", b.taken()[0])
		require.EqualValues(t, 5, b.count("trimmed"))
	})
}

// The end of the log may be lost with a part of the store that was damaged.
func TestLogThatEndsBeforeTheCursor(t *testing.T) {
	bubble(t, func(b *bed) {
		b.log.saved = []byte(`{"seq": 100}`)
		b.start(b.options())
		b.grow(2, time.Second)
		require.Equal(t, []string{"e-0004", "e-0005"}, b.taken())
		require.EqualValues(t, 5, b.log.cursor(t))
	})
}

// Either of two secrets proves a request, so that they can be changed without a gap.
func TestSecretsCanBeRotated(t *testing.T) {
	for _, text := range []string{secretText, newSecret} {
		bubble(t, func(b *bed) {
			b.hook = sim.New(sim.Config{Secret: text})
			o := b.options()
			second, err := ParseSecret(newSecret)
			require.NoError(t, err)
			o.Secrets = append(o.Secrets, second)
			b.start(o)
			b.grow(1, time.Second)
			require.Len(t, b.taken(), 1)
		})
	}
}

// The reference vector of Standard Webhooks.
func TestSignature(t *testing.T) {
	secret, err := ParseSecret(secretText)
	require.NoError(t, err)
	h := http.Header{}
	sign(h, []Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	require.Equal(t, "msg_p5jXN8AQM9LWM0D4loKWxJek", h.Get("webhook-id"))
	require.Equal(t, "1614265330", h.Get("webhook-timestamp"))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", h.Get("webhook-signature"))
	for _, wrong := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!", "whsec_" + strings.Repeat("AAAA", 22)} {
		_, err := ParseSecret(wrong)
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), "MfKQ")
	}
}
