package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

func TestProbes(t *testing.T) {
	b := &bot{}
	h := New(b.options(t))
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
	closed.ID, closed.State = "a-0", alert.Resolved
	b := &bot{status: fullStatus(), alerts: []alert.Alert{redAlert(), callbackAlert(), closed}}
	w := request{path: "/api/v1/status"}.to(New(b.options(t)))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Body.String(), "TOPSECRET")
	require.Contains(t, w.Body.String(), `"expected_to_detect_seconds": 75`)

	var got api.Status
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.True(t, got.Ready)
	require.Equal(t, map[string]int{"critical": 1, "high": 0, "warning": 1, "info": 0}, got.Alerts)
	require.Equal(t, api.Seconds(5*time.Minute), got.Accounts[0].Worst)
	require.Equal(t, uint64(42), got.Store.Seq)

	b.notReady, b.status = errors.New("starting"), api.Status{}
	w = request{path: "/api/v1/status"}.to(New(b.options(t)))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.False(t, got.Ready)
	require.Equal(t, "starting", got.NotReady)
	require.Contains(t, w.Body.String(), `"sinks": []`, "lists are never null")
}

func TestAlerts(t *testing.T) {
	closed, pending := redAlert(), redAlert()
	closed.State, pending.State, closed.ID, pending.ID = alert.Ended, alert.Pending, "a-3", "a-0"
	b := &bot{alerts: []alert.Alert{callbackAlert(), closed, redAlert(), pending}}
	w := request{path: "/api/v1/alerts"}.to(New(b.options(t)))
	require.NotContains(t, w.Body.String(), "TOPSECRET")

	var list struct {
		Total  int
		Alerts []struct {
			Space  api.Space
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

	var again api.AlertList
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &again), "the commands read it with the same types")

	// What was handed over is shared, and must stay as it was.
	require.Contains(t, b.alerts[0].Change.Number.Get(phone.UpCallbackUrl), "TOPSECRET")
	require.Equal(t, "a-2", b.alerts[0].ID)

	b.alerts = nil
	require.Equal(t, "{\n  \"total\": 0,\n  \"alerts\": []\n}\n", request{path: "/api/v1/alerts"}.to(New(b.options(t))).Body.String())
}

func TestReload(t *testing.T) {
	b := &bot{}
	h := New(b.options(t))
	require.Equal(t, 405, request{path: "/api/v1/reload"}.to(h).Code)
	require.Equal(t, 200, request{method: "POST", path: "/api/v1/reload"}.to(h).Code)
	require.Equal(t, 1, b.reloads)

	b.refuse = errors.New("rules.yaml:3:1: no")
	w := request{method: "POST", path: "/api/v1/reload"}.to(h)
	require.Equal(t, 422, w.Code)
	require.JSONEq(t, `{"error":"the rules were rejected, the last good ones stay in force: rules.yaml:3:1: no"}`, w.Body.String())
}

func TestBackup(t *testing.T) {
	b := &bot{}
	h := New(b.options(t))
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
	server := httptest.NewServer(New(b.options(t)))
	defer server.Close()
	resp, err := http.Get(server.URL + "/api/v1/backup")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err)
	server.Close()
	require.Contains(t, b.log.String(), "disk gone")
}
