package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"testing"

	"numwatch/web/guard"

	"github.com/stretchr/testify/require"
)

const (
	elsewhere = "203.0.113.7:50000"
	token     = "correct horse"
)

var admin = []guard.Token{{Secret: token, Role: guard.Admin}}

var everyPath = []string{"/", "/assets/style.css", "/numbers", "/alerts", "/spaces", "/rules", "/delivery", "/silences", "/api/v1/numbers", "/api/v1/spaces", "/api/v1/rules", "/api/v1/deadletters", "/api/v1/status", "/api/v1/alerts", "/api/v1/backup", "/healthz", "/readyz", "/metrics"}

func bearer(t string) map[string]string { return map[string]string{"Authorization": "Bearer " + t} }

func basic(password string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("joe:"+password))}
}

func TestWithAToken(t *testing.T) {
	o := (&bot{}).options(t)
	o.Tokens = admin
	h := New(o)
	probes := map[string]bool{"/healthz": true, "/readyz": true}
	for _, path := range everyPath {
		for _, from := range []string{"127.0.0.1:1", "[::1]:1", elsewhere} {
			ask := func(header map[string]string) int {
				return request{path: path, from: from, host: "numwatch.example.com", header: header}.to(h).Code
			}
			without := 401
			if probes[path] || path == "/metrics" && from != elsewhere {
				without = 200
			}
			require.Equal(t, without, ask(nil), "%s from %s", path, from)
			for _, wrong := range []map[string]string{
				bearer(""), bearer("correct"), bearer(token + "x"), basic(""), basic("x"),
				{"Authorization": token},
				{"Authorization": "bearer"},
			} {
				require.Equal(t, without, ask(wrong), "%s from %s with %v", path, from, wrong)
			}
			require.Equal(t, 200, ask(bearer(token)), path)
			require.Equal(t, 200, ask(basic(token)), path)
		}
	}
	require.Equal(t, 401, request{path: "/?token=correct+horse"}.to(h).Code)
	require.Contains(t, request{path: "/"}.to(h).Header().Get("WWW-Authenticate"), "Basic ")
	require.Equal(t, "Bearer", request{path: "/api/v1/status"}.to(h).Header().Get("WWW-Authenticate"))
	require.Equal(t, 401, request{method: "POST", path: "/api/v1/reload"}.to(h).Code)
}

// A proxy on this machine speaks for others: what is free here is not for them.
func TestAProxyIsNotThisMachine(t *testing.T) {
	o := (&bot{}).options(t)
	o.Tokens = admin
	h := New(o)
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"} {
		require.Equal(t, 401, request{path: "/metrics", header: map[string]string{header: "203.0.113.7"}}.to(h).Code, header)
	}
	for _, url := range []string{"", "http://localhost:8080", "http://[::1]:8080"} {
		o.PublicURL = url
		require.Equal(t, 200, request{path: "/metrics"}.to(New(o)).Code, url)
	}
	// Not every proxy says for whom it speaks: a public name tells that there is one.
	o.PublicURL = "https://wa.example.com"
	require.Equal(t, 401, request{path: "/metrics"}.to(New(o)).Code)
	require.Equal(t, 200, request{path: "/metrics", header: bearer(token)}.to(New(o)).Code)
	require.Equal(t, 403, request{path: "/debug/pprof/", header: bearer(token)}.to(New(o)).Code)
	o.Tokens = nil
	require.Equal(t, 401, request{path: "/api/v1/backup"}.to(New(o)).Code)
	h = New((&bot{}).options(t))
	proxied := map[string]string{"X-Forwarded-For": "203.0.113.7"}
	require.Equal(t, 401, request{path: "/api/v1/backup", header: proxied}.to(h).Code)
	for _, ask := range []request{
		{path: "/", header: proxied},
		{path: "/metrics", header: proxied},
		{path: "/api/v1/alerts", header: proxied},
		{method: http.MethodPost, path: "/api/v1/silences", header: proxied},
	} {
		answer := ask.to(h)
		require.Equal(t, 401, answer.Code, ask.path)
		require.Contains(t, answer.Body.String(), "http.open", ask.path)
	}
	require.Equal(t, 401, request{path: "/api/v1/alerts"}.to(New(o)).Code, "the public name tells that there is a proxy")
	// Open on purpose.
	o.Open = true
	require.Equal(t, 200, request{path: "/api/v1/alerts", header: proxied}.to(New(o)).Code)
	require.Equal(t, 200, request{path: "/api/v1/alerts", host: "wa.example.com"}.to(New(o)).Code)
	require.Equal(t, 401, request{path: "/api/v1/alerts", from: elsewhere}.to(New(o)).Code, "not through the proxy")
	require.Equal(t, 401, request{path: "/api/v1/backup"}.to(New(o)).Code)
	o.Tokens = admin
	require.Equal(t, 401, request{path: "/api/v1/alerts", header: proxied}.to(New(o)).Code, "a token counts")
}

func TestWithoutATokenOnlyThisMachine(t *testing.T) {
	h := New((&bot{}).options(t))
	for _, path := range everyPath {
		require.Equal(t, 200, request{path: path}.to(h).Code, path)
		beyond := 401
		if path == "/healthz" || path == "/readyz" {
			beyond = 200
		}
		require.Equal(t, beyond, request{path: path, from: elsewhere}.to(h).Code, path)
	}
}

// A page elsewhere may make a browser here ask for its own name, resolved to
// this machine.
func TestDNSRebinding(t *testing.T) {
	o := (&bot{}).options(t)
	o.PublicURL, o.Open = "https://wa.example.com", true
	h := New(o)
	for host, code := range map[string]int{
		"127.0.0.1:8080": 200, "localhost:8080": 200, "LOCALHOST": 200, "[::1]:8080": 200, "[::1]": 200,
		"wa.example.com": 200, "wa.example.com:443": 200,
		"evil.example.com": 421, "evil.example.com:8080": 421, "localhost.evil.example.com": 421,
		"127.0.0.1.evil.example.com": 421, "10.0.0.1:8080": 421, "wa.example.com.evil.com": 421,
	} {
		for _, path := range everyPath {
			if code == 200 && path == "/api/v1/backup" {
				continue // a public name, and no token
			}
			require.Equal(t, code, request{path: path, host: host}.to(h).Code, "%s%s", host, path)
		}
	}
}

func TestAnotherSiteCannotReload(t *testing.T) {
	b := &bot{}
	o := b.options(t)
	o.PublicURL, o.Open = "https://wa.example.com", true
	h := New(o)
	post := func(header map[string]string) int {
		return request{method: http.MethodPost, path: "/api/v1/reload", header: header}.to(h).Code
	}
	require.Equal(t, 403, post(map[string]string{"Sec-Fetch-Site": "cross-site"}))
	require.Equal(t, 403, post(map[string]string{"Sec-Fetch-Site": "same-site"}))
	require.Equal(t, 403, post(map[string]string{"Origin": "https://evil.example.com"}))
	require.Zero(t, b.reloads)
	require.Equal(t, 200, post(nil))
	require.Equal(t, 200, post(map[string]string{"Sec-Fetch-Site": "same-origin"}))
	require.Equal(t, 200, post(map[string]string{"Origin": "https://wa.example.com"}))
	require.Equal(t, 3, b.reloads)
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	h := New((&bot{}).options(t))
	for _, r := range []request{{path: "/"}, {path: "/nowhere"}, {path: "/api/v1/status"}, {path: "/", from: elsewhere}, {path: "/", host: "evil"}} {
		header := r.to(h).Header()
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", header.Get("X-Frame-Options"))
		require.Equal(t, "no-store", header.Get("Cache-Control"))
	}
}

// Whoever probes from elsewhere hears that the bot is not ready, but not why.
func TestStrangersDoNotHearWhy(t *testing.T) {
	o := (&bot{}).options(t)
	o.Tokens = admin
	o.Ready = func() error { return errors.New("no space left on /data") }
	h := New(o)
	for from, says := range map[string]string{elsewhere: "not ready\n", "127.0.0.1:1": "not ready: no space left on /data\n"} {
		answer := request{path: "/readyz", from: from}.to(h)
		require.Equal(t, 503, answer.Code)
		require.Equal(t, says, answer.Body.String())
	}
}
