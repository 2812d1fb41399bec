package bot

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/config"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/rules"
	"numwatch/store"
)

// Nobody looks at the list any more, and yet the hour ends.
func TestMissingSpacesAreDroppedAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := watchingBot(t, 12)
		a.listed = numbered(1, 1)
		require.NoError(t, b.updateSpaces(t.Context(), a))
		require.Len(t, b.directory.All(), 12)
		require.Len(t, a.missing.Load().Spaces, 11)
		require.Contains(t, listCondition(t, b).Reason, "The list of spaces of account main lacks 11 of 12 spaces: Customer 2, ")

		time.Sleep(missingFor - time.Second)
		synctest.Wait()
		require.Len(t, b.directory.All(), 12)
		time.Sleep(expireEvery + time.Second)
		synctest.Wait()
		require.Equal(t, numbered(1, 1), b.directory.All())
		require.Nil(t, a.missing.Load())
		require.Nil(t, listCondition(t, b), "the alert is over")
		require.Equal(t, []string{"spaces-missing", "spaces-dropped"}, noticesOf(t, b.store))
	})
}

// watchingBot is as much of a bot as watches the spaces of one account.
func watchingBot(t *testing.T, spaces int) (*Bot, *account) {
	b := &Bot{
		config: &config.Config{}, log: slog.New(slog.DiscardHandler), directory: watch.NewDirectory(),
	}
	var err error
	b.store, err = store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	b.loop, err = watch.New(watch.Options{
		Store: b.store, Rules: &rules.Set{}, Directory: b.directory, Messenger: mute{}, Wake: func() {}, Log: b.log,
	})
	require.NoError(t, err)
	a := &account{name: "main", config: &config.Account{Name: "main"}, listed: numbered(1, spaces), health: health.New("main", nil)}
	a.poller = poller.New(poller.Options{
		Account: "main", Pace: ratelimit.NewPace(10), Health: a.health, MaxAge: time.Minute, MinInterval: time.Second,
		Log: b.log, Metrics: prometheus.NewRegistry(),
	})
	b.accounts = []*account{a}
	loopCtx, stopLoop := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(loopCtx)
	ended := make(chan error, 2)
	go func() { ended <- b.loop.Run(loopCtx) }()
	require.NoError(t, b.updateSpaces(t.Context(), a))
	go func() { ended <- b.expireMissing(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		stopLoop()
		require.NoError(t, <-ended)
		require.NoError(t, b.store.Close())
	})
	return b, a
}

// listCondition is what is reported of the account's list; nil where nothing is wrong.
func listCondition(t *testing.T, b *Bot) *phone.Condition {
	conditions, err := b.store.Conditions()
	require.NoError(t, err)
	if len(conditions) == 0 {
		return nil
	}
	require.Equal(t, phone.Subject{Component: "spaces:main"}, conditions[0].Subject)
	require.Equal(t, phone.Missing, conditions[0].Value)
	return &conditions[0]
}

// noticesOf lists the kinds of what the bot said of its spaces.
func noticesOf(t *testing.T, s *store.Store) (kinds []string) {
	events, err := s.ReadLog(s.FirstSeq(), 100)
	require.NoError(t, err)
	for _, e := range events {
		if e.Kind == alert.KindBot && strings.HasPrefix(e.Notice.Kind, "spaces-") {
			kinds = append(kinds, e.Notice.Kind)
		}
	}
	return kinds
}

// People who ask for spaces that nobody misses hear why not.
func TestOnlyMissingSpacesCanBeAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := watchingBot(t, 12)
		_, err := b.acceptSpaces(t.Context(), "other", "ada")
		require.ErrorIs(t, err, alert.ErrNotFound)
		_, err = b.acceptSpaces(t.Context(), "main", "ada")
		require.ErrorIs(t, err, alert.ErrRejected)
		a.listed = numbered(3, 4)
		require.NoError(t, b.updateSpaces(t.Context(), a))
		require.NotNil(t, listCondition(t, b))
		dropped, err := b.acceptSpaces(t.Context(), "main", "ada")
		require.NoError(t, err)
		require.Equal(t, 10, dropped)
		require.Nil(t, listCondition(t, b))
		require.Equal(t, numbered(3, 4), b.directory.All())
		require.False(t, b.directory.Has(phone.SpaceKey{Account: "main", ID: "1"}))
	})
}

// What is missing from a list that is configured no more will never come back.
func TestTheListOfAnAccountThatLeftIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := watchingBot(t, 12)
		a.listed = numbered(1, 1)
		require.NoError(t, b.updateSpaces(t.Context(), a))
		require.NoError(t, b.endListsOfOthers(t.Context()))
		require.NotNil(t, listCondition(t, b))
		b.accounts = nil
		require.NoError(t, b.endListsOfOthers(t.Context()))
		require.Nil(t, listCondition(t, b))
		b.accounts = []*account{a}
	})
}
