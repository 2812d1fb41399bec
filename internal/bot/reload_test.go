package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/rules"
	"numwatch/store"
)

// The two rules of a version speak of every change, so that a change judged by
// half a file, or by halves of two, is seen in the log.
func rulesOfVersion(i int) string {
	return fmt.Sprintf(`
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: "#ops"}}
rules:
  - {name: left-%d, on: VerifiedName, once: true, severity: info, summary: "{New}"}
  - {name: right-%[1]d, on: VerifiedName, once: true, severity: info, summary: "{New}"}
`, i)
}

// mute is a board that shows nothing.
type mute struct{}

func (mute) Update([]alert.Alert)     {}
func (mute) BaselineDone(string)      {}
func (mute) Notice(string)            {}
func (mute) Channels([]rules.Channel) {}

// reloading is a loop on a real store whose rules follow a real file.
type reloading struct {
	t       *testing.T
	path    string
	store   *store.Store
	loop    *watch.Loop
	inForce atomic.Pointer[string] // the name of its first rule
	refused atomic.Int64
}

func startReloading(t *testing.T, path string) *reloading {
	r := &reloading{t: t, path: path}
	seen := digest(path)
	set, err := LoadRules(path)
	require.NoError(t, err)
	r.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	r.loop, err = watch.New(watch.Options{
		Store: r.store, Rules: set, Directory: watch.NewDirectory(), Board: mute{}, Wake: func() {},
		Diff: diff.Options{MissingAfter: 3, MissingFor: time.Hour}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	book := ruler{inForce: set, content: seen, apply: r.loop.Reload}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	loopCtx, stopLoop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.loop.Run(loopCtx) }()
	running.Go(func() {
		f := watchedFile{path: path, settle: 3 * time.Millisecond, look: time.Hour, gone: time.Second}
		require.NoError(t, f.watch(ctx, seen, nil, func(data []byte, err error) {
			_, set, err := book.take(ctx, path, data, err)
			if err != nil {
				r.refused.Add(1)
				return
			}
			r.inForce.Store(&set.Rules()[0].Name)
		}))
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		stopLoop()
		require.NoError(t, <-ended)
		require.NoError(t, r.store.Close())
	})
	return r
}

func (r *reloading) comesInForce(i int) {
	r.t.Helper()
	want := fmt.Sprintf("left-%d", i)
	require.Eventually(r.t, func() bool { now := r.inForce.Load(); return now != nil && *now == want }, 20*time.Second, time.Millisecond, want)
}

func (r *reloading) isRefused(before int64) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.refused.Load() > before }, 20*time.Second, time.Millisecond)
}

// stream has a space's number change again and again until stop is closed, and
// returns how often it did.
func (r *reloading) stream(space string, stop <-chan struct{}) int {
	k := phone.SpaceKey{Account: "main", ID: space}
	for i := 0; ; i++ {
		n := phone.Number{PhoneNumber: "86" + space}
		n.Set(phone.VerifiedName, fmt.Sprint(i))
		at := time.Now()
		_, err := r.loop.Deliver(context.Background(), poller.Result{Space: k, At: at, Snapshot: &phone.Snapshot{
			Space: k, Numbers: []phone.Number{n}, At: at, RequestId: fmt.Sprint(i),
		}})
		if err != nil {
			r.t.Errorf("delivering: %v", err)
			return i
		}
		select {
		case <-stop:
			return i
		case <-time.After(time.Millisecond):
		}
	}
}

// verify finds in the log every change once, in order, each judged by exactly the
// two rules of one version that was written as good.
func (r *reloading) verify(changes map[string]int, good map[string]bool) {
	events, err := r.store.ReadLog(1, 1<<20)
	require.NoError(r.t, err)
	next := map[string]int{}
	for i := 0; i < len(events); i++ {
		e := &events[i]
		if e.Kind != alert.KindChange || e.Change.Field != phone.VerifiedName {
			continue
		}
		space := e.Change.Subject.Space
		next[space]++
		require.Equal(r.t, fmt.Sprint(next[space]), e.Change.New, "space %s", space)
		var judged []string
		for i+1 < len(events) && events[i+1].Kind == alert.KindAlert {
			i++
			require.Equal(r.t, e.Change, events[i].Change)
			judged = append(judged, events[i].Alert.Rule)
		}
		require.Len(r.t, judged, 2)
		left, right := strings.TrimPrefix(judged[0], "left-"), strings.TrimPrefix(judged[1], "right-")
		require.Equal(r.t, left, right)
		require.True(r.t, good[left], "version %s was never whole", left)
	}
	require.Equal(r.t, changes, next)
}

// edit writes the file in the way of the i-th editor.
func edit(t *testing.T, dir, path, text string, i int) {
	t.Helper()
	switch i % 3 {
	case 0: // another file in its place
		require.NoError(t, os.WriteFile(path+"~", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+"~", path))
	case 1: // in place, in several steps
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o600)
		require.NoError(t, err)
		half := strings.Index(text, "right")
		if half < 0 {
			half = len(text) / 2
		}
		_, err = f.WriteString(text[:half])
		require.NoError(t, err)
		_, err = f.WriteString(text[half:])
		require.NoError(t, err)
		require.NoError(t, f.Close())
	default: // a link to another folder, swapped as container platforms do it
		folder, err := os.MkdirTemp(dir, "..v")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "rules.yaml"), []byte(text), 0o600))
		require.NoError(t, os.Symlink(filepath.Base(folder), filepath.Join(dir, "..data~")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data~"), filepath.Join(dir, "..data")))
		require.NoError(t, os.Symlink(filepath.Join("..data", "rules.yaml"), path+"~"))
		require.NoError(t, os.Rename(path+"~", path))
	}
}

func TestRulesChangeWhileChangesStreamIn(t *testing.T) {
	edits := 200
	if testing.Short() {
		edits = 30
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte(rulesOfVersion(0)), 0o600))
	r := startReloading(t, path)
	spaces := []phone.Space{{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}}, {SpaceKey: phone.SpaceKey{Account: "main", ID: "2"}}}
	require.NoError(t, r.loop.SetSpaces(context.Background(), "main", spaces))
	require.NoError(t, r.loop.Started(context.Background()))

	stop := make(chan struct{})
	var streams sync.WaitGroup
	var mu sync.Mutex
	changes := map[string]int{}
	for _, s := range spaces {
		streams.Go(func() {
			n := r.stream(s.ID, stop)
			mu.Lock()
			changes[s.ID] = n
			mu.Unlock()
		})
	}
	good := map[string]bool{"0": true}
	for i := 1; i <= edits; i++ {
		if i%4 == 0 { // broken, to be mended by the next
			before := r.refused.Load()
			edit(t, dir, path, strings.Replace(rulesOfVersion(i), "once: true", "once: perhaps", 1), i/4)
			r.isRefused(before)
			continue
		}
		good[fmt.Sprint(i)] = true
		edit(t, dir, path, rulesOfVersion(i), i)
		r.comesInForce(i)
	}
	close(stop)
	streams.Wait()
	for _, n := range changes {
		require.Greater(t, n, edits/2, "too few changes came while the rules changed")
	}
	r.verify(changes, good)
}

func TestAFileIsReadWhenItIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newWatchedFile(filepath.Join(t.TempDir(), "rules.yaml"))
		require.NoError(t, os.WriteFile(f.path, []byte("first "), 0o600))
		go func() {
			for range 3 {
				time.Sleep(f.settle * 2 / 3)
				file, err := os.OpenFile(f.path, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = file.WriteString("more ")
				}
				if err = errors.Join(err, file.Close()); err != nil {
					t.Error(err)
				}
			}
		}()
		data, err := f.read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "first more more more ", string(data))
	})
}

// A file that changes in a folder where something else is written all the time
// is noticed, and one that stays as it is is not taken again.
func TestABusyFolderHidesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan string, 100)
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := os.WriteFile(filepath.Join(dir, "other"), fmt.Append(nil, i), 0o600); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	known := digest(path)
	running.Go(func() {
		f := watchedFile{path: path, settle: 20 * time.Millisecond, look: time.Hour, gone: time.Hour}
		if err := f.watch(ctx, known, nil, func(data []byte, err error) { taken <- string(data) }); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, os.WriteFile(path, []byte("2"), 0o600))
	require.Equal(t, "2", <-taken)
	require.Never(t, func() bool { return len(taken) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	cancel()
	running.Wait()
}

func TestAFileThatIsGoneIsToldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan error, 100)
	var running sync.WaitGroup
	known := digest(path)
	running.Go(func() {
		f := watchedFile{path: path, settle: time.Millisecond, look: time.Millisecond, gone: 50 * time.Millisecond}
		if err := f.watch(ctx, known, nil, func(_ []byte, err error) { taken <- err }); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, <-taken, os.ErrNotExist)
	require.Never(t, func() bool { return len(taken) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	require.NoError(t, <-taken, "it is back")
	cancel()
	running.Wait()
}

func TestARefusedFileIsToldOnce(t *testing.T) {
	set, err := rules.Parse("rules.yaml", []byte(rulesOfVersion(0)))
	require.NoError(t, err)
	applied := 0
	r := ruler{inForce: set, content: fingerprintOf([]byte(rulesOfVersion(0)), nil), apply: func(context.Context, *rules.Set) error { applied++; return nil }}
	ctx := context.Background()
	refusalOf := func(text string) *refusal {
		_, _, err := r.take(ctx, "rules.yaml", []byte(text), nil)
		var refused *refusal
		require.ErrorAs(t, err, &refused)
		return refused
	}
	require.False(t, refusalOf("version: 2").again)
	require.True(t, refusalOf("version: 2").again)
	require.False(t, refusalOf("version: 3\nrules: x").again, "it is bad in another way")
	require.Zero(t, applied, "nothing live is touched by a bad file")

	old, now, err := r.take(ctx, "rules.yaml", []byte(rulesOfVersion(0)), nil)
	require.NoError(t, err)
	require.Nil(t, old, "the rules are the same: there is nothing to compare")
	require.NotNil(t, now)
	require.False(t, refusalOf("version: 2").again, "a good file came between")
	old, _, err = r.take(ctx, "rules.yaml", []byte(rulesOfVersion(1)), nil)
	require.NoError(t, err)
	require.Equal(t, "left-0", old.Rules()[0].Name)

	r.apply = func(context.Context, *rules.Set) error { return errors.New("the loop has ended") }
	_, _, err = r.take(ctx, "rules.yaml", []byte(rulesOfVersion(2)), nil)
	require.ErrorContains(t, err, "putting the rules in force: the loop has ended")
	var refused *refusal
	require.NotErrorAs(t, err, &refused, "the file is good")
}

func TestNewRulesAreComparedByTheLog(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	defer s.Close()
	now := time.Now()
	var c store.Commit
	for i := range 300 {
		n := phone.Number{PhoneNumber: fmt.Sprintf("86%d", i)}
		n.Set(phone.QualityRating, "YELLOW")
		at := now.Add(-time.Duration(600-i) * time.Hour / 6)
		c.Events = append(c.Events, alert.Event{Seq: uint64(i + 1), Time: at, Change: phone.Change{
			Subject: phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "1"}, n.PhoneNumber), Field: phone.QualityRating, Old: "GREEN",
			New: "YELLOW", Direction: phone.Worse, SeenAt: at, RequestId: fmt.Sprint(i), Number: &n,
		}})
	}
	require.NoError(t, s.Commit(&c))
	parse := func(to string) *rules.Set {
		set, err := rules.Parse("rules.yaml", []byte(strings.Replace(`
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: "#wa-ops"}}
rules: [{name: quality, on: QualityRating, to: [TO], severity: info, summary: x}]
`, "TO", to, 1)))
		require.NoError(t, err)
		return set
	}
	space := func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k} }
	d, err := compareRules(t.Context(), s, space, now, parse("RED"), parse("YELLOW"))
	require.NoError(t, err)
	require.Equal(t, "quality: 0 → 300 messages in #wa-ops", d.Lines[0].String())
	require.True(t, d.Large())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = compareRules(ctx, s, space, now, parse("RED"), parse("YELLOW"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestRulesThatFollowQuicklyAreComparedOnce(t *testing.T) {
	c := newComparison()
	sets := make([]*rules.Set, 3)
	for i := range sets {
		var err error
		sets[i], err = rules.Parse("rules.yaml", []byte(rulesOfVersion(i)))
		require.NoError(t, err)
	}
	c.want(sets[0], sets[1])
	c.want(sets[1], sets[2])
	old, set := c.wanted()
	require.Same(t, sets[0], old)
	require.Same(t, sets[2], set)
	old, _ = c.wanted()
	require.Nil(t, old)
	require.Len(t, c.wake, 1)
	require.Nil(t, c.Last())
}
