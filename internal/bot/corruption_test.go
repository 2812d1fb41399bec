package bot

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/view"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
	"numwatch/store/maintain"
)

const (
	corruptedVariable = "NUMWATCH_SOAK_STORES"
	corruptedSpaces   = 40
	corruptedRules    = `
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: C0000000001}}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}"}
  - {name: missing, on: Number, to: [MISSING], severity: high, summary: "{PhoneNumber} is gone"}
  - {name: store-damaged, on: Sink, to: [PARKED], severity: high, summary: "{Code}"}
`
)

// verifyArgument makes the test binary the process that checks a store.
const verifyArgument = "verify-store"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == verifyArgument {
		if err := maintain.Verify(os.Args[len(os.Args)-1], os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fleetOf is what the cloud says of a space.
func fleetOf(space int) (numbers []phone.Number) {
	for i := range 4 {
		n := phone.Number{PhoneNumber: fmt.Sprintf("86138%04d%04d", space, i)}
		n.Set(phone.Status, "CONNECTED")
		n.Set(phone.QualityRating, []string{"GREEN", "YELLOW", "GREEN", "RED"}[i])
		n.Set(phone.VerifiedName, fmt.Sprintf("Acme Trading %d of %d", i, space))
		n.Set(phone.StatusCallbackUrl, fmt.Sprintf("https://hooks.example.com/%d?token=0123456789abcdef", space))
		numbers = append(numbers, n)
	}
	return numbers
}

// verifier recovers stores as the bot does.
func verifier(t *testing.T) maintain.Verifier {
	self, err := os.Executable()
	require.NoError(t, err)
	return maintain.Verifier{self, verifyArgument}
}

// storeLife is the loop, the view and what tells of damage, at work on a store.
type storeLife struct {
	t      *testing.T
	store  *store.Store
	begun  int // events that were there
	loop   *watch.Loop
	damage *damage
	failed error // why it cannot go on
	stop   func()
}

type silent struct{}

func (silent) Update([]alert.Alert)     {}
func (silent) BaselineDone(string)      {}
func (silent) Channels([]rules.Channel) {}
func (silent) Notice(string)            {}

func corruptedSpace(i int) phone.SpaceKey {
	return phone.SpaceKey{Account: "main", ID: fmt.Sprint("s", i)}
}

// startLife starts as the bot does, up to the end of the view's Build.
func startLife(t *testing.T, path string) *storeLife {
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	l := &storeLife{t: t, damage: newDamage(log), stop: func() {}}
	if l.store, l.failed = l.damage.open(path, verifier(t).Recover); l.failed != nil {
		return l
	}
	l.stop = func() { require.NoError(t, l.store.Close()) }
	l.begun = len(l.log())
	v, err := view.New(l.store)
	if l.failed = err; err != nil {
		return l
	}
	set, err := rulefile.Load("rules.yaml", []byte(corruptedRules))
	require.NoError(t, err)
	l.loop, l.failed = watch.New(watch.Options{
		Store: l.store, Rules: set, Directory: watch.NewDirectory(), Messenger: silent{}, Wake: func() {}, Committed: v.Committed,
		Diff: diff.Options{MissingAfter: 2, MissingFor: time.Minute}, History: 24 * time.Hour, Log: log,
	})
	if l.failed != nil {
		return l
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, reported := make(chan error, 1), make(chan error, 1)
	go func() { ended <- l.loop.Run(ctx) }()
	l.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			l.failed = err // and not that the loop has ended
		}
		<-reported
		require.NoError(t, l.store.Close())
	}
	var spaces []phone.Space
	for i := range corruptedSpaces {
		spaces = append(spaces, phone.Space{SpaceKey: corruptedSpace(i)})
	}
	l.noteFailure(l.loop.SetSpaces(ctx, "main", spaces))
	l.noteFailure(l.loop.Started(ctx))
	go func() {
		forget := func(ctx context.Context) error { return l.loop.Save(ctx, store.RecoveredCheckpoint, nil) }
		reported <- l.damage.run(ctx, l.loop, l.loop.Note, forget)
	}()
	l.noteFailure(v.Build(ctx))
	l.noteFailure(l.store.CheckIndex())
	time.Sleep(10 * time.Second)
	return l
}

func (l *storeLife) noteFailure(err error) {
	if l.failed == nil {
		l.failed = err
	}
}

func (l *storeLife) poll(space int, numbers []phone.Number) {
	if l.failed != nil {
		return
	}
	k, now := corruptedSpace(space), time.Now()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	_, err := l.loop.Deliver(ctx, poller.Result{
		Space: k, Started: now, At: now, Snapshot: &phone.Snapshot{Space: k, Numbers: numbers, At: now, RequestId: "R"},
	})
	l.noteFailure(err)
}

func (l *storeLife) log() []alert.Event {
	events, err := l.store.ReadLog(1, 10_000)
	require.NoError(l.t, err)
	return events
}

// soundStore is the file of a store in which every bucket has records, and its log.
func soundStore(t *testing.T) (data []byte, log []alert.Event) {
	path := filepath.Join(t.TempDir(), "db")
	synctest.Test(t, func(t *testing.T) {
		l := startLife(t, path)
		for i := range corruptedSpaces {
			l.poll(i, fleetOf(i)[:2])
			l.poll(i, fleetOf(i))
		}
		c := &store.Commit{Checkpoints: map[string][]byte{watch.CursorCheckpoint: []byte(`{"seq":1}`), "poller/main": []byte("{}")}}
		for i := range 10 {
			id := fmt.Sprint("m-", i)
			c.Messages = append(c.Messages, alert.Message{ID: id, Channel: "ops", Target: "C0000000001", State: alert.Posted, At: time.Now()})
			c.Silences = append(c.Silences, alert.Silence{ID: "s-" + id, By: "ada", Until: time.Now().Add(time.Hour)})
		}
		require.NoError(t, l.store.Commit(c))
		log = l.log()
		l.stop()
		require.NoError(t, l.failed)
	})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data, log
}

const pageSize = 4096

// corrupt damages a copy of a file as disks do, and says how.
func corrupt(r *rand.Rand, sound []byte, used int) ([]byte, string) {
	data := slices.Clone(sound)
	pages := used / pageSize
	zero := func(page int) { clear(data[page*pageSize : (page+1)*pageSize]) }
	flip := func(in, n int) (how string) {
		for range n {
			at, bit := r.IntN(in), r.IntN(8)
			data[at] ^= 1 << bit
			how += fmt.Sprintf("bit %d of byte %d (%d of page %d) flipped ", bit, at, at%pageSize, at/pageSize)
		}
		return how
	}
	switch r.IntN(20) {
	case 0:
		n := 1 + r.IntN(used)
		return data[:n], fmt.Sprintf("cut to %d bytes", n)
	case 1, 2:
		page := r.IntN(pages)
		zero(page)
		return data, fmt.Sprintf("page %d zeroed", page)
	case 3:
		first := r.IntN(pages)
		behind := min(pages, first+1+r.IntN(20))
		for page := first; page < behind; page++ {
			zero(page)
		}
		return data, fmt.Sprintf("pages from %d to %d zeroed", first, behind-1)
	case 4, 5:
		to, from := r.IntN(pages)*pageSize, r.IntN(pages)*pageSize
		copy(data[to:to+pageSize], sound[from:])
		return data, fmt.Sprintf("page %d in the place of %d", from/pageSize, to/pageSize)
	case 6:
		return data, flip(2*pageSize, 1+r.IntN(40))
	case 7: // headers of pages, and what stands in front
		at := r.IntN(pages)*pageSize + r.IntN(64)
		data[at] ^= 1 << r.IntN(8)
		return data, fmt.Sprintf("a bit of byte %d of page %d flipped", at%pageSize, at/pageSize)
	default:
		return data, flip(used, 1+r.IntN(3))
	}
}

// A store whose file has rotted anywhere never keeps the bot from polling every space, and
// never becomes a change that did not happen. Where something of it is lost people are told.
func TestCorruptedStores(t *testing.T) {
	rounds, seed := 50, uint64(1)
	if testing.Short() {
		rounds = 10
	}
	if n, err := strconv.Atoi(os.Getenv(corruptedVariable)); err == nil {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("NUMWATCH_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	sound, log := soundStore(t)
	used := len(strings.TrimRight(string(sound), "\x00"))
	used += pageSize - used%pageSize
	outcomes, anew := map[string]int{}, 0
	for round := range rounds {
		data, how := corrupt(rand.New(rand.NewPCG(seed, uint64(round))), sound, used)
		t.Run(fmt.Sprintf("seed=%d round=%d", seed, round), func(t *testing.T) {
			t.Log(how)
			path := filepath.Join(t.TempDir(), "db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			t.Cleanup(func() {
				if t.Failed() { // ids and the order of pages differ each time
					kept := filepath.Join(os.TempDir(), fmt.Sprintf("numwatch-corrupted-%d-%d.db", seed, round))
					t.Log(kept, os.WriteFile(kept, data, 0o600))
				}
			})
			synctest.Test(t, func(t *testing.T) {
				code, seen := liveOn(t, path, log)
				outcomes[code]++
				if code == codeRecovered {
					anew += seen
					kept, err := filepath.Glob(path + ".damaged-*")
					require.NoError(t, err)
					require.Len(t, kept, 1)
					before, err := os.ReadFile(kept[0])
					require.NoError(t, err)
					require.Equal(t, data, before)
				}
			})
		})
	}
	t.Logf("%d stores: %d sound, %d with damaged records, %d recovered, in which %d of %d spaces were seen anew", rounds,
		outcomes[""], outcomes[codeDamaged], outcomes[codeRecovered], anew, outcomes[codeRecovered]*corruptedSpaces)
}

// liveOn polls every space as it is, then moves a number and lets another get worse. It
// returns what people are told, and how many spaces are seen as if for the first time.
func liveOn(t *testing.T, path string, log []alert.Event) (code string, anew int) {
	l := startLife(t, path)
	defer l.stop()
	require.NoError(t, l.failed)
	for range 2 {
		for i := range corruptedSpaces {
			l.poll(i, fleetOf(i))
		}
		time.Sleep(2 * time.Minute)
	}
	moved := fleetOf(0)[0]
	for range 2 {
		l.poll(39, append([]phone.Number{moved}, fleetOf(39)...))
		l.poll(0, fleetOf(0)[1:])
		time.Sleep(2 * time.Minute)
	}
	require.NoError(t, l.failed)
	code, _ = l.damage.problem()
	var changes []string
	told := map[string]bool{}
	first := map[string]bool{}
	for _, e := range l.log()[l.begun:] {
		switch {
		case e.Kind == alert.KindChange && e.Change.Subject.PhoneNumber != "":
			if e.Change.Baseline {
				first[e.Change.Subject.Space] = true
				continue
			}
			changes = append(changes, fmt.Sprintf("%s %s %s→%s", e.Change.Subject, e.Change.Field, e.Change.Old, e.Change.New))
		case e.Kind == alert.KindBot:
			told[e.Notice.Kind] = true
		case e.Kind == alert.KindAlert && e.Alert.Rule == "store-damaged":
			told[e.Alert.Transition.String()] = true
		}
	}
	want := []string{"main/s39/" + moved.PhoneNumber + " Number →APPEARED", "main/s0/" + moved.PhoneNumber + " Number APPEARED→MOVED"}
	require.Equal(t, want, changes)
	if code == "" {
		require.Empty(t, first, "a space is seen anew, and nobody is told")
		require.Equal(t, log, l.log()[:len(log)], "history is lost, and nobody is told")
	} else {
		require.Equal(t, map[string]bool{"record-damaged": true, "opened": true}, told)
	}
	return code, len(first)
}

// A bot that meets damaged pages while it works ends. What it started with is recovered by the
// next start, which polls everything again.
func TestPagesDamagedWhileTheBotWorks(t *testing.T) {
	sound, _ := soundStore(t)
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, sound, 0o600))
	synctest.Test(t, func(t *testing.T) {
		l := startLife(t, path)
		require.NoError(t, l.failed)
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.WriteAt(make([]byte, len(sound)/2), 2*pageSize)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		for i := range corruptedSpaces {
			l.poll(i, fleetOf(i)[1:])
		}
		l.stop()
		require.True(t, store.Corrupt(l.failed), "%v", l.failed)
	})
	synctest.Test(t, func(t *testing.T) {
		l := startLife(t, path)
		for i := range corruptedSpaces {
			l.poll(i, fleetOf(i))
		}
		l.stop()
		require.NoError(t, l.failed)
		code, _ := l.damage.problem()
		require.Equal(t, codeRecovered, code)
	})
}
