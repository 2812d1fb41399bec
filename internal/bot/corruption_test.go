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
		if err := maintain.Verify(os.Args[len(os.Args)-1], os.Args[2] == "--pages", os.Stdout); err != nil {
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

// storeLife is the loop, the view and what tells of damage, at work on a store.
type storeLife struct {
	t      *testing.T
	store  *store.Store
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
	if l.store, l.failed = store.Open(path, store.Options{Damaged: l.damage.found}); l.failed != nil {
		return l
	}
	l.stop = func() { require.NoError(t, l.store.Close()) }
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
	go func() { reported <- l.damage.run(ctx, l.loop, l.loop.Note) }()
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

// soundStore is the file of a store in which every bucket has records.
func soundStore(t *testing.T) []byte {
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
		l.stop()
		require.NoError(t, l.failed)
	})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// corrupt damages a copy of a file as disks do, and says how.
func corrupt(r *rand.Rand, sound []byte, used int) ([]byte, string) {
	const page = 4096
	data := slices.Clone(sound)
	switch kind := r.IntN(20); {
	case kind == 0:
		n := r.IntN(used)
		return data[:n], fmt.Sprintf("cut to %d bytes", n)
	case kind <= 2:
		at := r.IntN(used/page) * page
		clear(data[at : at+page])
		return data, fmt.Sprintf("page %d zeroed", at/page)
	case kind <= 4:
		to, from := r.IntN(used/page)*page, r.IntN(used/page)*page
		copy(data[to:to+page], sound[from:])
		return data, fmt.Sprintf("page %d in the place of %d", from/page, to/page)
	default:
		var flips []string
		for range 1 + r.IntN(3) {
			at, bit := r.IntN(used), r.IntN(8)
			data[at] ^= 1 << bit
			flips = append(flips, fmt.Sprintf("bit %d of byte %d (%d of page %d)", bit, at, at%page, at/page))
		}
		return data, "flipped " + strings.Join(flips, ", ")
	}
}

// A store whose file has rotted anywhere never crashes the bot and never becomes a
// change that did not happen, and where something of it is lost people are told. Where the
// file can be opened the polls of all spaces go on.
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
	self, err := os.Executable()
	require.NoError(t, err)
	sound := soundStore(t)
	used := len(strings.TrimRight(string(sound), "\x00"))
	used += 4096 - used%4096
	path := filepath.Join(t.TempDir(), "db")
	refused, damaged := 0, 0
	for round := range rounds {
		data, how := corrupt(rand.New(rand.NewPCG(seed, uint64(round))), sound, used)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		name := fmt.Sprintf("seed=%d round=%d", seed, round)
		t.Run(name, func(t *testing.T) {
			err := maintain.Verifier{self, verifyArgument}.CheckPages(t.Context(), path)
			if err != nil {
				t.Log(how, err)
				refused++
				require.ErrorContains(t, err, "restore a backup")
				return
			}
			synctest.Test(t, func(t *testing.T) {
				t.Log(how)
				l := liveOn(t, path)
				if l.failed != nil {
					t.Log(l.failed)
					refused++
					require.ErrorContains(t, l.failed, "restore a backup")
				} else if _, problem := l.damage.problem(); problem != "" {
					damaged++
				}
			})
		})
	}
	t.Logf("%d stores: %d refused, %d damaged", rounds, refused, damaged)
}

// liveOn polls every space as it is, then moves a number and lets another get worse.
func liveOn(t *testing.T, path string) *storeLife {
	l := startLife(t, path)
	defer l.stop()
	if l.failed != nil {
		return l
	}
	before := l.store.LastSeq()
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
	if l.failed != nil {
		return l
	}
	_, problem := l.damage.problem()
	var changes []string
	for _, e := range l.log() {
		switch {
		case e.Kind == alert.KindChange && e.Change.Subject.PhoneNumber != "" && e.Seq > before:
			if e.Change.Baseline {
				require.NotEmpty(t, problem, "a space is seen anew, and nobody is told")
				continue
			}
			changes = append(changes, fmt.Sprintf("%s %s %s→%s", e.Change.Subject, e.Change.Field, e.Change.Old, e.Change.New))
		case e.Kind == alert.KindBot && e.Notice.Kind == "record-damaged":
			require.NotEmpty(t, problem)
		}
	}
	want := []string{"main/s39/" + moved.PhoneNumber + " Number →APPEARED", "main/s0/" + moved.PhoneNumber + " Number APPEARED→MOVED"}
	require.Equal(t, want, changes)
	return l
}
