package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bot is a running bot as the handler sees it.
type bot struct {
	mu       sync.Mutex // guards alerts and changed, where pages look on
	notReady error
	status   Status
	alerts   []alert.Alert
	town     town
	rules    Rules
	changed  chan struct{}
	ending   chan struct{}
	silences []alert.Silence
	reloads  int
	refuse   error
	copies   func(io.Writer) error
	log      strings.Builder
}

func (b *bot) options() Options {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "numwatch_test_total", Help: "A test."}))
	return Options{
		Ready:  func() error { return b.notReady },
		Status: func() Status { return b.status },
		Alerts: func() (all []*alert.Alert) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, a := range b.alerts {
				all = append(all, &a)
			}
			return all
		},
		Fleet: &b.town, Delivery: &b.town, Desk: b, Silences: b.inForce, Rules: func() Rules { return b.rules }, Ending: b.ending,
		Changed: func() <-chan struct{} {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.changed
		},
		Space: func(k phone.SpaceKey) phone.Space {
			if s, ok := b.town.space(k); ok {
				return s
			}
			return phone.Space{SpaceKey: k, Name: "Acme <i>", Labels: map[string]string{"tier": "gold"}}
		},
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

// request asks as a client of this machine does, unless told otherwise.
type request struct {
	method, path, host, from string
	body                     string
	header                   map[string]string
}

func (r request) to(h http.Handler) *httptest.ResponseRecorder {
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
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
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

func fullStatus() Status {
	return Status{
		Version: "v1.2.3", Started: noon.Add(-26 * time.Hour),
		Accounts: []AccountStatus{{
			Name: "main", Limit: 8, Rate: 3.25, Throttled: 0.005, Spaces: 12, Oldest: noon.Add(-2 * time.Minute),
			Expected: Seconds(75 * time.Second), Worst: Seconds(5 * time.Minute), Plan: "12 spaces at 8/s", Holds: true,
			Failing: []FailingSpace{{
				Space: "29", Class: "denied-space", Code: "Unknown.ResourceOwnerId", Message: "<b>no</b> https://x.example.com/?a=TOPSECRET",
				Advice: "Check the id.", RequestId: "R-1", Since: noon.Add(-time.Hour),
			}},
		}},
		Sinks: []SinkStatus{{Name: "nats", State: "OK", Lag: 3, LastError: "nats://joe:TOPSECRET@host: refused"}},
		Store: StoreStatus{Seq: 42, Size: 5_000_000},
	}
}

func TestProbes(t *testing.T) {
	b := &bot{}
	h := New(b.options())
	require.Equal(t, 200, request{path: "/healthz"}.to(h).Code)
	require.Equal(t, 200, request{path: "/readyz"}.to(h).Code)
	require.Contains(t, request{path: "/metrics"}.to(h).Body.String(), "numwatch_test_total 0")

	b.notReady = errors.New("the store cannot be written")
	require.Equal(t, 200, request{path: "/healthz"}.to(h).Code)
	w := request{path: "/readyz"}.to(h)
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "the store cannot be written")
}

func TestStatus(t *testing.T) {
	closed := redAlert()
	closed.State = alert.Resolved
	b := &bot{status: fullStatus(), alerts: []alert.Alert{redAlert(), callbackAlert(), closed}}
	w := request{path: "/api/v1/status"}.to(New(b.options()))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Body.String(), "TOPSECRET")
	require.Contains(t, w.Body.String(), `"expected_to_detect_seconds": 75`)

	var got Status
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.True(t, got.Ready)
	require.Equal(t, map[string]int{"critical": 1, "high": 0, "warning": 1, "info": 0}, got.Alerts)
	require.Equal(t, Seconds(5*time.Minute), got.Accounts[0].Worst)
	require.Equal(t, uint64(42), got.Store.Seq)

	b.notReady, b.status = errors.New("starting"), Status{}
	w = request{path: "/api/v1/status"}.to(New(b.options()))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.False(t, got.Ready)
	require.Equal(t, "starting", got.NotReady)
	require.Contains(t, w.Body.String(), `"sinks": []`, "lists are never null")
}

func TestAlerts(t *testing.T) {
	closed, pending := redAlert(), redAlert()
	closed.State, pending.State, pending.ID = alert.Ended, alert.Pending, "a-0"
	b := &bot{alerts: []alert.Alert{callbackAlert(), closed, redAlert(), pending}}
	w := request{path: "/api/v1/alerts"}.to(New(b.options()))
	require.NotContains(t, w.Body.String(), "TOPSECRET")

	var list struct {
		Total  int
		Alerts []struct {
			Space  Space
			Number map[string]string
			Field  string
			Old    string
			New    string
			Alert  struct {
				ID, State, Severity, Summary string
				HeldBy                       []string `json:"held_by"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	got := list.Alerts
	require.Equal(t, 3, list.Total)
	require.Len(t, got, 3)
	require.Equal(t, []string{"a-0", "a-1", "a-2"}, []string{got[0].Alert.ID, got[1].Alert.ID, got[2].Alert.ID}, "worst first")
	require.Equal(t, "pending", got[0].Alert.State)
	require.Equal(t, "8613800001111", got[1].Number["PhoneNumber"])
	require.Equal(t, "RED", got[1].Number["QualityRating"])
	require.Equal(t, "gold", got[1].Space.Labels["tier"])
	require.Equal(t, "YELLOW", got[1].Old)
	require.Contains(t, got[1].Alert.Summary, "https://x.example.com/?…")
	require.Contains(t, got[2].New, "https://hook.example.com/in?…")
	require.Equal(t, []string{"silence s-1"}, got[2].Alert.HeldBy)

	var again AlertList
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &again), "the commands read it with the same types")

	// What was handed over is shared, and must stay as it was.
	require.Contains(t, b.alerts[0].Change.Number.Get(phone.UpCallbackUrl), "TOPSECRET")
	require.Equal(t, "a-2", b.alerts[0].ID)

	b.alerts = nil
	require.Equal(t, "{\n  \"total\": 0,\n  \"alerts\": []\n}\n", request{path: "/api/v1/alerts"}.to(New(b.options())).Body.String())
}

func TestReload(t *testing.T) {
	b := &bot{}
	h := New(b.options())
	require.Equal(t, 405, request{path: "/api/v1/reload"}.to(h).Code)
	require.Equal(t, 200, request{method: "POST", path: "/api/v1/reload"}.to(h).Code)
	require.Equal(t, 1, b.reloads)

	b.refuse = errors.New("rules.yaml:3:1: no")
	w := request{method: "POST", path: "/api/v1/reload"}.to(h)
	require.Equal(t, 422, w.Code)
	require.JSONEq(t, `{"error":"the rules were refused and the last good ones go on: rules.yaml:3:1: no"}`, w.Body.String())
}

func TestBackup(t *testing.T) {
	b := &bot{}
	h := New(b.options())
	w := request{path: "/api/v1/backup"}.to(h)
	require.Equal(t, "the store", w.Body.String())
	require.Equal(t, `attachment; filename="numwatch-20261123T120000Z.db"`, w.Header().Get("Content-Disposition"))

	// While one is under way, another is turned away.
	b.copies = func(io.Writer) error {
		require.Equal(t, 409, request{path: "/api/v1/backup"}.to(h).Code)
		return nil
	}
	require.Equal(t, 200, request{path: "/api/v1/backup"}.to(h).Code)
}

// A copy that breaks off must not look whole.
func TestBackupThatFailsBreaksTheConnection(t *testing.T) {
	b := &bot{copies: func(w io.Writer) error {
		_, _ = w.Write(make([]byte, 100_000))
		return errors.New("disk gone")
	}}
	server := httptest.NewServer(New(b.options()))
	defer server.Close()
	resp, err := http.Get(server.URL + "/api/v1/backup")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err)
	server.Close()
	require.Contains(t, b.log.String(), "disk gone")
}
