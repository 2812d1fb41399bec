package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/web/api"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bot is a running bot as the handler sees it: what is set before options is in its
// store and view, and what operators ask for is committed to the view.
type bot struct {
	mu       sync.Mutex // guards alerts and silences, which change while pages look on
	notReady error
	status   api.Status
	alerts   []alert.Alert
	spaces   []phone.Space
	polled   map[phone.SpaceKey]time.Time
	numbers  []view.Row
	events   []alert.Event
	bars     []view.Bar // changes by the half hour up to noon
	messages []alert.Message
	silences []alert.Silence
	rules    api.Rules
	pictured bool // without hostile text in what explains an alert
	// neverPolled: no space has a state stored.
	neverPolled bool
	counting    bool  // the view is not built yet
	broken      error // of the store, when it is read
	refuse      error // of what operators ask for
	copies      func(io.Writer) error
	reloads     int
	retried     []string // dead letters
	retries     int      // of parked channels
	ending      chan struct{}
	log         strings.Builder

	view *view.View
}

// brokenStore is a store that fails to be read when the bot says so.
type brokenStore struct {
	*store.Store
	b *bot
}

func (s brokenStore) EachNumber(enter func(phone.SpaceKey) bool, visit func(phone.SpaceKey, *store.StoredNumber) bool) error {
	return cmp.Or(s.b.broken, s.Store.EachNumber(enter, visit))
}

func (s brokenStore) SpaceState(k phone.SpaceKey) (*phone.SpaceState, error) {
	state, err := s.Store.SpaceState(k)
	return state, cmp.Or(s.b.broken, err)
}

func (s brokenStore) ReadLog(from uint64, limit int) ([]alert.Event, error) {
	events, err := s.Store.ReadLog(from, limit)
	return events, cmp.Or(s.b.broken, err)
}

func (b *bot) options(t testing.TB) Options {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "numwatch.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Commit(&store.Commit{
		SpaceStates: b.spaceStates(), Events: b.logged(), Alerts: b.alerts, Messages: b.messages, Silences: b.silences,
	}))
	b.view, err = view.New(brokenStore{s, b})
	require.NoError(t, err)
	for k, at := range b.polled {
		b.view.Polled(k, at)
	}
	if !b.counting {
		require.NoError(t, b.view.Build(t.Context()))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "numwatch_test_total", Help: "A test."}))
	return Options{
		View:    b.view,
		Ready:   func() error { return b.notReady },
		Version: b.status.Version, Started: b.status.Started,
		Accounts: func() []api.AccountStatus { return b.status.Accounts },
		Hints:    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		Receipts: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) },

		HintStatus: func() *api.HintsStatus { return b.status.Hints },
		Sinks:      func() []api.SinkStatus { return b.status.Sinks },
		Store:      func() api.StoreStatus { return b.status.Store },
		Spaces:     func() []phone.Space { return b.spaces },
		Space:      b.space,
		Slack:      b, Operator: b, Rules: func() api.Rules { return b.rules }, Explain: b.explain, Ending: b.ending,
		Backup: func(w io.Writer) (int64, error) {
			if b.copies != nil {
				return 0, b.copies(w)
			}
			n, err := io.WriteString(w, "the store")
			return int64(n), err
		},
		Reload:   func(context.Context) error { b.reloads++; return b.refuse },
		Gatherer: registry,
		Logger:   slog.New(slog.NewTextHandler(&b.log, nil)),
		Now:      func() time.Time { return noon },
	}
}

// explain says what the bot would say of its worst alert.
func (b *bot) explain(id string) (api.Explanation, error) {
	if len(b.alerts) == 0 || id != b.alerts[0].ID {
		return api.Explanation{}, fmt.Errorf("there is no alert %s, neither in the log nor in the store", id)
	}
	a := &b.alerts[0]
	withheld, reason := "the channel takes labels.tier gold only <b>", "see https://x.example.com/?k=TOPSECRET"
	if b.pictured {
		withheld = strings.TrimSuffix(withheld, " <b>")
		reason = withheld
	}
	return api.Explanation{
		Title:    a.Rule + " on QualityRating is firing",
		Happened: []api.Moment{{At: a.Since, Text: "opened: QualityRating went from YELLOW to RED", Notes: "sent to oncall, ops"}},
		Shown:    []string{"oncall: message of 2026-11-23 10:28 UTC, posted"},
		Silent:   []string{"gold: " + withheld},
		Opening: &api.Opening{
			At: a.Since, Changes: []string{"QualityRating went from YELLOW to RED"}, Unaffected: 8, Differences: []string{"quality-yellow on QualityRating: opened then, nothing with the current rules"},
			Decisions: []api.Decision{
				{Result: "opened", Rule: "quality-red", Field: "QualityRating", Text: "QualityRating is RED", Channels: []string{"sent to oncall", "not sent to gold: " + reason}},
				{Result: "silent", Rule: "quality-yellow", Field: "QualityRating", Clause: "to", Text: "QualityRating is RED, and to is YELLOW"},
			},
		},
	}, nil
}

func (b *bot) space(k phone.SpaceKey) phone.Space {
	i := slices.IndexFunc(b.spaces, func(s phone.Space) bool { return s.SpaceKey == k })
	if i < 0 {
		return phone.Space{SpaceKey: k, Name: "Acme <i>", Labels: map[string]string{"tier": "gold"}}
	}
	return b.spaces[i]
}

func (b *bot) spaceStates() (states []phone.SpaceState) {
	if b.neverPolled {
		return nil
	}
	for _, s := range b.spaces {
		state := phone.SpaceState{Space: s.SpaceKey, At: noon.Add(-time.Hour)}
		for _, n := range b.numbers {
			if n.Space == s.SpaceKey {
				state.Numbers = append(state.Numbers, phone.TrackedNumber{Number: n.Number})
			}
		}
		slices.SortFunc(state.Numbers, func(a, b phone.TrackedNumber) int { return cmp.Compare(a.PhoneNumber, b.PhoneNumber) })
		states = append(states, state)
	}
	return states
}

// logged is the events, and changes of some number for the bars, in order.
func (b *bot) logged() []alert.Event {
	events := slices.Clone(b.events)
	n := plainNumber("6580000000", "Some Customer")
	for i, bar := range b.bars {
		for d, count := range map[phone.Direction]int{phone.Better: bar.Better, phone.Worse: bar.Worse, phone.Sideways: bar.Other} {
			at := noon.Add(time.Duration(i+1-len(b.bars))*30*time.Minute + time.Second)
			for range count {
				events = append(events, alert.Event{Time: at, Kind: alert.KindChange, Change: phone.Change{
					Subject: phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "some"}, n.PhoneNumber), Field: phone.Status, Direction: d, Number: &n, SeenAt: at,
				}})
			}
		}
	}
	slices.SortStableFunc(events, func(a, b alert.Event) int { return a.Time.Compare(b.Time) })
	for i := range events {
		events[i].Seq = uint64(i + 1)
	}
	return events
}

// As Slack and the operator, the bot decides in memory.

func (b *bot) RetryDead(_ context.Context, id string) error {
	b.retried = append(b.retried, id)
	return b.refuse
}

func (b *bot) Retry() { b.retries++ }

func (b *bot) Ack(_ context.Context, id, by string) (alert.Alert, error) {
	return b.acked(id, &alert.Ack{By: by, At: noon})
}

func (b *bot) Unack(_ context.Context, id, _ string) (alert.Alert, error) { return b.acked(id, nil) }

func (b *bot) acked(id string, ack *alert.Ack) (alert.Alert, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.alerts, func(a alert.Alert) bool { return a.ID == id })
	switch {
	case b.refuse != nil:
		return alert.Alert{}, b.refuse
	case i < 0:
		return alert.Alert{}, fmt.Errorf("%w: alert %s", alert.ErrNotFound, id)
	case b.alerts[i].State.Closed():
		return alert.Alert{}, fmt.Errorf("%w: alert %s is closed", alert.ErrRejected, id)
	}
	b.alerts[i].Ack = ack
	b.view.Committed(&store.Commit{Alerts: b.alerts[i : i+1]})
	return b.alerts[i], nil
}

func (b *bot) Silence(_ context.Context, s alert.Silence) (alert.Silence, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return alert.Silence{}, b.refuse
	}
	if !s.Until.After(noon) {
		return alert.Silence{}, fmt.Errorf("%w: the end is in the past", alert.ErrRejected)
	}
	if !s.Until.After(s.From) {
		return alert.Silence{}, fmt.Errorf("%w: the end is before the start", alert.ErrRejected)
	}
	s.ID = fmt.Sprintf("s-%d", len(b.silences)+1)
	if s.Planned = s.From.After(noon); !s.Planned {
		s.From = noon
	}
	b.silences = append(b.silences, s)
	for i := range b.alerts {
		if !s.Planned && s.Match.Matches(&b.alerts[i], nil) {
			b.alerts[i].HeldBy = append(b.alerts[i].HeldBy, alert.SilenceHold+s.ID)
		}
	}
	b.view.Committed(&store.Commit{Alerts: b.alerts, Silences: []alert.Silence{s}})
	return s, nil
}

func (b *bot) EndSilence(_ context.Context, id, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.silences)
	b.silences = slices.DeleteFunc(b.silences, func(s alert.Silence) bool { return s.ID == id })
	if len(b.silences) == n {
		return fmt.Errorf("%w: silence %s", alert.ErrNotFound, id)
	}
	b.view.Committed(&store.Commit{DropSilences: []string{id}})
	return nil
}

func (b *bot) inForce() []alert.Silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.silences)
}

func (b *bot) Drill(_ context.Context, rule, space, _ string) (alert.Alert, error) {
	if rule == "no-such" {
		return alert.Alert{}, fmt.Errorf("%w: rule %s", alert.ErrNotFound, rule)
	}
	a := redAlert()
	a.ID, a.Rule, a.Drill, a.State, a.Subject.Space = "a-drill", rule, true, alert.Ended, cmp.Or(space, "drill")
	b.alerts = append(b.alerts, a)
	b.view.Committed(&store.Commit{Alerts: []alert.Alert{a}})
	return a, nil
}

// request asks as a client of this machine does, unless told otherwise.
type request struct {
	method, path, host, from string
	body                     string
	header                   map[string]string
}

// to returns the answer of h, which openapi.yaml describes where it is one of the API.
func (r request) to(h http.Handler) *httptest.ResponseRecorder {
	w := r.plain(h)
	if strings.HasPrefix(r.path, apiPrefix) {
		if err := documented().check(r.made(), []byte(r.body), w); err != nil {
			panic(fmt.Sprintf("%s %s differs from openapi.yaml: %v", r.method, r.path, err))
		}
	}
	return w
}

// plain returns the answer, whatever is documented.
func (r request) plain(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.made())
	return w
}

func (r request) made() *http.Request {
	if r.method == "" {
		r.method = http.MethodGet
	}
	req := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	req.Host, req.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	if r.host != "" {
		req.Host = r.host
	}
	if r.from != "" {
		req.RemoteAddr = r.from
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	return req
}

// post fills in a form.
func (r request) post(fields string) request {
	r.method, r.body = "POST", fields
	if r.header == nil {
		r.header = map[string]string{}
	}
	r.header["Content-Type"] = "application/x-www-form-urlencoded"
	return r
}

func redAlert() alert.Alert {
	n := phone.Number{PhoneNumber: "8613800001111"}
	n.Set(phone.VerifiedName, "<script>alert(1)</script>\u202eevil\x1b[31m")
	n.Set(phone.QualityRating, "RED")
	n.Set(phone.UpCallbackUrl, "https://hook.example.com/in?token=TOPSECRET")
	space := phone.SpaceKey{Account: "main", ID: "29"}
	subject := phone.SubjectOf(space, n.PhoneNumber)
	return alert.Alert{
		ID: "a-1", Rule: "quality-red", Severity: alert.Critical, State: alert.Firing, Subject: subject,
		Field: phone.QualityRating, Transition: alert.Opened, Revision: 1, Since: noon.Add(-90 * time.Minute),
		Change: phone.Change{
			Subject: subject, Field: phone.QualityRating, Old: "YELLOW", New: "RED", Direction: phone.Worse,
			SeenAt: noon.Add(-90 * time.Minute), RequestId: "90E6", Number: &n,
		},
		Summary: alert.Text{"Quality of ", n.PhoneNumber, " is ", "bad, see https://x.example.com/?k=TOPSECRET"},
		Runbook: "javascript:alert(1)",
	}
}

func callbackAlert() alert.Alert {
	a := redAlert()
	a.ID, a.Rule, a.Severity, a.Field = "a-2", "callback-moved", alert.Warning, phone.UpCallbackUrl
	a.Change.Field, a.Change.Old, a.Change.New = phone.UpCallbackUrl, "", "https://joe:TOPSECRET@hook.example.com/in?token=TOPSECRET"
	a.Change.Reason = "moved to https://hook.example.com/?token=TOPSECRET"
	a.HeldBy = []string{"silence s-1"}
	a.Ack = &alert.Ack{By: "<b>Joe</b>", At: noon}
	return a
}

func fullStatus() api.Status {
	return api.Status{
		Version: "v1.2.3", Started: noon.Add(-26 * time.Hour),
		Accounts: []api.AccountStatus{{
			Name: "main", Limit: 8, Rate: 3.25, Throttled: 0.005, Spaces: 12, Oldest: noon.Add(-2 * time.Minute),
			Expected: api.Seconds(75 * time.Second), Worst: api.Seconds(5 * time.Minute), Plan: "12 spaces at 8/s", Holds: true,
			Failing: []api.FailingSpace{{
				Space: "29", Class: "denied-space", Code: "Unknown.ResourceOwnerId", Message: "<b>no</b> https://x.example.com/?a=TOPSECRET",
				Advice: "Check the id.", RequestId: "R-1", Since: noon.Add(-time.Hour),
			}},
		}},
		Sinks: []api.SinkStatus{{Name: "nats", State: "OK", Lag: 3, LastError: "nats://joe:TOPSECRET@host: refused"}},
		Store: api.StoreStatus{Seq: 42, Size: 5_000_000},
	}
}

// hostile is a name that tries everything at once.
const hostile = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\u202eevil\x1b[31m"

var customers = []string{
	"Harbour Coffee", "Lion City Motors", "Northwind Airways", "Sunda Insurance", "Merlion Bank", "Pasar Online",
	"Orchid Clinics", "Kopi & Co", "Straits Logistics", "Garuda Tickets", "Peranakan Kitchen", "Batam Ferries",
}

// busyBot is a bot in the middle of a bad morning: something of everything that
// pages have to show.
func busyBot() *bot {
	r := rand.New(rand.NewPCG(7, 7))
	b := &bot{status: fullStatus(), ending: make(chan struct{})}
	b.status.Accounts[0].Failing = nil
	b.polled = map[phone.SpaceKey]time.Time{}
	for i, name := range customers {
		s := phone.Space{
			SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprintf("2934839388494%02d", i)}, Name: name,
			Labels: map[string]string{"tier": []string{"gold", "silver"}[i%2]},
		}
		b.polled[s.SpaceKey] = noon.Add(-time.Duration(r.IntN(240)) * time.Second)
		for j := range 6 + r.IntN(9) {
			n := plainNumber(fmt.Sprintf("65%d%02d%04d", 8+j%2, i, 1000+r.IntN(9000)), name)
			b.numbers = append(b.numbers, view.Row{Space: s.SpaceKey, Number: n})
		}
		b.spaces = append(b.spaces, s)
	}
	for range 48 {
		b.bars = append(b.bars, view.Bar{Better: r.IntN(4), Worse: r.IntN(3), Other: r.IntN(2) * r.IntN(3)})
	}
	b.bars[37] = view.Bar{Better: 1, Worse: 14, Other: 2}
	b.bars[40] = view.Bar{Better: 11, Worse: 3}
	b.trouble()
	b.deliveries()
	b.rules = busyRules()
	return b
}

func row(k phone.SpaceKey, n phone.Number) view.Row { return view.Row{Space: k, Number: n} }

func plainNumber(number, name string) phone.Number {
	n := phone.Number{PhoneNumber: number}
	for f, v := range map[phone.Field]string{
		phone.VerifiedName: name, phone.Status: "CONNECTED", phone.QualityRating: "GREEN", phone.CodeVerificationStatus: "VERIFIED",
		phone.NameStatus: "APPROVED", phone.MessagingLimitTier: "TIER_10K", phone.IsOfficial: "N", phone.StatusQueue: "",
		phone.UpCallbackUrl: "https://hooks.example.com/in?token=TOPSECRET",
	} {
		n.Set(f, v)
	}
	return n
}

// trouble befalls some of the numbers.
func (b *bot) trouble() {
	b.befall(3, "quality-red", alert.Critical, phone.QualityRating, "YELLOW", "RED", 92*time.Minute)
	b.befall(17, "status-banned", alert.Critical, phone.Status, "RESTRICTED", "BANNED", 34*time.Minute)
	b.befall(29, "quality-red", alert.Critical, phone.QualityRating, "YELLOW", "RED", 11*time.Minute)
	b.befall(41, "status-flagged", alert.High, phone.Status, "CONNECTED", "FLAGGED", 3*time.Hour)
	b.befall(52, "name-rejected", alert.High, phone.NameStatus, "PENDING_REVIEW", "DECLINED", 26*time.Hour)
	b.befall(60, "limit-lowered", alert.Warning, phone.MessagingLimitTier, "TIER_100K", "TIER_10K", 5*time.Hour)
	b.befall(66, "quality-yellow", alert.Warning, phone.QualityRating, "GREEN", "YELLOW", 7*time.Hour)
	b.befall(70, "quality-yellow", alert.Warning, phone.QualityRating, "GREEN", "YELLOW", 55*time.Minute)
	b.befall(75, "status-flagged", alert.High, phone.Status, "CONNECTED", "FLAGGED", 48*time.Minute)
	b.alerts[1].Ack = &alert.Ack{By: "Wei Ling", At: noon.Add(-20 * time.Minute)}
	b.alerts[3].HeldBy = []string{"mute nights"}

	n := &b.numbers[0].Number
	n.Set(phone.VerifiedName, hostile)
	b.befall(0, "name-changed", alert.Warning, phone.VerifiedName, "Harbour Coffee", hostile, 6*time.Minute)

	closed := b.befall(20, "quality-red", alert.Critical, phone.QualityRating, "RED", "GREEN", 4*time.Hour)
	closed.State, closed.Transition, closed.Changed, closed.Closing = alert.Resolved, alert.WasResolved, noon.Add(-19*time.Minute), "recovered: now GREEN"

	b.alerts = append(b.alerts, alert.Alert{
		ID: "a-sink", Incident: "i-sink", Rule: "sink-parked", Severity: alert.Critical, State: alert.Firing, Field: phone.Sink, Subject: phone.Subject{Component: "slack:gold"},
		Since: noon.Add(-14 * time.Minute), Changed: noon.Add(-14 * time.Minute), Transition: alert.Opened, Revision: 1, Openings: 1,
		Change:  phone.Change{Old: phone.OK, New: phone.Parked, Direction: phone.Worse, Code: "channel_not_found", Reason: "channel_not_found: invite the bot into the channel", SeenAt: noon.Add(-14 * time.Minute)},
		Summary: alert.Text{"numwatch cannot deliver through ", "slack:gold"}, Action: alert.Text{"Nothing is lost: what waits goes out once it works again."},
	})
	// The number that is banned has more wrong with it, and had.
	yellow := b.befall(17, "quality-yellow", alert.Warning, phone.QualityRating, "GREEN", "YELLOW", 12*time.Minute)
	yellow.Incident, yellow.Flapping, yellow.Openings = b.alerts[1].Incident, true, 3
	limit := b.befall(17, "limit-lowered", alert.Warning, phone.MessagingLimitTier, "TIER_1K", "TIER_10K", 50*time.Minute)
	limit.State, limit.Transition, limit.Changed, limit.Closing = alert.Resolved, alert.WasResolved, noon.Add(-9*time.Minute), "recovered, now TIER_10K"
	limit.Incident = b.alerts[1].Incident
	b.status.Accounts[0].Discovery = &api.DiscoveryStatus{
		Spaces: len(customers), At: noon.Add(-3 * time.Hour),
		Error: "account main: NoPermission: see https://x.example.com/?a=TOPSECRET; grant the RAM user or role the action cams:ListInstance",
	}
	b.status.Accounts[0].Failing = []api.FailingSpace{{
		Space: b.spaces[4].ID, Class: "denied_space", Code: "Forbidden.RAM", Message: "You are not authorised to operate on this CustSpaceId.",
		Advice: "Grant the RAM user cams:ChatappSyncPhoneNumber on this space, or take it out of the configuration.", RequestId: "90E63D28-E31D-1EB2", Since: noon.Add(-2 * time.Hour),
	}}
}

// befall lets a field of a number go from old to new, and an alert with it.
func (b *bot) befall(i int, rule string, severity alert.Severity, f phone.Field, old, now string, ago time.Duration) *alert.Alert {
	entry := &b.numbers[i]
	entry.Number.Set(f, now)
	n := entry.Number
	subject := phone.SubjectOf(entry.Space, n.PhoneNumber)
	at := noon.Add(-ago)
	seq := uint64(len(b.alerts)*10 + 10)
	first := phone.Change{Subject: subject, Field: phone.Presence, New: phone.Appeared, SeenAt: at.Add(-60 * time.Hour), Number: &n, Baseline: true}
	before := n
	before.Set(f, map[phone.Field]string{phone.Status: "CONNECTED", phone.QualityRating: "GREEN"}[f])
	if before.Get(f) == "" {
		before.Set(f, old)
	}
	first.Number = &before
	change := phone.Change{
		Subject: subject, Field: f, Old: old, New: now, Direction: f.Direction(old, now), SeenAfter: at.Add(-2 * time.Minute), SeenAt: at,
		RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O", Number: &n,
	}
	a := alert.Alert{
		Rule: rule, Severity: severity, State: alert.Firing, Subject: subject, Field: f, Transition: alert.Opened, Revision: 1, Openings: 1,
		Since: at, Changed: at, Change: change, Channels: []string{"oncall", "ops"},
		Summary: alert.Text{f.String() + " of ", n.PhoneNumber, " (", n.Get(phone.VerifiedName), ") went from ", old, " to ", now},
		Action:  alert.Text{"Pause marketing on this number now, and find the templates that people block or report."},
		Runbook: "https://wiki.example.com/wa/" + rule,
	}
	a.ID = alert.ID(a.Key(), at)
	a.Incident = a.NewIncident()
	b.alerts = append(b.alerts, a)
	story := []alert.Event{
		{Seq: seq + 3, Time: at, Kind: alert.KindAlert, Change: change, Alert: &a},
		{Seq: seq + 2, Time: at, Kind: alert.KindChange, Change: change},
		{Seq: seq + 1, Time: first.SeenAt, Kind: alert.KindChange, Change: first},
	}
	if old == "YELLOW" {
		fell := change
		fell.Old, fell.New, fell.SeenAt = "GREEN", "YELLOW", at.Add(-9*time.Hour)
		story = slices.Insert(story, 2, alert.Event{Seq: seq + 1, Time: fell.SeenAt, Kind: alert.KindChange, Change: fell})
		story[3].Seq = seq
	}
	b.events = append(b.events, story...)
	return &b.alerts[len(b.alerts)-1]
}

func (b *bot) deliveries() {
	for i, a := range b.alerts {
		if a.Incident != a.NewIncident() {
			continue // its incident has a message
		}
		for j, channel := range a.Channels {
			b.messages = append(b.messages, alert.Message{
				ID: fmt.Sprintf("m-%d-%d", i, j), Channel: channel, Target: "C0123456789", State: alert.Posted, At: a.Since.Add(2 * time.Second),
				Alerts: []alert.ShownAlert{alerttest.Shown(a)},
			})
		}
	}
	b.messages = append(b.messages, alert.Message{
		ID: "m-dead", Channel: "gold", State: alert.Dead, At: noon.Add(-40 * time.Minute), Reason: "invalid_blocks: https://hooks.example.com/?token=TOPSECRET",
		Alerts: []alert.ShownAlert{{Alert: b.alerts[1].ID, Incident: b.alerts[1].Incident, Revision: 1}, {Alert: "a-forgotten", Incident: "i-forgotten", Revision: 1}},
	})
	b.status.Sinks = []api.SinkStatus{
		{Name: "nats", State: "OK"},
		{Name: "slack:oncall", State: "OK"},
		{Name: "slack:ops", State: "OK", Lag: 2},
		{Name: "slack:gold", State: phone.Parked, Lag: 3, LastError: "channel_not_found: invite the bot into the channel"},
	}
}

func busyRules() api.Rules {
	rule := func(name string, s alert.Severity, hits int, on ...phone.Field) api.Rule {
		r := api.Rule{Name: name, On: on, Severity: s, Summary: "{Field} of {PhoneNumber} ({VerifiedName}, {Space}) is {New}, was {Old}", Channels: []string{"oncall", "ops"}}
		if hits > 0 {
			r.Hits = api.Hits{Today: hits / 3, Month: hits, Last: noon.Add(-time.Duration(hits) * time.Minute)}
		}
		return r
	}
	return api.Rules{
		File: "rules.yaml", Loaded: noon.Add(-26 * time.Hour),
		Rules: []api.Rule{
			rule("limit-lowered", alert.Warning, 6, phone.MessagingLimitTier), rule("name-changed", alert.Warning, 1, phone.VerifiedName),
			rule("name-rejected", alert.High, 4, phone.NameStatus), rule("quality-red", alert.Critical, 34, phone.QualityRating),
			rule("quality-yellow", alert.Warning, 121, phone.QualityRating),
			rule("routing-changed", alert.High, 0, phone.StatusCallbackUrl, phone.UpCallbackUrl, phone.StatusQueue, phone.UpQueue),
			rule("sink-parked", alert.Critical, 1, phone.Sink), rule("space-blind", alert.High, 2, phone.Poll),
			rule("status-banned", alert.Critical, 9, phone.Status), rule("status-flagged", alert.High, 17, phone.Status),
		},
		Channels: []api.Channel{
			{Name: "oncall", Kind: "slack", Target: "#wa-oncall", Slack: "#wa-oncall"},
			{Name: "ops", Kind: "slack", Target: "#wa-ops", Slack: "#wa-ops"},
			{Name: "siem", Kind: "webhook", Target: "siem"},
		},
		Warnings: []api.Problem{{Line: 41, Column: 12, Rule: "status-flagged", Text: `"FLAGED" is not documented for Status`, Hint: `did you mean "FLAGGED"?`, Source: "    to: [FLAGGED, FLAGED]"}},
		Compared: &api.Compared{At: noon.Add(-2 * time.Minute), Text: "In the last week the new rules would have sent 412 messages, the old ones 3"},
		Refused: &api.Refusal{At: noon.Add(-3 * time.Minute), Text: "rules.yaml:12:9: no", Problems: []api.Problem{
			{Line: 12, Column: 9, Rule: "quality-red", Text: `there is no field "QualityRatin"`, Hint: `did you mean "QualityRating"?`, Source: "    on: QualityRatin"},
			{Line: 19, Column: 15, Rule: "status-banned", Text: `there is no severity "urgent"`, Hint: "one of critical, high, warning, info", Source: "    severity: urgent"},
		}},
	}
}

// happen adds an alert while pages look on.
func (b *bot) happen(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := plainNumber("6590009999", name)
	subject := phone.SubjectOf(b.spaces[2].SpaceKey, n.PhoneNumber)
	a := alert.Alert{
		ID: "a-new", Rule: "status-banned", Severity: alert.Critical, State: alert.Firing, Subject: subject, Field: phone.Status, Revision: 1, Since: noon, Changed: noon,
		Change: phone.Change{Subject: subject, Field: phone.Status, Old: "CONNECTED", New: "BANNED", Direction: phone.Worse, SeenAt: noon, Number: &n},
	}
	b.alerts = append(b.alerts, a)
	b.view.Committed(&store.Commit{Alerts: []alert.Alert{a}})
}

var errDisk = errors.New("the disk is gone")
