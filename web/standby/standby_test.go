package standby

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/web/api"
	"numwatch/web/guard"
)

// rig is a standby beside a leader.
type rig struct {
	*Handler
	o      Options
	leader *httptest.Server
	asked  []*http.Request // of the leader
	fails  error
}

func newRig(t *testing.T, tokens ...guard.Token) *rig {
	r := &rig{}
	r.leader = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.asked = append(r.asked, q)
		_, _ = io.WriteString(w, "the leader's answer")
	}))
	t.Cleanup(r.leader.Close)
	where := r.leader.URL
	r.o = Options{
		Guard: guard.New(tokens, "", false), Ready: func() error { return r.fails }, Leader: func() string { return where },
		Replicas: func() api.Replicas { return api.Replicas{ID: "a", Replicas: []api.Replica{}} },
		Backup: func(w io.Writer) (int64, error) {
			if r.fails != nil {
				return 0, r.fails
			}
			n, err := io.WriteString(w, "a store")
			return int64(n), err
		},
		Gatherer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
	r.Handler = New(r.o)
	return r
}

func (r *rig) get(path string, header ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	q.RemoteAddr = "127.0.0.1:1"
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

func TestAStandbyHasTheLeaderAnswer(t *testing.T) {
	r := newRig(t)
	require.Equal(t, "the leader's answer", r.get("/api/v1/alerts?state=open", "Origin", "http://localhost").Body.String())
	require.Equal(t, "/api/v1/alerts?state=open", r.asked[0].URL.String())
	require.Empty(t, r.asked[0].Header.Get("X-Forwarded-For"), "the leader would take it for a client of a proxy, and refuse it")
	require.Empty(t, r.asked[0].Header.Get("Origin"))
	require.Equal(t, "a store", r.get("/api/v1/backup").Body.String())
	require.Contains(t, r.get("/api/v1/replicas").Body.String(), `"id": "a"`)
	require.Equal(t, "ready\n", r.get("/readyz").Body.String())
	require.Equal(t, http.StatusNotFound, r.get("/debug/pprof/").Code)
	require.Len(t, r.asked, 1, "it answers the rest itself")
}

// deadlines is an answer whose connection has a time by which it must be written.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A replica that joins copies a whole store, which takes longer than an answer may.
func TestTheCopyOfAStoreTakesAsLongAsItNeeds(t *testing.T) {
	r := newRig(t)
	q := httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/backup", nil)
	q.RemoteAddr = "127.0.0.1:1"
	w := deadlines{ResponseRecorder: httptest.NewRecorder()}
	r.ServeHTTP(&w, q)
	require.Equal(t, "a store", w.Body.String())
	require.NotEmpty(t, w.set, "the time begins anew with each part of it")
}

func TestAStandbyWithoutALeader(t *testing.T) {
	r := newRig(t)
	r.leader.Close()
	r.fails = errors.New("no store yet")
	require.Equal(t, http.StatusServiceUnavailable, r.get("/").Code)
	require.Equal(t, "5", r.get("/").Header().Get("Retry-After"))
	require.Equal(t, http.StatusServiceUnavailable, r.get("/api/v1/backup").Code)
	require.Equal(t, http.StatusServiceUnavailable, r.get("/readyz").Code)
	require.Contains(t, r.get("/readyz").Body.String(), "no store yet")
	require.Equal(t, http.StatusOK, r.get("/healthz").Code)
	r.o.Leader = func() string { return "" }
	r.Handler = New(r.o)
	require.Contains(t, r.get("/").Body.String(), "no replica leads")
}

func TestAStandbyAsksForTheToken(t *testing.T) {
	r := newRig(t, guard.Token{Secret: "secret", Role: guard.Admin}, guard.Token{Name: "acme", Secret: "acmes", Role: guard.Act, Labels: map[string]string{"tier": "gold"}})
	for _, path := range []string{"/", "/api/v1/alerts", "/api/v1/backup", "/api/v1/replicas"} {
		require.Equal(t, http.StatusUnauthorized, r.get(path).Code, path)
		require.Equal(t, http.StatusOK, r.get(path, "Authorization", "Bearer secret").Code, path)
	}
	require.Equal(t, "Bearer secret", r.asked[0].Header.Get("Authorization"))
	require.Equal(t, http.StatusOK, r.get("/metrics").Code, "as at any numwatch, for clients of the machine itself")

	push := httptest.NewRecorder()
	r.ServeHTTP(push, httptest.NewRequest(http.MethodPost, "/api/v1/receipts/chatapp-audit/key", nil))
	require.Equal(t, "the leader's answer", push.Body.String(), "the vendor has no token; the leader looks at the key")

	require.Equal(t, http.StatusOK, r.get("/api/v1/alerts", "Authorization", "Bearer acmes").Code, "the leader says which")
	require.Equal(t, "Bearer acmes", r.asked[len(r.asked)-1].Header.Get("Authorization"))
	for _, path := range []string{"/api/v1/backup", "/api/v1/replicas"} {
		require.Equal(t, http.StatusForbidden, r.get(path, "Authorization", "Bearer acmes").Code, path)
	}
}

func TestALeaderServesItself(t *testing.T) {
	r := newRig(t)
	r.Lead(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the bot") }))
	require.Equal(t, "the bot", r.get("/readyz").Body.String())
	r.Lead(nil)
	require.Equal(t, "ready\n", r.get("/readyz").Body.String())
}
