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
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/filewatch"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/rules"
	"numwatch/store"
	"numwatch/web/api"
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

// mute is a messenger that shows nothing.
type mute struct{}

func (mute) Update([]alert.Alert)     {}
func (mute) BaselineDone(string)      {}
func (mute) Notice(string)            {}
func (mute) Channels([]rules.Channel) {}

// reloading is a loop on a real store whose rules follow a real file.
type reloading struct {
	t       *testing.T
	store   *store.Store
	loop    *watch.Loop
	file    *rulesFile
	refused atomic.Int64 // times
}

func startReloading(t *testing.T, path string) *reloading {
	r := &reloading{t: t}
	r.file = &rulesFile{
		path: path, log: slog.New(slog.DiscardHandler), report: func(context.Context, phone.Condition) error { return nil }, backtest: func(_, _ *rules.Set) {},
		note: func(_ context.Context, n alert.Notice) error { r.refused.Add(1); return nil },
	}
	require.NoError(t, r.file.load())
	known := r.file.content
	var err error
	r.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	r.loop, err = watch.New(watch.Options{
		Store: r.store, Rules: r.file.set, Directory: watch.NewDirectory(), Messenger: mute{}, Wake: func() {},
		Diff: diff.Options{MissingAfter: 3, MissingFor: time.Hour}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	r.file.apply = r.loop.Reload
	ctx, cancel := context.WithCancel(context.Background())
	loopCtx, stopLoop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	ended := make(chan error, 1)
	go func() { ended <- r.loop.Run(loopCtx) }()
	running.Go(func() {
		w := filewatch.New(slog.New(slog.DiscardHandler))
		w.Settle = 3 * time.Millisecond
		w.Add(path, known, r.file.take)
		if err := w.Run(ctx, nil); err != nil {
			t.Error(err)
		}
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
	require.Eventually(r.t, func() bool { return r.file.inForce().Rules()[0].Name == want }, 20*time.Second, time.Millisecond, want)
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

// recordedFile is a rulesFile that notes what it hands on.
type recordedFile struct {
	rulesFile
	applied, noted int
	reported       []string // how the file is
	compared       []string // the first rule of the old set and of the new one
}

func newRecordedFile(t *testing.T) *recordedFile {
	r := &recordedFile{}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte(rulesOfVersion(0)), 0o600))
	r.rulesFile = rulesFile{
		path: path, log: slog.New(slog.DiscardHandler),
		apply: func(context.Context, *rules.Set) error { r.applied++; return nil },
		note:  func(context.Context, alert.Notice) error { r.noted++; return nil },
		report: func(_ context.Context, c phone.Condition) error {
			r.reported = append(r.reported, c.Value+" "+c.Code+" "+c.Reason)
			return nil
		},
		backtest: func(old, set *rules.Set) {
			r.compared = append(r.compared, old.Rules()[0].Name+" "+set.Rules()[0].Name)
		},
	}
	require.NoError(t, r.load())
	return r
}

func (r *recordedFile) takeText(text string) error {
	return r.take(context.Background(), []byte(text), nil)
}

func noHits(string, time.Time) api.Hits { return api.Hits{} }

func TestRefusedRulesAreReported(t *testing.T) {
	r := newRecordedFile(t)
	last := func() string { return r.reported[len(r.reported)-1] }
	require.Error(t, r.takeText("version: 2"))
	require.Error(t, r.takeText("version: 2"))
	require.Equal(t, 1, r.noted, "it is bad in the same way")
	require.Equal(t, `REFUSED invalid rules.yaml:1:1: the file lacks the key "rules"`, strings.Split(last(), ", and ")[0], "no folder, no drawing")
	require.Error(t, r.takeText("version: 3\nrules: x"))
	require.Equal(t, 2, r.noted, "it is bad in another way")
	require.Zero(t, r.applied, "nothing live is touched by a bad file")
	require.NotEmpty(t, r.status(noHits).Refused.Problems)
	require.Equal(t, "left-0", r.inForce().Rules()[0].Name)

	require.NoError(t, r.takeText(rulesOfVersion(0)))
	require.Nil(t, r.status(noHits).Refused)
	require.Equal(t, "OK  the file is valid", last())
	require.Error(t, r.takeText("version: 2"))
	require.Equal(t, 3, r.noted, "a good file came between")
	_, err := os.ReadFile(r.path + "x")
	require.ErrorIs(t, r.take(t.Context(), nil, err), os.ErrNotExist)
	require.Contains(t, r.status(noHits).Refused.Text, "reading the rules: ")
	require.Equal(t, "REFUSED unreadable reading the rules: open rules.yamlx: no such file or directory", last())
}

func TestOnlyRulesInForceAreNoisy(t *testing.T) {
	r := newRecordedFile(t)
	r.noisy(t.Context(), r.set, "10 → 100")
	require.Equal(t, []string{"NOISY  10 → 100"}, r.reported)
	old := r.set
	require.NoError(t, r.takeText(rulesOfVersion(1)))
	r.noisy(t.Context(), old, "10 → 100")
	require.Equal(t, "OK  the file is valid", r.reported[len(r.reported)-1], "others are in force")
	require.Error(t, r.takeText("version: 2"))
	r.noisy(t.Context(), r.set, "10 → 100")
	require.Contains(t, r.reported[len(r.reported)-1], "REFUSED", "what is refused is worse")
}

func TestOnlyRulesThatChangedAreCompared(t *testing.T) {
	r := newRecordedFile(t)
	require.NoError(t, r.takeText(rulesOfVersion(0)))
	require.Equal(t, 1, r.applied)
	require.Empty(t, r.compared)
	require.NoError(t, r.takeText(rulesOfVersion(1)))
	require.Equal(t, []string{"left-0 left-1"}, r.compared)
}

func TestRulesThatTheLoopDoesNotTakeAreNotInForce(t *testing.T) {
	r := newRecordedFile(t)
	r.apply = func(context.Context, *rules.Set) error { return errors.New("the loop has ended") }
	require.ErrorContains(t, r.takeText(rulesOfVersion(2)), "putting the rules in force: the loop has ended")
	require.Nil(t, r.status(noHits).Refused, "the file is good")
	require.Equal(t, "left-0", r.inForce().Rules()[0].Name)
	require.Empty(t, r.compared)
}
