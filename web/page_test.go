package web

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestPage(t *testing.T) {
	b := &bot{status: fullStatus(), alerts: []alert.Alert{callbackAlert(), redAlert()}, notReady: errors.New("store <full>")}
	w := request{path: "/"}.to(New(b.options()))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	body := w.Body.String()

	for _, want := range []string{
		"1 critical, 1 warning", "Not ready:", "store &lt;full&gt;",
		`class="severity">critical<`, "<b>8613800001111</b>", "YELLOW", "RED", "Acme &lt;i&gt;",
		"1 h 30 min", "2026-11-23 10:30:00 UTC", "(empty)", "https://hook.example.com/in?…",
		"acknowledged by &lt;b&gt;Joe&lt;/b&gt;", "held by silence s-1",
		"3.2 of 8 requests a second", "0.5 %", "1 min 15 s, at worst 5 min 0 s",
		"Unknown.ResourceOwnerId &lt;b&gt;no&lt;/b&gt;", "Check the id.", "request R-1",
		"nats", "v1.2.3", "1 d 2 h", "42 records in the log, 5.0 MB",
	} {
		require.Contains(t, body, want)
	}
	require.Less(t, strings.Index(body, "quality-red"), strings.Index(body, "callback-moved"), "worst first")
	for _, never := range []string{"TOPSECRET", "<script", "\u202e", "\x1b", "javascript:", "<i>", "http://", "<b>no", "style=\""} {
		require.NotContains(t, body, never)
	}
}

// Whatever a customer calls himself, the page stays one line of text there.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		`"><img src=x onerror=alert(1)>`, `</article></main><h1>All is well</h1>`, "{{.Status}}",
		"line\nbreak\u2028<br>", strings.Repeat("W", 5000), "\xff\xfe<a href=//x>", "<!--",
	} {
		a := redAlert()
		n := *a.Change.Number
		n.Set(phone.VerifiedName, name)
		a.Change.Number = &n
		b := &bot{alerts: []alert.Alert{a}}
		body := request{path: "/"}.to(New(b.options())).Body.String()
		calm := request{path: "/"}.to(New((&bot{alerts: []alert.Alert{redAlert()}}).options())).Body.String()
		require.Equal(t, strings.Count(calm, "<"), strings.Count(body, "<"), "no tag more than with any other name: %q", name)
		require.Equal(t, strings.Count(calm, "\n"), strings.Count(body, "\n"))
		require.Less(t, len(body), len(calm)+6*mostText)
	}
}

func TestPageWhenAllIsWell(t *testing.T) {
	pending := redAlert()
	pending.State = alert.Pending
	b := &bot{alerts: []alert.Alert{pending}}
	body := request{path: "/"}.to(New(b.options())).Body.String()
	require.Contains(t, body, "<h1>Nothing is wrong</h1>")
	require.Contains(t, body, "No alert is open.")
	require.NotContains(t, body, "Not ready")
	require.NotContains(t, body, "8613800001111", "a pending alert is not bad news yet")
}

func TestPageIsBounded(t *testing.T) {
	b := &bot{status: Status{Accounts: []AccountStatus{{Name: "main"}}}}
	for i := range mostAlerts + 7 {
		a := redAlert()
		a.ID = fmt.Sprintf("a-%d", i)
		b.alerts = append(b.alerts, a)
	}
	for i := range mostFailing + 3 {
		b.status.Accounts[0].Failing = append(b.status.Accounts[0].Failing, FailingSpace{Space: fmt.Sprint(i), Class: "transient"})
	}
	body := request{path: "/"}.to(New(b.options())).Body.String()
	require.Equal(t, mostAlerts, strings.Count(body, `class="alert critical"`))
	require.Contains(t, body, "and 7 more;")
	require.Contains(t, body, "and 3 more spaces")
}

func TestAlertsOfTheBotAndOfSpaces(t *testing.T) {
	parked := alert.Alert{
		State: alert.Firing, Severity: alert.High, Field: phone.Sink, Subject: phone.Subject{Part: "slack:ops"}, Since: noon,
		Change: phone.Change{Old: phone.OK, New: phone.Parked, Reason: "channel_not_found: invite the bot"},
	}
	blind := alert.Alert{
		State: alert.Firing, Severity: alert.High, Field: phone.Poll, Subject: phone.Subject{Account: "main"}, Since: noon,
		Change: phone.Change{New: phone.Denied},
	}
	b := &bot{alerts: []alert.Alert{parked, blind}}
	h := New(b.options())
	body := request{path: "/"}.to(h).Body.String()
	require.Contains(t, body, "numwatch slack:ops")
	require.Contains(t, body, "channel_not_found: invite the bot")
	require.Contains(t, body, "2 high")
	require.Contains(t, request{path: "/api/v1/alerts"}.to(h).Body.String(), `"part": "slack:ops"`)
}

func TestStyleHasNoOutsideResources(t *testing.T) {
	w := request{path: "/style.css"}.to(New((&bot{}).options()))
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Body.String(), "url(")
	require.NotContains(t, w.Body.String(), "@import")
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 400 * time.Millisecond: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min 0 s",
		time.Hour - time.Millisecond: "1 h 0 min", 25 * time.Hour: "1 d 1 h", 100 * 24 * time.Hour: "100 d 0 h",
	} {
		require.Equal(t, want, span(d))
	}
}
