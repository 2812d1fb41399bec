package channels

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/config"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

// loop keeps what is reported.
type loop struct {
	mu     sync.Mutex
	states map[string]string
	store  *store.Store
}

func (l *loop) Save(context.Context, string, []byte) error { return nil }

func (l *loop) Record(_ context.Context, r alert.DeliveryUpdate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states[r.Sink.Component] = r.Sink.Value + ": " + r.Sink.Reason
	return l.store.Commit(&store.Commit{Conditions: []phone.Condition{r.Sink.Condition()}})
}

func (l *loop) state(component string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.states[component]
}

func newSet(t *testing.T, s *store.Store, named ...rules.Channel) (*Set, *loop) {
	l := &loop{states: map[string]string{}, store: s}
	set, err := New(Options{
		Channels: []config.Channel{
			{Name: "siem", Type: "webhook", URL: config.NewSecret("https://siem.example.com"), Events: []string{"alert"}},
			{Name: "all", Type: "webhook", URL: config.NewSecret("https://all.example.com"), Events: []string{"alert", "change"}},
		},
		Rules: named, Store: s, Loop: l, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return set, l
}

func openStore(t *testing.T) *store.Store {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func to(target, name string) rules.Channel {
	return rules.Channel{Name: name, Kind: rules.Webhook, Target: target}
}

func TestWhichEventsAreForWhichWebhook(t *testing.T) {
	s, _ := newSet(t, openStore(t))
	wants := func(i int, e alert.Event) bool { return wants(&s.o.Channels[i], &e) }
	of := func(webhooks ...string) alert.Event {
		return alert.Event{Kind: alert.KindAlert, Alert: &alert.Alert{Channels: []string{"siem", "security"}, Followers: webhooks}}
	}
	require.True(t, wants(0, of("all", "siem")))
	require.False(t, wants(0, of("all")), "rules name channels, not webhooks")
	require.False(t, wants(0, of()))
	require.True(t, wants(1, of("all")))
	change, notice := alert.Event{Kind: alert.KindChange}, alert.Event{Kind: alert.KindBot, Notice: &alert.Notice{}}
	require.False(t, wants(0, change))
	require.True(t, wants(1, change))
	require.False(t, wants(1, notice))
}

// A webhook may be far behind while rules.yaml gives its channel another name: what waits
// for it, and what then happens to alerts that it knows, is still for it.
func TestAChannelIsRenamedWhileItsWebhookIsBehind(t *testing.T) {
	compile := func(channel string) *rules.Set {
		const text = "version: 1\nchannels: {%[1]s: {webhook: siem}}\ndefaults: {notify: [%[1]s]}\nrules:\n  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x}\n"
		set, err := rulefile.Load("rules.yaml", fmt.Appendf(nil, text, channel))
		require.NoError(t, err)
		return set
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	see := func(set *rules.Set, state *rules.State, from, to string) alert.Event {
		n := phone.Number{PhoneNumber: "8613800001111"}
		n.Set(phone.QualityRating, to)
		out := set.Step(state, rules.Seen{Changes: []phone.Change{{
			Subject: phone.Subject{Account: "main", Space: "1", PhoneNumber: n.PhoneNumber}, Field: phone.QualityRating, Old: from, New: to, SeenAt: now, Number: &n,
		}}}, now)
		require.Len(t, out, 1)
		state.Apply(out[0])
		return alert.Event{Kind: alert.KindAlert, Alert: &out[0]}
	}
	before, after, state := compile("audit"), compile("security"), rules.NewState(nil)
	s, _ := newSet(t, openStore(t), before.Channels()...)
	opened := see(before, state, "GREEN", "RED")
	s.Name(after.Channels())
	for _, a := range after.Step(state, rules.Reloaded{}, now) {
		state.Apply(a)
	}
	resolved := see(after, state, "RED", "GREEN")
	for _, e := range []alert.Event{opened, resolved} {
		require.True(t, wants(&s.o.Channels[0], &e), e.Alert.Transition)
		require.False(t, wants(&s.o.Channels[1], &e), e.Alert.Transition)
	}
}

// Rules may name a webhook before anybody has configured it: that is said, and over once
// it is mended, now or at the next start.
func TestWebhooksThatAreNotConfiguredAreReported(t *testing.T) {
	db := openStore(t)
	synctest.Test(t, func(t *testing.T) {
		s, l := newSet(t, db, to("siem", "security"), to("typo", "audit"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.ReportUnknown(ctx) }()
		synctest.Wait()
		require.Contains(t, l.state("webhook:typo"), "PARKED: channel audit: the rules name the webhook typo, which is not in config.yaml")
		require.Empty(t, l.state("webhook:siem"))
		s.Name([]rules.Channel{to("siem", "audit"), to("other", "audit")})
		synctest.Wait()
		require.Contains(t, l.state("webhook:typo"), "OK")
		require.Contains(t, l.state("webhook:other"), "PARKED")
		cancel()
		require.NoError(t, <-done)
	})
	synctest.Test(t, func(t *testing.T) {
		s, l := newSet(t, db, to("siem", "audit"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.ReportUnknown(ctx) }()
		synctest.Wait()
		require.Contains(t, l.state("webhook:other"), "OK", "of an earlier run")
		cancel()
		require.NoError(t, <-done)
	})
}

func TestSinksAreInTheOrderOfTheChannels(t *testing.T) {
	s, _ := newSet(t, openStore(t))
	var names []string
	for _, sink := range s.Sinks() {
		names = append(names, sink.Component())
	}
	require.Equal(t, []string{"webhook:siem", "webhook:all"}, names)
}

func TestAChannelHasOneTypeInBothFiles(t *testing.T) {
	all := []config.Channel{{Name: "siem", Type: "webhook"}}
	require.NoError(t, Unknown(&rules.Channel{Kind: rules.Webhook, Target: "siem"}, all))
	require.NoError(t, Unknown(&rules.Channel{Kind: rules.Slack, Target: "#siem"}, all))
	require.ErrorContains(t, Unknown(&rules.Channel{Kind: rules.Alertmanager, Target: "siem"}, all), "channels.siem has the type webhook")
}
