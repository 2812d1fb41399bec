package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/store"
)

const rulesFile = `
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: C0123456789}}
rules:
  - {name: quality-red, on: QualityRating, to: [RED], severity: critical, summary: "Quality of {PhoneNumber} ({VerifiedName}) is RED, was {Old}"}
  - {name: banned, on: Status, to: [BANNED], severity: critical, summary: "{PhoneNumber} ({VerifiedName}) was banned"}
`

// number is one number with values of a usual length.
func number(i int, quality string) map[string]string {
	return map[string]string{
		"PhoneNumber": fmt.Sprintf("8613800%06d", i), "VerifiedName": fmt.Sprintf("Customer %d", i), "Status": "CONNECTED",
		"QualityRating": quality, "CodeVerificationStatus": "VERIFIED", "NewNameStatus": "Approval", "NameStatus": "Approval",
		"MessagingLimitTier": "TIER_10K", "StatusQueue": "alicom-0939-status-queue", "UpQueue": "alicom-0939-up-queue",
		"UpCallbackUrl":     fmt.Sprintf("https://hooks.customer-%d.example/inbound?token=0123456789abcdef", i),
		"StatusCallbackUrl": fmt.Sprintf("https://hooks.customer-%d.example/status?token=0123456789abcdef", i),
		"IsOfficial":        "N",
	}
}

func phoneNumber(i int, quality string) phone.Number {
	n := phone.Number{}
	for name, value := range number(i, quality) {
		if f, ok := phone.ParseField(name); ok && f.OfNumber() {
			n.Set(f, value)
		}
		if name == "PhoneNumber" {
			n.PhoneNumber = value
		}
	}
	return n
}

// canned serves the same answer always, so that the server costs little.
func canned(tb testing.TB, numbers int) string {
	list := []map[string]string{}
	for i := range numbers {
		list = append(list, number(i, "GREEN"))
	}
	body, err := json.Marshal(map[string]any{
		"Code": "OK", "Success": true, "Message": "None", "AccessDeniedDetail": "None",
		"RequestId": "90E63D28-E31D-1EB2-8939-A94866411B2O", "PhoneNumbers": list,
	})
	require.NoError(tb, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

// silent shows nothing to nobody.
type silent struct{}

func (silent) Update([]alert.Alert)     {}
func (silent) BaselineDone(string)      {}
func (silent) Notice(string)            {}
func (silent) Channels([]rules.Channel) {}

// loop runs the real loop on a real store.
func loop(tb testing.TB, spaces []phone.Space, wake func()) (*watch.Loop, *store.Store, *watch.Directory) {
	return loopOn(tb, filepath.Join(tb.TempDir(), "numwatch.db"), spaces, wake)
}

func loopOn(tb testing.TB, path string, spaces []phone.Space, wake func()) (*watch.Loop, *store.Store, *watch.Directory) {
	s, err := store.Open(path, store.Options{})
	require.NoError(tb, err)
	set, err := rulefile.Load("rules.yaml", []byte(rulesFile))
	require.NoError(tb, err)
	directory := watch.NewDirectory()
	l, err := watch.New(watch.Options{
		Store: s, Rules: set, Directory: directory, Messenger: silent{}, Wake: wake,
		Diff: diff.Options{MissingAfter: 3, MissingFor: 10 * time.Minute}, Log: slog.New(slog.DiscardHandler), Committed: func(*store.Commit) { commits.Add(1) },
	})
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		require.NoError(tb, <-done)
		require.NoError(tb, s.Close())
	})
	require.NoError(tb, l.SetSpaces(ctx, "main", spaces))
	return l, s, directory
}
