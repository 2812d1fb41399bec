package bot

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

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
		set, err := rulefile.Load("rules.yaml", []byte(strings.Replace(`
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: "#wa-ops"}}
rules: [{name: quality, on: QualityRating, to: [TO], severity: info, summary: x}]
`, "TO", to, 1)))
		require.NoError(t, err)
		return set
	}
	space := func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k} }
	b := backtests{events: s, space: space}
	d, err := b.compare(t.Context(), now, parse("RED"), parse("YELLOW"))
	require.NoError(t, err)
	require.Equal(t, "quality: 0 → 300 messages in #wa-ops", d.Lines[0].String())
	require.True(t, d.Large())

	var told []string
	b.log, b.note = slog.New(slog.DiscardHandler), func(_ context.Context, n alert.Notice) error {
		told = append(told, n.Kind)
		return nil
	}
	set := parse("YELLOW")
	b.noisy = func(_ context.Context, noisy *rules.Set, reason string) {
		require.Same(t, set, noisy)
		told = append(told, reason)
	}
	b.publish(t.Context(), now, set, d)
	require.Equal(t, []string{
		"rules-backtested", "In the last 4 days, it would have sent, old → new: quality: 0 → 300 messages in #wa-ops",
	}, told)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.compare(ctx, now, parse("RED"), parse("YELLOW"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestRulesThatFollowQuicklyAreComparedOnce(t *testing.T) {
	b := backtests{wake: make(chan struct{}, 1)}
	sets := make([]*rules.Set, 3)
	for i := range sets {
		var err error
		sets[i], err = rulefile.Load("rules.yaml", []byte(rulesOfVersion(i)))
		require.NoError(t, err)
	}
	b.request(sets[0], sets[1])
	b.request(sets[1], sets[2])
	old, set := b.next()
	require.Same(t, sets[0], old)
	require.Same(t, sets[2], set)
	old, _ = b.next()
	require.Nil(t, old)
	require.Len(t, b.wake, 1)
	require.Nil(t, b.latest())
}
