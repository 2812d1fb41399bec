package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
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
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/schedule"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const rulesFile = `
version: 1
defaults: {notify: [ops]}
channels:
  ops: {slack: C0000000001}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}"}
  - {name: banned, on: Status, to: [BANNED], severity: critical, summary: "{PhoneNumber} is {New}"}
  - {name: missing, on: Number, to: [MISSING], severity: high, summary: "{PhoneNumber} is gone"}
  - {name: blind, on: Poll, to: [FAILING, DENIED], severity: high, summary: "{Space} is {New}: {Code}"}
  - {name: parked, on: Sink, to: [PARKED], severity: high, summary: "{Part} is {New}"}
  - {name: refused, on: Rules, to: [REFUSED], severity: high, summary: "{Reason}"}
  - {name: ending, on: Silence, to: [ENDING], severity: warning, summary: "{Reason}"}
`

// messenger remembers what it was told.
type messenger struct {
	mu       sync.Mutex
	alerts   []alert.Alert
	rounds   []string
	notices  []string
	channels int
}

func (b *messenger) Update(a []alert.Alert) {
	b.mu.Lock()
	b.alerts = append(b.alerts, a...)
	b.mu.Unlock()
}

func (b *messenger) BaselineDone(account string) {
	b.mu.Lock()
	b.rounds = append(b.rounds, account)
	b.mu.Unlock()
}

func (b *messenger) Notice(text string) {
	b.mu.Lock()
	b.notices = append(b.notices, text)
	b.mu.Unlock()
}

func (b *messenger) Channels(set []rules.Channel) { b.mu.Lock(); b.channels = len(set); b.mu.Unlock() }

// told lists the notices in order.
func (b *messenger) told() []string { b.mu.Lock(); defer b.mu.Unlock(); return slices.Clone(b.notices) }

// said lists the transitions in order.
func (b *messenger) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []string{}
	for _, a := range b.alerts {
		out = append(out, fmt.Sprintf("%s %s %s", a.Rule, a.Subject, a.Transition))
	}
	b.alerts = nil
	return out
}

// flaky is a store whose commits fail as long as broken is set.
type flaky struct {
	*store.Store
	mu      sync.Mutex
	broken  error
	commits int
	drops   int // of spaces by one commit, at most
	most    int
	hang    chan struct{} // if it is there, a commit waits until it is closed
}

func (f *flaky) Commit(c *store.Commit) error {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	f.commits++
	f.drops = max(f.drops, len(c.DropSpaces))
	return f.Store.Commit(c)
}

func (f *flaky) ReadLog(from uint64, limit int) ([]alert.Event, error) {
	f.mu.Lock()
	f.most = max(f.most, limit)
	f.mu.Unlock()
	return f.Store.ReadLog(from, limit)
}

// read is how many events were asked for at once, at most.
func (f *flaky) read() int { f.mu.Lock(); defer f.mu.Unlock(); return f.most }

// hangUntil has commits wait until the function it returns is called.
func (f *flaky) hangUntil() (released func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = make(chan struct{})
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		close(f.hang)
		f.hang = nil
	}
}

func (f *flaky) breakWith(err error) { f.mu.Lock(); f.broken = err; f.mu.Unlock() }

// bench is a loop at work on a real store.
type bench struct {
	t         *testing.T
	loop      *watch.Loop
	store     *flaky
	messenger *messenger
	logged    *logged
	stop      func()

	health   sync.Map // *health.Account by name
	answered sync.Map // time.Time of the last good answer, by phone.SpaceKey
}

// healthOf returns the health of an account, which the store knows from earlier.
func (b *bench) healthOf(account string) *health.Account {
	stored, err := b.store.Conditions()
	require.NoError(b.t, err)
	h, _ := b.health.LoadOrStore(account, health.New(account, stored))
	return h.(*health.Account)
}

// setSpaces replaces an account's spaces, as the bot does.
func (b *bench) setSpaces(account string, spaces []phone.Space) {
	b.t.Helper()
	require.NoError(b.t, b.loop.SetSpaces(context.Background(), account, spaces))
	b.polled(account, spaces)
}

// polled says that an account's spaces are polled from now on.
func (b *bench) polled(account string, spaces []phone.Space) {
	var ids []string
	for _, s := range spaces {
		ids = append(ids, s.ID)
	}
	b.healthOf(account).SetSpaces(ids, time.Now())
}

// deliver hands a result on as a poller does.
func (b *bench) deliver(r poller.Result) schedule.Outcome {
	b.t.Helper()
	if at, ok := b.answered.Load(r.Space); ok {
		r.Previous = at.(time.Time)
	}
	poller.Observe(b.healthOf(r.Space.Account), r)
	out, err := b.loop.Deliver(context.Background(), r)
	require.NoError(b.t, err)
	if r.Err == nil {
		b.answered.Store(r.Space, r.At)
	}
	return out
}

// logged is what the loop has logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}
func (l *logged) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// open returns the alerts that are pending or firing, by what is committed.
func (b *bench) open() []alert.Alert {
	b.t.Helper()
	all, err := b.store.Alerts()
	require.NoError(b.t, err)
	return slices.DeleteFunc(all, func(a alert.Alert) bool { return a.State.Closed() })
}

var spaces = []phone.Space{
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}, Name: "Acme"},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "2"}},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "3"}},
}

func start(t *testing.T, path string) *bench {
	t.Helper()
	b := run(t, path)
	b.setSpaces("main", spaces)
	require.NoError(t, b.loop.Started(context.Background()))
	return b
}

// run is start without any space.
func run(t *testing.T, path string) *bench {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", []byte(rulesFile))
	require.NoError(t, err)
	b := &bench{t: t, store: &flaky{Store: s}, messenger: &messenger{}, logged: &logged{}}
	b.loop, err = watch.New(watch.Options{
		Store: b.store, Rules: set, Directory: watch.NewDirectory(), Messenger: b.messenger, Wake: func() {},
		Diff:        diff.Options{MissingAfter: 2, MissingFor: time.Minute},
		Health:      b.healthOf,
		LongestWait: func(string) time.Duration { return 5 * time.Minute },
		History:     24 * time.Hour,
		Log:         slog.New(slog.NewTextHandler(b.logged, nil)),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.loop.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
	})
	t.Cleanup(b.stop)
	return b
}

func number(phoneNumber, status, quality string) phone.Number {
	n := phone.Number{PhoneNumber: phoneNumber}
	n.Set(phone.Status, status)
	n.Set(phone.QualityRating, quality)
	return n
}

func (b *bench) poll(space string, numbers ...phone.Number) schedule.Outcome {
	b.t.Helper()
	k := phone.SpaceKey{Account: "main", ID: space}
	return b.deliver(poller.Result{
		Space: k, Started: time.Now(), At: time.Now(), Snapshot: &phone.Snapshot{Space: k, Numbers: numbers, At: time.Now(), RequestId: "R"},
	})
}

func (b *bench) fail(space string, class cams.Class, code string) {
	b.t.Helper()
	k := phone.SpaceKey{Account: "main", ID: space}
	b.deliver(poller.Result{
		Space: k, Started: time.Now(), At: time.Now(), Err: &cams.Error{Class: class, Account: "main", Space: space, Code: code},
	})
}

func (b *bench) log() []string {
	b.t.Helper()
	events, err := b.store.ReadLog(1, 1000)
	require.NoError(b.t, err)
	var out []string
	for _, e := range events {
		switch e.Kind {
		case alert.KindChange:
			out = append(out, fmt.Sprintf("%s %s→%s", e.Change.Field, e.Change.Old, e.Change.New))
		case alert.KindAlert:
			out = append(out, fmt.Sprintf("%s %s", e.Alert.Rule, e.Alert.Transition))
		default:
			out = append(out, e.Notice.Kind)
		}
	}
	return out
}

func TestAChangeIsLoggedJudgedAndShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	require.Equal(t, schedule.Outcome{}, b.poll("1", number("86", "CONNECTED", "GREEN")))
	require.Equal(t, schedule.Outcome{Changes: 1, Hot: true}, b.poll("1", number("86", "CONNECTED", "YELLOW")))
	require.Equal(t, schedule.Outcome{Changes: 1}, b.poll("1", number("86", "CONNECTED", "RED")))
	require.Equal(t, []string{"quality-red main/1/86 opened"}, b.messenger.said())
	b.stop()

	b = start(t, path)
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	require.Equal(t, []string{"quality-red main/1/86 resolved"}, b.messenger.said(), "the alert was open over the restart")
	require.Equal(t, []string{
		"Number →APPEARED", "QualityRating GREEN→YELLOW", "QualityRating YELLOW→RED", "quality-red opened",
		"QualityRating RED→GREEN", "quality-red resolved",
	}, b.log())
}

func TestAnUnchangedPollWritesNothing(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	before := b.store.commits
	for range 5 {
		require.Equal(t, schedule.Outcome{}, b.poll("1", number("86", "CONNECTED", "GREEN")))
	}
	require.Equal(t, before, b.store.commits)
}

// Sinks go on while polls come faster than they can be stored.
func TestWhatIsNoPollGoesBeforeAllPollsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.store.breakWith(errors.New("no room"))
		var delivered atomic.Int64
		var polls sync.WaitGroup
		for i := range 800 {
			polls.Go(func() {
				b.poll("1", number(fmt.Sprint(i), "CONNECTED", "GREEN"))
				delivered.Add(1)
			})
		}
		synctest.Wait()
		recorded := make(chan int64)
		go func() {
			err := b.loop.Record(context.Background(), alert.DeliveryUpdate{Cursor: &alert.Cursor{Seq: 1}})
			if err != nil {
				t.Error(err)
			}
			recorded <- delivered.Load()
		}()
		synctest.Wait()
		b.store.breakWith(nil)
		require.Less(t, <-recorded, int64(400))
		polls.Wait()
		b.stop()
	})
}

func TestSeenAfterIsTheLastPollAlthoughItWasNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", number("86", "CONNECTED", "GREEN"))
		time.Sleep(5 * time.Minute)
		b.poll("1", number("86", "CONNECTED", "GREEN"))
		b.poll("2") // else the account is late
		unchanged := time.Now()
		time.Sleep(5 * time.Minute)
		b.poll("1", number("86", "BANNED", "GREEN"))
		events, err := b.store.ReadLog(2, 1)
		require.NoError(t, err)
		require.True(t, unchanged.Equal(events[0].Change.SeenAfter))
		b.stop()
	})
}

func TestANumberThatMovedIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", number("86", "BANNED", "GREEN"), number("87", "CONNECTED", "GREEN"), number("88", "CONNECTED", "GREEN"))
		b.poll("2")
		b.poll("2", number("86", "CONNECTED", "GREEN"))
		b.messenger.said()
		for range 3 {
			time.Sleep(time.Minute)
			b.poll("1", number("87", "CONNECTED", "GREEN"), number("88", "CONNECTED", "GREEN"))
		}
		require.Equal(t, []string{"banned main/1/86 ended"}, b.messenger.said())
		log := b.log()
		require.Contains(t, log, "Number APPEARED→MOVED")
		require.NotContains(t, log, "missing opened")
		events, err := b.store.ReadLog(1, 100)
		require.NoError(t, err)
		moved := 0
		for _, e := range events {
			if e.Kind == alert.KindChange && e.Change.MovedFrom == "1" && e.Change.Subject.Space == "2" {
				moved++
			}
		}
		require.Equal(t, 1, moved)
		b.stop()
	})
}

func TestFailedPollsChangeNoNumber(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	for _, class := range []cams.Class{cams.Throttled, cams.Transient, cams.Inconsistent, cams.Clock} {
		b.fail("1", class, "X")
		require.Equal(t, schedule.Outcome{}, b.poll("1", number("86", "CONNECTED", "GREEN")))
	}
	require.Equal(t, []string{"Number →APPEARED"}, b.log())
	require.Empty(t, b.messenger.said())
}

func TestASpaceThatKeepsFailingIsOneAlert(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	for range 5 {
		b.fail("1", cams.Transient, "ServiceUnavailable")
	}
	require.Equal(t, []string{"blind main/1 opened"}, b.messenger.said())
	b.fail("1", cams.DeniedSpace, "Unknown.ResourceOwnerId")
	require.Equal(t, []string{"blind main/1 worse"}, b.messenger.said())
	b.fail("1", cams.Transient, "ServiceUnavailable")
	require.Empty(t, b.messenger.said(), "what is denied stays so until a poll succeeds")
	b.poll("1")
	require.Equal(t, []string{"blind main/1 resolved"}, b.messenger.said())
}

func TestADeniedAccountIsOneAlert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	for _, s := range spaces {
		b.fail(s.ID, cams.DeniedAccount, "InvalidAccessKeyId.NotFound")
	}
	require.Equal(t, []string{"blind main opened"}, b.messenger.said())
	b.stop()
	b = start(t, path)
	b.fail("1", cams.DeniedAccount, "InvalidAccessKeyId.NotFound")
	require.Empty(t, b.messenger.said(), "it is known over the restart")
	b.poll("2")
	require.Equal(t, []string{"blind main resolved"}, b.messenger.said())
}

func TestAPollThatWasUnderWayDoesNotSpeakForADeniedAccount(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	k := phone.SpaceKey{Account: "main", ID: "2"}
	before := time.Now()
	b.fail("1", cams.DeniedAccount, "NoPermission")
	b.deliver(poller.Result{
		Space: k, Started: before, At: time.Now(), Snapshot: &phone.Snapshot{Space: k, At: time.Now()},
	})
	require.Equal(t, []string{"blind main opened"}, b.messenger.said())
	b.poll("2")
	require.Equal(t, []string{"blind main resolved"}, b.messenger.said())
}

func TestAnOutageOfTheAccountIsOneAlert(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	for range 4 {
		for _, s := range spaces {
			b.fail(s.ID, cams.Transient, "")
		}
	}
	require.Equal(t, []string{"blind main opened"}, b.messenger.said())
}

func TestASpaceThatNobodyPollsIsBlind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		for range 20 {
			b.poll("1")
			b.poll("2")
			b.fail("3", cams.Throttled, "Throttling.User")
			time.Sleep(time.Minute)
		}
		require.Equal(t, []string{"blind main/3 opened"}, b.messenger.said())
		b.stop()
	})
}

func TestTheBotTellsOfItsSinks(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	parked := alert.SinkReport{Component: "slack:ops", Value: phone.Parked, Code: "is_archived", At: time.Now()}
	for range 2 {
		require.NoError(t, b.loop.Record(context.Background(), alert.DeliveryUpdate{Sink: &parked}))
	}
	require.Equal(t, []string{"parked slack:ops opened"}, b.messenger.said())
	parked.Value = phone.OK
	require.NoError(t, b.loop.Record(context.Background(), alert.DeliveryUpdate{Sink: &parked}))
	require.Equal(t, []string{"parked slack:ops resolved"}, b.messenger.said())
}

// An editor saves one broken file after the other.
func TestWhatIsWrongWithTheRulesIsThatOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	report := func(value, reason string) {
		require.NoError(t, b.loop.Report(t.Context(), phone.Condition{
			Subject: phone.Subject{Component: "rules"}, Field: phone.Rules, Value: value, Reason: reason, Since: time.Now(),
		}))
	}
	report(phone.OK, "")
	report(phone.Refused, "line 1")
	require.Equal(t, []string{"refused rules opened"}, b.messenger.said())
	before := b.open()[0]
	report(phone.Refused, "line 2")
	report(phone.Refused, "line 2")
	require.Equal(t, []string{"refused rules opened"}, b.messenger.said(), "once, and it is no transition")
	now := b.open()[0]
	require.Equal(t, "line 2", now.Summary.Plain())
	require.Equal(t, before.Revision, now.Revision)
	require.NotEqual(t, before.Annotations(), now.Annotations(), "messages show another text")
	require.Equal(t, phone.OK, now.Change.Old)
	b.stop()

	b = start(t, path)
	conditions, err := b.store.Conditions()
	require.NoError(t, err)
	require.Equal(t, "line 2", conditions[0].Reason)
	b.messenger.said()
	report(phone.OK, "the file is valid")
	require.Equal(t, []string{"refused rules resolved"}, b.messenger.said())
	conditions, err = b.store.Conditions()
	require.NoError(t, err)
	require.Empty(t, conditions)
}

func TestReceiptsAreStored(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	ctx := context.Background()
	b.poll("1", number("86", "BANNED", "GREEN"))
	open := b.open()
	require.Len(t, open, 1)
	require.NoError(t, b.loop.Record(ctx, alert.DeliveryUpdate{
		Messages: []alert.Message{{ID: "m1", Channel: "ops"}, {ID: "m2", Channel: "ops"}}, Cursor: &alert.Cursor{Seq: 2},
	}))
	require.NoError(t, b.loop.Record(ctx, alert.DeliveryUpdate{Drop: []string{"m1"}, Forget: []string{open[0].ID}}))
	messages, err := b.store.Messages()
	require.NoError(t, err)
	require.Len(t, messages, 1)
	alerts, err := b.store.Alerts()
	require.NoError(t, err)
	require.Len(t, alerts, 1, "the sink did not know yet that it is open")
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	require.NoError(t, b.loop.Record(ctx, alert.DeliveryUpdate{Forget: []string{open[0].ID}}))
	alerts, err = b.store.Alerts()
	require.NoError(t, err)
	require.Empty(t, alerts)
	cursor, err := b.store.Checkpoint(watch.CursorCheckpoint)
	require.NoError(t, err)
	require.Contains(t, string(cursor), `"seq":2`)
}

func TestAFailedCommitIsTriedAgainAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", number("86", "CONNECTED", "GREEN"))
		b.store.breakWith(errors.New("no space left on device"))
		polled := make(chan struct{})
		go func() {
			b.poll("1", number("86", "BANNED", "GREEN"))
			close(polled)
		}()
		time.Sleep(time.Minute)
		require.ErrorContains(t, b.loop.Ready(), "no space left on device")
		require.Len(t, b.messenger.told(), 1)
		require.Empty(t, b.messenger.said(), "nobody is told before it is stored")
		b.store.breakWith(nil)
		<-polled
		require.NoError(t, b.loop.Ready())
		require.Equal(t, []string{"banned main/1/86 opened"}, b.messenger.said())
		require.Equal(t, []string{"Number →APPEARED", "Status CONNECTED→BANNED", "banned opened"}, b.log())
		b.stop()
	})
}

// On a disk or a network file system that hangs, a commit neither succeeds nor fails.
func TestACommitThatHangsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		released := b.store.hangUntil()
		polled := make(chan struct{})
		go func() {
			b.poll("1", number("86", "BANNED", "GREEN"))
			close(polled)
		}()
		time.Sleep(9 * time.Second)
		require.NoError(t, b.loop.Ready())
		require.Empty(t, b.messenger.told())
		time.Sleep(2 * time.Second)
		require.ErrorContains(t, b.loop.Ready(), "the store does not respond")
		require.Len(t, b.messenger.told(), 1)
		require.Contains(t, b.logged.String(), "the store does not respond")
		time.Sleep(time.Hour)
		require.Error(t, b.loop.Ready())
		require.Len(t, b.messenger.told(), 1, "people are notified once")

		released()
		<-polled
		synctest.Wait()
		require.NoError(t, b.loop.Ready())
		require.Contains(t, b.logged.String(), "the store responds again")
		b.stop()
	})
}

// Whoever gives up waiting gets nothing that the loop may still be writing.
func TestWhoeverGivesUpGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		for name, give := range map[string]func(context.Context) (any, error){
			"a poll": func(ctx context.Context) (any, error) {
				now := time.Now()
				snap := &phone.Snapshot{Space: spaces[0].SpaceKey, At: now, Numbers: []phone.Number{number("86", "FLAGGED", "RED")}}
				return b.loop.Deliver(ctx, poller.Result{Space: snap.Space, Started: now, At: now, Snapshot: snap})
			},
			"a request": func(ctx context.Context) (any, error) { return b.loop.Drill(ctx, "banned", "", "ada") },
		} {
			released := b.store.hangUntil()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got, err := give(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			require.Zero(t, got, name)
			released()
			synctest.Wait()
		}
		b.stop()
	})
}

// While results wait in hundreds no more are asked for: each holds a list of numbers.
func TestTheLoopSaysThatItIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		released := b.store.hangUntil()
		var polls sync.WaitGroup
		polls.Go(func() { b.poll("1", number("86", "BANNED", "GREEN")) })
		synctest.Wait()
		deliver := func(results int) {
			for range results {
				polls.Go(func() {
					now := time.Now()
					_, err := b.loop.Deliver(t.Context(), poller.Result{Space: spaces[0].SpaceKey, Started: now, At: now, Err: &cams.Error{Class: cams.Transient}})
					require.NoError(t, err)
				})
			}
			synctest.Wait()
		}
		deliver(1000)
		require.False(t, b.loop.Behind())
		deliver(23)
		require.True(t, b.loop.Behind())
		released()
		polls.Wait()
		require.False(t, b.loop.Behind())
		b.stop()
	})
}

func TestInputsThatWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.store.breakWith(errors.New("busy"))
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				require.NoError(t, b.loop.Note(context.Background(), alert.Notice{Kind: "start", Text: fmt.Sprint(i)}))
			})
		}
		synctest.Wait()
		before := b.store.commits
		b.store.breakWith(nil)
		wg.Wait()
		require.LessOrEqual(t, b.store.commits-before, 2)
		require.Equal(t, uint64(50), b.store.LastSeq())
		b.stop()
	})
}

func TestReloadPutsNewRulesInForce(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "BANNED", "RED"))
	b.messenger.said()
	set, err := rulefile.Load("rules.yaml", []byte(`
version: 1
channels: {ops: {slack: C0000000001}, more: {slack: C0000000002}}
rules:
  - {name: banned, on: Status, to: [BANNED], severity: critical, summary: "{PhoneNumber}", notify: [ops]}
`))
	require.NoError(t, err)
	require.NoError(t, b.loop.Reload(context.Background(), set))
	require.Contains(t, b.messenger.said(), "quality-red main/1/86 ended")
	require.Equal(t, 2, b.messenger.channels)
	require.Contains(t, b.log(), "rules-reloaded")
}

func TestOldEventsLeaveTheLogOnceNATSHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		ctx := context.Background()
		for range 10 {
			require.NoError(t, b.loop.Note(ctx, alert.Notice{Kind: "start"}))
		}
		require.NoError(t, b.loop.Record(ctx, alert.DeliveryUpdate{Cursor: &alert.Cursor{Seq: 6}}))
		time.Sleep(23 * time.Hour)
		require.Equal(t, uint64(1), b.store.FirstSeq())
		time.Sleep(2 * time.Hour)
		require.Equal(t, uint64(7), b.store.FirstSeq(), "what NATS does not have stays")
		b.stop()
	})
}

// What another replica has made void is not tried again, and nobody is told of it.
func TestALoopThatIsFencedEnds(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", []byte(rulesFile))
	require.NoError(t, err)
	fenced := &flaky{Store: s, broken: fmt.Errorf("appending: %w", store.ErrFenced)}
	told := &messenger{}
	l, err := watch.New(watch.Options{
		Store: fenced, Rules: set, Directory: watch.NewDirectory(), Messenger: told, Wake: func() {}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(t.Context()) }()
	require.ErrorIs(t, l.Note(t.Context(), alert.Notice{Kind: "start"}), store.ErrFenced)
	require.ErrorIs(t, <-ended, store.ErrFenced)
	require.Empty(t, told.told())
	require.NoError(t, s.Close())
}
