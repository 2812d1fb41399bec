package examples_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/watch"
	"numwatch/notify/jetstream"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const rulesFile = `
version: 1
defaults: {settle_after: 1s}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is RED", action: "Pause marketing."}
  - {name: status-blocked, on: Status, to: [RESTRICTED], severity: critical, summary: "{PhoneNumber} is {New}"}
  - {name: status-disconnected, on: Status, to: [DISCONNECTED], severity: critical, summary: "{PhoneNumber} is {New}"}
  - {name: routing-changed, on: UpCallbackUrl, once: true, severity: high, summary: "{Field} of {PhoneNumber} changed", action: "Set it back."}
`

// bot is numwatch from the result of a poll to the stream, without the cloud
// and Slack.
type bot struct {
	t         *testing.T
	url       string
	loop      *watch.Loop
	store     *store.Store
	publisher *jetstream.Publisher
}

// show is a Slack that nobody looks at.
type show struct{}

func (show) Update([]alert.Alert)     {}
func (show) BaselineDone(string)      {}
func (show) Notice(string)            {}
func (show) Channels([]rules.Channel) {}

func startBot(t *testing.T) *bot {
	b := &bot{t: t}
	server, err := jetstream.NewServer(jetstream.ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	require.NoError(t, server.Start(t.Context()))
	b.url = server.URL()
	b.store, err = store.Open(filepath.Join(t.TempDir(), "numwatch.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	set, err := rulefile.Load("rules.yaml", []byte(rulesFile))
	require.NoError(t, err)
	directory := watch.NewDirectory()
	b.loop, err = watch.New(watch.Options{
		Store: b.store, Rules: set, Directory: directory, Messenger: show{}, Wake: func() { b.publisher.Wake() },
		Diff: diff.Options{MissingAfter: 3, MissingFor: time.Hour}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	b.publisher = jetstream.New(jetstream.Options{
		Log: b.store, Recorder: b.loop, Login: jetstream.Login{Server: server}, PublishChanges: true,
		Renderer: &jetstream.Renderer{Epoch: b.store.Epoch(), Space: directory.Space},
		Stream:   jetstream.StreamOptions{Name: "NUMWATCH", Create: true},
	})
	b.run(b.loop.Run) // outlives what reports to it
	b.run(b.publisher.Run)
	require.NoError(t, b.loop.SetSpaces(t.Context(), "main", b.spaces()))
	return b
}

func (b *bot) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		require.NoError(b.t, <-done)
	})
}

// spaces has one for each number.
func (b *bot) spaces() (all []phone.Space) {
	for _, number := range []string{"8613800000001", "8613800000002", "8613800000003"} {
		all = append(all, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "of-" + number}, Name: "Acme"})
	}
	return all
}

// see has the number polled, with a rating.
func (b *bot) see(number, rating string) { b.seeAs(number, phone.QualityRating, rating) }

// seeAs has the number polled, with all well but one field.
func (b *bot) seeAs(number string, f phone.Field, value string) {
	n := rules.ExampleNumber(number, "Acme", f, value)
	snap := &phone.Snapshot{
		Space: phone.SpaceKey{Account: "main", ID: "of-" + number}, Numbers: []phone.Number{n}, At: time.Now(), RequestId: "R",
	}
	_, err := b.loop.Deliver(b.t.Context(), poller.Result{Space: snap.Space, Snapshot: snap, At: snap.At})
	require.NoError(b.t, err)
}

// settled waits until an alert has stopped flapping.
func (b *bot) settled() {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		events, err := b.store.ReadLog(1, 1000)
		require.NoError(b.t, err)
		return slices.ContainsFunc(events, func(e alert.Event) bool { return e.Alert != nil && e.Alert.Transition == alert.Settled })
	}, soon, 5*time.Millisecond)
}

// published waits until the stream has all.
func (b *bot) published() {
	b.t.Helper()
	end := b.store.LastSeq()
	require.Eventually(b.t, func() bool { return b.publisher.Status().Cursor >= end }, soon, time.Millisecond)
}
