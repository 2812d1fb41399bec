package bot

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/internal/view"
	"numwatch/internal/watch"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

// rehearsal is the shipped rules at work in simulated time: the loop, its store, the view
// and the sink of Slack, beside a workspace that holds its limits.
type rehearsal struct {
	t      *testing.T
	path   string
	set    *rules.Set
	sim    *slacksim.Server
	spaces []phone.SpaceKey
	fleet  map[phone.SpaceKey][]phone.Number
	fails  map[phone.SpaceKey]bool
	health *health.Account
	loop   *watch.Loop
	polls  int
	stop   func()
}

// heard is what a channel got: posts, replies that everybody sees, and others.
type heard [3]int

const incidentNumbers = 50

// rehearse runs a test in simulated time, once the first round is over.
func rehearse(t *testing.T, test func(t *testing.T, r *rehearsal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		data, err := os.ReadFile("../../rules.yaml")
		require.NoError(t, err)
		set, err := rulefile.Load("rules.yaml", data)
		require.NoError(t, err)
		r := &rehearsal{
			t: t, path: filepath.Join(t.TempDir(), "db"), set: set, fleet: map[phone.SpaceKey][]phone.Number{}, fails: map[phone.SpaceKey]bool{},
			sim: slacksim.New(slacksim.Config{Token: "xoxb-sim", Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}, {ID: "C0000000002", Name: "wa-oncall"}}}),
		}
		for s := range 2 {
			k := phone.SpaceKey{Account: "main", ID: fmt.Sprint("100", s)}
			r.spaces = append(r.spaces, k)
			for i := range incidentNumbers {
				n := phone.Number{PhoneNumber: fmt.Sprintf("12015550%d%02d", s, i)}
				for f, v := range map[phone.Field]string{
					phone.VerifiedName: "Acme", phone.Status: "CONNECTED", phone.QualityRating: "GREEN", phone.MessagingLimitTier: "TIER_10K",
					phone.NameStatus: "APPROVED", phone.NewNameStatus: "NONE", phone.CodeVerificationStatus: "VERIFIED",
				} {
					n.Set(f, v)
				}
				r.fleet[k] = append(r.fleet[k], n)
			}
		}
		r.start()
		r.pass(3)
		require.Equal(t, heard{}, r.heard("ops"))
		test(t, r)
		r.stop()
	})
}

func (r *rehearsal) start() {
	s, err := store.Open(r.path, store.Options{})
	require.NoError(r.t, err)
	v, err := view.New(s)
	require.NoError(r.t, err)
	var sink *slack.Sink
	r.health = health.New("main", nil)
	directory := watch.NewDirectory()
	r.loop, err = watch.New(watch.Options{
		Store: s, Rules: r.set, Directory: directory, Messenger: stage{&sink}, Wake: func() {}, Committed: v.Committed,
		Diff: diff.Options{MissingAfter: 3, MissingFor: 3 * time.Minute}, Log: slog.New(slog.DiscardHandler),
		Health: func(string) *health.Account { return r.health }, LongestWait: func(string) time.Duration { return 5 * time.Minute },
	})
	require.NoError(r.t, err)
	sink = slack.New(slack.Options{
		Poster: slack.NewAPI("xoxb-sim", "http://slack.test/api/", simtest.Direct(r.sim)), State: v, Recorder: r.loop,
		Channels: inSlack(r.set.Channels()), Space: directory.Space, Keep: r.set.KeepClosed,
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 2)
	go func() { ended <- r.loop.Run(ctx) }()
	var spaces []phone.Space
	var ids []string
	for _, k := range r.spaces {
		spaces, ids = append(spaces, phone.Space{SpaceKey: k, Name: "Customer " + k.ID}), append(ids, k.ID)
	}
	require.NoError(r.t, r.loop.SetSpaces(ctx, "main", spaces))
	require.NoError(r.t, r.loop.Started(ctx))
	r.health.SetSpaces(ids, time.Now())
	sinkContext, stopSink := context.WithCancel(ctx)
	go func() { ended <- sink.Run(sinkContext) }()
	r.stop = func() {
		stopSink()
		require.NoError(r.t, <-ended)
		cancel()
		require.NoError(r.t, <-ended)
		require.NoError(r.t, s.Close())
	}
}

// stage hands what the loop decides to the sink.
type stage struct{ sink **slack.Sink }

func (s stage) Update(alerts []alert.Alert) { (*s.sink).Update(alerts) }
func (s stage) BaselineDone(account string) { (*s.sink).BaselineDone(account) }
func (s stage) Channels(set []rules.Channel) {
	(*s.sink).SetChannels(inSlack(set))
}
func (s stage) Notice(string) {}

// pass polls every space each minute.
func (r *rehearsal) pass(minutes int) {
	for range minutes {
		for _, k := range r.spaces {
			r.polls++
			now := time.Now()
			result := poller.Result{Space: k, Started: now, At: now}
			if r.fails[k] {
				result.Err = &cams.Error{Class: cams.DeniedSpace, Code: "CustSpace.NotAuthorized", Message: "denied"}
			} else {
				result.Snapshot = &phone.Snapshot{Space: k, Numbers: append([]phone.Number{}, r.fleet[k]...), At: now, RequestId: fmt.Sprint("R-", r.polls)}
			}
			poller.Observe(r.health, result)
			_, err := r.loop.Deliver(r.t.Context(), result)
			require.NoError(r.t, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
	}
}

// change gives fields of the first numbers new values, and lets them be seen.
func (r *rehearsal) change(numbers int, fieldsAndValues ...any) {
	for i := range numbers {
		for j := 0; j < len(fieldsAndValues); j += 2 {
			r.fleet[r.spaces[0]][i].Set(fieldsAndValues[j].(phone.Field), fieldsAndValues[j+1].(string))
		}
	}
	r.pass(1)
}

// heard counts what a channel got.
func (r *rehearsal) heard(channel string) (h heard) {
	for _, m := range r.sim.Messages(map[string]string{"ops": "C0000000001", "oncall": "C0000000002"}[channel]) {
		h[0]++
		for _, reply := range m.Replies {
			if reply.Args.Get("reply_broadcast") == "true" {
				h[1]++
			} else {
				h[2]++
			}
		}
	}
	return h
}

// all is everything that a channel shows.
func (r *rehearsal) all(channel string) (text string) {
	for _, m := range r.sim.Messages(map[string]string{"ops": "C0000000001", "oncall": "C0000000002"}[channel]) {
		text += m.Text + "\n"
		for _, reply := range m.Replies {
			text += " ↳ " + reply.Text + "\n"
		}
	}
	return text
}

// last is what a channel got last.
func (r *rehearsal) last(channel string) string {
	var text string
	var at time.Time
	for _, m := range r.sim.Messages(map[string]string{"ops": "C0000000001", "oncall": "C0000000002"}[channel]) {
		for _, v := range append(m.Replies, m) {
			said := append(v.Edits, v.Version)[0] // as it was posted
			if !said.At.Before(at) {
				text, at = said.Text, said.At
			}
		}
	}
	return text
}

func TestAnIncidentIsOneMessage(t *testing.T) {
	status := func(values ...string) func(r *rehearsal) {
		return func(r *rehearsal) {
			for _, v := range values {
				r.change(1, phone.Status, v)
			}
		}
	}
	quality := func(values ...string) func(r *rehearsal) {
		return func(r *rehearsal) {
			for _, v := range values {
				r.change(1, phone.QualityRating, v)
			}
		}
	}
	for name, row := range map[string]struct {
		play        func(r *rehearsal)
		ops, oncall heard
	}{
		"RED and BANNED in one poll, both fine later": {func(r *rehearsal) {
			r.change(1, phone.Status, "BANNED", phone.QualityRating, "RED")
			r.change(1, phone.Status, "CONNECTED", phone.QualityRating, "GREEN")
		}, heard{1, 0, 1}, heard{1, 0, 1}},
		"BANNED a poll after RED": {func(r *rehearsal) {
			r.change(1, phone.QualityRating, "RED")
			r.change(1, phone.Status, "BANNED")
			r.change(1, phone.Status, "CONNECTED", phone.QualityRating, "GREEN")
		}, heard{1, 1, 1}, heard{1, 1, 1}},
		"GREEN, YELLOW, RED, YELLOW, GREEN": {quality("YELLOW", "RED", "YELLOW", "GREEN"), heard{1, 1, 2}, heard{1, 0, 2}},
		"RESTRICTED, BANNED, CONNECTED":     {status("RESTRICTED", "BANNED", "CONNECTED"), heard{1, 1, 1}, heard{1, 1, 1}},
		"BANNED, CONNECTED, BANNED":         {status("BANNED", "CONNECTED", "BANNED"), heard{1, 1, 1}, heard{1, 1, 1}},
		"a rename refused, resubmitted, approved": {func(r *rehearsal) {
			for _, v := range []string{"PENDING_REVIEW", "DECLINED", "PENDING_REVIEW"} {
				r.change(1, phone.NewNameStatus, v)
			}
			r.change(1, phone.NewNameStatus, "APPROVED", phone.VerifiedName, "Acme Two")
		}, heard{1, 0, 2}, heard{}},
		"40 numbers lose their tier, regain it, lose it again": {func(r *rehearsal) {
			for _, v := range []string{"TIER_1K", "TIER_10K", "TIER_1K"} {
				r.change(40, phone.MessagingLimitTier, v)
			}
		}, heard{1, 1, 1}, heard{}},
		"a space blind, back, blind again": {func(r *rehearsal) {
			for i := range 3 {
				r.fails[r.spaces[1]] = i != 1
				r.pass(5)
			}
		}, heard{1, 1, 1}, heard{}},
		"a banned number missing, back banned": {func(r *rehearsal) {
			r.change(1, phone.Status, "BANNED")
			k := r.spaces[0]
			all := r.fleet[k]
			r.fleet[k] = all[1:]
			r.pass(6)
			r.fleet[k] = all
			r.pass(2)
		}, heard{1, 1, 1}, heard{1, 1, 1}},
		"a restart and a reload without changes": {func(r *rehearsal) {
			r.stop()
			r.start()
			r.pass(2)
			require.NoError(r.t, r.loop.Reload(r.t.Context(), r.set))
			r.pass(3)
		}, heard{}, heard{}},
		"the word of its end refused, BANNED again, over": {func(r *rehearsal) {
			r.change(1, phone.Status, "BANNED")
			r.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Method: slacksim.PostMessage})
			r.change(1, phone.Status, "CONNECTED")
			r.sim.ClearFaults()
			r.change(1, phone.Status, "BANNED")
			r.change(1, phone.Status, "CONNECTED")
		}, heard{1, 0, 1}, heard{1, 0, 1}},
		"a restart while BANNED": {func(r *rehearsal) {
			r.change(1, phone.Status, "BANNED")
			r.stop()
			r.start()
			r.pass(5)
		}, heard{1, 0, 0}, heard{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			rehearse(t, func(t *testing.T, r *rehearsal) {
				row.play(r)
				require.Equal(t, row.ops, r.heard("ops"), "posts, broadcast and quiet replies")
				require.Equal(t, row.oncall, r.heard("oncall"), "posts, broadcast and quiet replies")
			})
		})
	}
}

// A number that flaps is told as such once, and then how it ended.
func TestFlappingIsToldOnce(t *testing.T) {
	for end, last := range map[string]string{"RED": "RED", "GREEN": "GREEN"} {
		rehearse(t, func(t *testing.T, r *rehearsal) {
			for i := range 8 {
				r.change(1, phone.QualityRating, "RED")
				if i < 7 || end == "GREEN" {
					r.change(1, phone.QualityRating, "GREEN")
				}
			}
			for _, channel := range []string{"ops", "oncall"} {
				require.Equal(t, heard{1, 2, 2}, r.heard(channel))
				require.Contains(t, r.last(channel), "flapping")
			}
			r.pass(20)
			want := heard{1, 2, 3}
			if end == "RED" {
				want = heard{1, 3, 2}
			}
			for _, channel := range []string{"ops", "oncall"} {
				require.Equal(t, want, r.heard(channel))
				require.Contains(t, r.last(channel), last)
			}
		})
	}
}

// What Slack refused is posted once it gets worse: people have heard of nothing.
func TestWhatFollowsADeadLetterIsAMessage(t *testing.T) {
	rehearse(t, func(t *testing.T, r *rehearsal) {
		r.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Method: slacksim.PostMessage})
		r.change(1, phone.Status, "RESTRICTED")
		r.sim.ClearFaults()
		before := r.heard("oncall")
		r.change(1, phone.Status, "BANNED")
		require.Equal(t, before[0]+1, r.heard("oncall")[0], r.all("oncall"))
		require.Contains(t, r.last("oncall"), "BANNED")
		r.change(1, phone.Status, "CONNECTED")
		require.Contains(t, r.last("oncall"), "recovered")
	})
}

// After Slack was away, what happened meanwhile is a digest, and nothing is said there of
// Slack itself.
func TestAfterAnOutageOfSlackThereIsADigest(t *testing.T) {
	rehearse(t, func(t *testing.T, r *rehearsal) {
		r.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError})
		for i := range 50 {
			r.fleet[r.spaces[i%2]][i/2].Set(phone.Status, "BANNED")
			if i%5 == 4 {
				r.pass(1)
			}
		}
		r.sim.ClearFaults()
		r.pass(5)
		for _, channel := range []string{"ops", "oncall"} {
			h := r.heard(channel)
			require.LessOrEqual(t, h[0], 3, "%v", h)
			require.Zero(t, h[1]+h[2], r.all(channel))
			require.NotContains(t, r.last(channel), "deliver")
		}
	})
}
