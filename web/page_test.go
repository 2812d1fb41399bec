package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// every page, with a number that has a hostile name.
func pagesOf(b *bot) map[string]string {
	return map[string]string{
		"overview": "/", "numbers": "/numbers", "number": "/" + numberPath(phone.SubjectOf(b.numbers[0].Space, b.numbers[0].Number.PhoneNumber)),
		"alerts": "/alerts?state=all", "rules": "/rules", "delivery": "/delivery", "spaces": "/spaces", "drill": "/drill", "silences": "/silences?rule=quality-red",
		"space": "/spaces/main/" + b.spaces[2].ID,
		"why":   "/alerts/" + b.alerts[0].ID + "/why",
	}
}

func TestPages(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	wants := map[string][]string{
		"overview": {"<h1>11 need attention</h1>", "All 11 incidents", ">status-banned<", "Merlion Bank", "CONNECTED", "11 better, 3 worse", "3.2 of 8 requests a second", "1 failing space", "slack:gold", "PARKED"},
		"numbers":  {`<option value="BANNED">BANNED</option>`, "1–50 of", `rel="next"`, "Harbour Coffee", "TIER_10K"},
		"number":   {"Timeline", "from 2026-11-23 11:54 UTC until now", "name-changed", "https://hooks.example.com/in?…", "oncall", "posted", "first poll of the space", `class="copy" data-copy="`, `<span class="lane-name">QualityRating</span> <span class="state good"><svg class="mark good" viewBox="0 0 12 12" aria-hidden="true" focusable="false"><use href="#good"/></svg><bdi>GREEN</bdi>`, `<a href="?over=90d#past">90 days</a>`},
		"alerts":   {"acknowledged by Wei Ling at</bdi> <time", "held by mute nights", "partly taken by Wei Ling", "recovered: now GREEN", "notified", "channel_not_found: invite the bot", "Pause marketing", `href="https://wiki.example.com/wa/quality-red"`, `who=nobody">Not taken <span class="num">11</span>`, `<select name="group">`},
		"rules":    {"would have sent 412 messages", "The file has errors", "rules.yaml:12:9", "QualityRatin", "did you mean &#34;QualityRating&#34;?", "quality-yellow", "121", "No rule covers"},
		"delivery": {"Dead letters", "invalid_blocks", "hooks.example.com/?…", "no longer stored", `action="./delivery/dead/m-dead/retry"`, "1 sink"},
		"silences": {"Nothing is silenced", "<bdi>rule=quality-red</bdi> covers 2 open alerts now", `formmethod="get"`, `value="status-banned"`},
		"space":    {"Northwind Airways", "tier=gold", "1 ban in the last 30 days, 1 not over; numbers were not banned for", "BANNED, YELLOW", "status-banned", "Changes in 30 days", "recovered, now TIER_10K", `href="../../spaces?label.tier=gold"`, `<th scope="row"><a class="number" href="../../numbers/main/`, `aria-label="Changes in the last 30 days: 2 for the better, 2 for the worse`, "alert opened"},
		"why":      {"quality-red on QualityRating is firing", "sent to oncall, ops", "message of 2026-11-23 10:28 UTC", "gold: the channel takes", "to is YELLOW", "8 decisions of rules whose field did not change", "opened then, nothing with the current rules", `href="../../rules#rule-quality-red"`},
		"spaces":   {"The spaces of account main cannot be listed", "grant the RAM user or role the action cams:ListInstance", "with 12 spaces: new ones are not watched", "Forbidden.RAM", "Grant the RAM user", "Merlion Bank", "tier=gold", "FAILING", "Failing"},
	}
	for name, path := range pagesOf(b) {
		w := request{path: path}.to(h)
		require.Equal(t, 200, w.Code, name)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		body := w.Body.String()
		for _, want := range wants[name] {
			require.Contains(t, body, want, name)
		}
		for _, never := range []string{"TOPSECRET", "<script>", "<img", "\u202e", "\x1b", "javascript:", "style=\"", "onerror=alert(1)>", "ZgotmplZ"} {
			require.NotContains(t, body, never, name)
		}
		require.Equal(t, 1, strings.Count(body, "<h1"), name)
		require.Equal(t, 1, strings.Count(body, "aria-current=\"page\""), name)
	}
}

// An incident is one entry: its worst open alert, then the others, then what is over.
func TestIncidentsOnThePages(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	banned := b.alerts[1]
	for _, path := range []string{"/alerts", "/alerts?state=all", "/alerts?state=all&rule=limit-lowered&number=" + banned.Subject.PhoneNumber, "/alerts?state=all&incident=" + banned.Incident, "/" + numberPath(banned.Subject), "/"} {
		body := request{path: path}.to(h).Body.String()
		if i := strings.Index(body, `<ul class="alerts card">`); i >= 0 {
			body = body[i:]
		}
		entry := body[strings.Index(body, ">BANNED</bdi>"):]
		entry, _, _ = strings.Cut(entry, `<li class="alert`)
		require.Contains(t, body, ">BANNED</bdi>", path)
		yellow, limit := strings.Index(entry, "flapping"), strings.Index(entry, "recovered, now TIER_10K")
		require.Positive(t, yellow, path)
		require.Greater(t, limit, yellow, "%s: what is over comes last", path)
	}
	alerts := request{path: "/alerts?rule=quality-yellow"}.to(h).Body.String()
	require.Contains(t, alerts, "1–3 of 3", "the incident that the rule has a part in, and two others")
	require.Contains(t, request{path: "/alerts?state=closed"}.to(h).Body.String(), "1–1 of 1", "an incident is over once all of its alerts are")
	body := request{path: "/alerts"}.to(h).Body.String()
	require.Contains(t, body, `<button form="decide" class="quick" formaction="./alerts/`+banned.Incident+`/ack">`, "of two open alerts only one is acknowledged")
	require.Equal(t, 1, strings.Count(body, banned.Incident+"/ack"))

	var status api.Status
	require.NoError(t, json.Unmarshal(request{path: "/api/v1/status"}.to(h).Body.Bytes(), &status))
	require.Equal(t, map[string]int{"critical": 4, "high": 3, "warning": 5, "info": 0}, status.Alerts)
	require.Equal(t, map[string]int{"critical": 4, "high": 3, "warning": 4, "info": 0}, status.Incidents)
}

// Of what began in one poll, a page names first what the message in Slack names first.
func TestAlertsOfOnePollAreInTheOrderOfFields(t *testing.T) {
	for _, id := range []string{"a-1", "a-3"} {
		red := alert.Alert{ID: "a-2", Field: phone.QualityRating, Severity: alert.Critical, State: alert.Firing}
		banned := alert.Alert{ID: id, Field: phone.Status, Severity: alert.Critical, State: alert.Firing}
		require.Negative(t, compareAlerts(&banned, &red))
	}
}

func TestOverviewSaysWhatIsWrongFirst(t *testing.T) {
	b := &bot{status: fullStatus(), alerts: []alert.Alert{callbackAlert(), redAlert()}, notReady: errors.New("store <full>")}
	body := request{path: "/"}.to(New(b.options(t))).Body.String()
	for _, want := range []string{
		"1 needs attention, 1 taken", "Not ready:", "store &lt;full&gt;", "8613800001111", "YELLOW", "RED", "Acme &lt;i&gt;",
		"1 h 30 min", "2026-11-23 10:30:00 UTC", "(empty)", "https://hook.example.com/in?…",
		"acknowledged by &lt;b&gt;Joe&lt;/b&gt;", "held by silence s-1", "0.5 %", ">1 min 15 s<", "5 min", "1 failing space",
		"v1.2.3", "1 d 2 h", "42 records in the log, 5.0 MB",
	} {
		require.Contains(t, body, want)
	}
	require.Less(t, strings.Index(body, "quality-red"), strings.Index(body, "callback-moved"), "worst first")
	for _, never := range []string{"TOPSECRET", "javascript:", "<i>"} {
		require.NotContains(t, body, never)
	}
}

// An account whose spaces cannot be listed is not well, even if all are polled
// that are known.
func TestSpacesThatCannotBeListed(t *testing.T) {
	b := busyBot()
	b.status.Accounts[0].Failing = nil
	h := New(b.options(t))
	for _, path := range []string{"/", "/spaces"} {
		body := request{path: path}.to(h).Body.String()
		require.Contains(t, body, "spaces not listed", path)
		require.NotContains(t, body, "all well", path)
	}
	b.status.Accounts[0].Discovery.At = time.Time{}
	require.Contains(t, request{path: "/spaces"}.to(h).Body.String(), "No list was received yet: only those of the configuration are watched")
	b.status.Accounts[0].Discovery.Error = ""
	body := request{path: "/spaces"}.to(h).Body.String()
	require.Contains(t, body, "all well")
	require.NotContains(t, body, "cannot be listed")
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
		body := request{path: "/"}.to(New(b.options(t))).Body.String()
		calm := request{path: "/"}.to(New((&bot{alerts: []alert.Alert{redAlert()}}).options(t))).Body.String()
		require.Equal(t, strings.Count(calm, "<"), strings.Count(body, "<"), "no tag more than with any other name: %q", name)
		require.Equal(t, strings.Count(calm, "\n"), strings.Count(body, "\n"))
		require.Less(t, len(body), len(calm)+6*display.MaxText)
	}
}

func TestPageWhenAllIsWell(t *testing.T) {
	pending := redAlert()
	pending.State = alert.Pending
	b := &bot{alerts: []alert.Alert{pending}}
	b.watch(1)
	b.polled[b.spaces[0].SpaceKey] = noon
	body := request{path: "/"}.to(New(b.options(t))).Body.String()
	require.Contains(t, body, "<h1>Nothing is wrong</h1>")
	require.Contains(t, body, "No alert is firing.")
	require.NotContains(t, body, "Not ready")
	require.NotContains(t, body, "8613800001111", "a pending alert is not bad news yet")
	for _, path := range []string{"/numbers", "/alerts", "/rules", "/delivery", "/spaces"} {
		require.Equal(t, 200, request{path: path}.to(New((&bot{}).options(t))).Code, path)
	}
}

// Where there is nothing to show, each page says what to do next.
func TestEmptyPagesSayWhatToDo(t *testing.T) {
	b := busyBot()
	calm := regexp.MustCompile(`(?s)<(?:div|p) class="[^"]*\bcalm\b.*?</(?:div|p)>`)
	next := regexp.MustCompile(`<a |<code>|<em>`)
	empty := &bot{status: api.Status{Accounts: []api.AccountStatus{{Name: "main"}}}}
	lonely := &bot{status: empty.status, spaces: b.spaces[2:3], neverPolled: true}
	paths := map[*bot][]string{
		empty:  {"/", "/numbers", "/alerts", "/spaces", "/silences", "/delivery"},
		lonely: {"/spaces/main/" + b.spaces[2].ID, "/numbers"},
	}
	for one, all := range paths {
		h := New(one.options(t))
		for _, path := range all {
			w := request{path: path}.to(h)
			require.Equal(t, 200, w.Code, path)
			said := calm.FindAllString(w.Body.String(), -1)
			require.NotEmpty(t, said, path)
			for _, text := range said {
				if !strings.Contains(text, "No number is known yet: the first poll") { // beside what says it
					require.Regexp(t, next, text, path)
				}
			}
		}
	}
	h := New(b.options(t))
	for _, path := range []string{"/numbers?q=nobody", "/alerts?q=nobody", "/spaces?q=nobody"} {
		require.Regexp(t, `(?s)matches\.</strong> <a href="[^"]*">Show all`, request{path: path}.to(h).Body.String(), path)
	}
	require.Contains(t, request{path: "/delivery"}.to(New(empty.options(t))).Body.String(), "Nothing is delivered anywhere: set <code>slack.bot_token</code>")
}

// A bot that has just begun shows its first hour.
func TestChartOfTheFirstHour(t *testing.T) {
	b := busyBot()
	here := func(path, text string) {
		t.Helper()
		require.Contains(t, request{path: path}.to(New(b.options(t))).Body.String(), `aria-current="true">`+text+"<")
	}
	here("/", "24 hours")
	here("/?over=7d", "7 days")
	here("/"+numberPath(b.alerts[0].Subject)+"?over=1d", "1 day")
	b.bars, b.events = make([]view.Bar, 48), nil
	here("/", "24 hours")
	b.bars[46].Worse = 1
	here("/", "1 hour")
	here("/?over=24h", "24 hours")
}

func TestPagesAreBounded(t *testing.T) {
	b := &bot{status: api.Status{Accounts: []api.AccountStatus{{Name: "main"}}}}
	for i := range 5000 {
		a := redAlert()
		a.ID = fmt.Sprintf("a-%d", i)
		b.alerts = append(b.alerts, a)
	}
	h := New(b.options(t))
	body := request{path: "/"}.to(h).Body.String()
	require.Equal(t, maxIncidents, strings.Count(body, `class="alert line short dire"`))
	require.Contains(t, body, "All 5,000 incidents")
	body = request{path: "/alerts?page=3"}.to(h).Body.String()
	require.Equal(t, incidentsPerPage, strings.Count(body, `class="alert line dire"`))
	require.Contains(t, body, "401–600 of 5,000")
	require.Contains(t, body, `href="?page=2"`)
	require.Contains(t, body, `href="?page=4"`)
}

func TestNumbersPageFilters(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	get := func(path string) string {
		w := request{path: path}.to(h)
		require.Equal(t, 200, w.Code)
		return w.Body.String()
	}
	body := get("/numbers?q=coffee&Status=BANNED,FLAGGED&label.tier=gold&UpQueue=(empty)&page=2")
	asked, err := url.ParseQuery("q=coffee&Status=BANNED,FLAGGED&label.tier=gold&UpQueue=(empty)")
	require.NoError(t, err)
	p := params{values: asked, known: map[string]bool{}}
	require.Equal(t, view.Query{
		Text: "coffee", Labels: map[string]string{"tier": "gold"},
		Fields: map[phone.Field][]string{phone.Status: {"BANNED", "FLAGGED"}, phone.UpQueue: {"(empty)"}},
	}, p.query())
	require.Contains(t, body, "No number matches.")
	require.Contains(t, body, `<option value="BANNED,FLAGGED" selected>BANNED or FLAGGED</option>`)
	require.Contains(t, body, `<details id="more-fields" open>`)
	require.Contains(t, get("/numbers?q=%22%3E%3Cb%3E"), `value="&#34;&gt;&lt;b&gt;"`)
	require.Contains(t, get("/numbers?page=x"), "page must be a number from 1")
	b.broken = errDisk
	require.Equal(t, 500, request{path: "/numbers"}.to(h).Code)
	b.counting, b.broken = true, nil
	require.Contains(t, request{path: "/numbers"}.to(New(b.options(t))).Body.String(), "Still counting")
}

func TestNumberThatIsNoMore(t *testing.T) {
	b := busyBot()
	about := phone.SubjectOf(b.numbers[0].Space, b.numbers[0].Number.PhoneNumber)
	b.numbers = nil
	body := request{path: "/" + numberPath(about)}.to(New(b.options(t))).Body.String()
	require.Contains(t, body, "no longer listed")
	require.Contains(t, body, "name-changed")
	w := request{path: "/numbers/main/nowhere/1"}.to(New(b.options(t)))
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "Go to the overview")
}

func TestWhatIsNotThere(t *testing.T) {
	h := New((&bot{}).options(t))
	w := request{path: "/nowhere/at/all"}.to(h)
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), `href="../../assets/style.css"`)
	w = request{path: "/api/v1/nowhere"}.to(h)
	require.Equal(t, 404, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "openapi.yaml")
	w = request{method: "DELETE", path: "/api/v1/alerts"}.to(h)
	require.Equal(t, 405, w.Code)
	require.Contains(t, w.Body.String(), "GET, HEAD only")
	require.Equal(t, 401, request{path: "/nowhere", from: elsewhere}.to(h).Code)
}

func TestForms(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	post := func(path string) string {
		w := request{method: "POST", path: path}.to(h)
		require.Equal(t, 303, w.Code, path)
		return w.Header().Get("Location")
	}
	require.Equal(t, "../rules?done=reloaded", post("/rules/reload"))
	for path, says := range map[string]string{"/rules/reload": "are in force", "/delivery/retry": "being tried again", "/delivery/dead/m-dead/retry": "being posted again"} {
		w := request{method: "POST", path: path, header: map[string]string{inPlace: "1"}}.to(h)
		require.Equal(t, 200, w.Code, path)
		require.Contains(t, w.Body.String(), says, "the notice alone, for a page's script")
		require.NotContains(t, w.Body.String(), "<html", path)
	}
	b.reloads, b.retries, b.retried = 1, 0, nil
	b.refuse = errDisk
	require.Equal(t, "../rules?done=refused", post("/rules/reload"))
	b.refuse = nil
	require.Equal(t, 2, b.reloads)
	require.Equal(t, "../delivery?done=retried", post("/delivery/retry"))
	require.Equal(t, 1, b.retries)
	require.Equal(t, "../../../delivery?done=posted", post("/delivery/dead/m-dead/retry"))
	require.Equal(t, []string{"m-dead"}, b.retried)
	require.Equal(t, "../../../delivery?done=over", post("/delivery/dead/m-other/retry"))
	b.refuse = errDisk
	require.Equal(t, "../../../delivery?done=failed", post("/delivery/dead/m-dead/retry"))
	require.Contains(t, request{path: "/delivery?done=retried"}.to(h).Body.String(), "being tried again")
	require.NotContains(t, request{path: "/delivery?done=<b>x"}.to(h).Body.String(), "<b>x")
	crossed := request{method: "POST", path: "/delivery/retry", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}.to(h)
	require.Equal(t, 403, crossed.Code)
}

// What a form has done is said once, and not again on every page that it leads to.
func TestLinksDoNotRepeatWhatWasDone(t *testing.T) {
	b := &bot{status: api.Status{Accounts: []api.AccountStatus{{Name: "main"}}}}
	for i := range 3 * incidentsPerPage {
		a := redAlert()
		a.ID = fmt.Sprintf("a-%d", i)
		b.alerts = append(b.alerts, a)
	}
	h := New(b.options(t))
	body := request{path: "/alerts?done=acked&page=2&severity=critical"}.to(h).Body.String()
	require.Contains(t, body, "Acknowledged")
	require.Contains(t, body, `href="?page=3&amp;severity=critical"`)
	require.NotContains(t, body, "done=acked")
	require.NotContains(t, request{path: "/spaces?done=named&state=OK"}.to(h).Body.String(), "done=named")
}

func TestAlertsOfTheBotAndOfSpaces(t *testing.T) {
	parked := alert.Alert{
		ID: "a-1", State: alert.Firing, Severity: alert.High, Field: phone.Sink, Subject: phone.Subject{Component: "slack:ops"}, Since: noon,
		Change: phone.Change{Old: phone.OK, New: phone.Parked, Reason: "channel_not_found: invite the bot"},
	}
	blind := alert.Alert{
		ID: "a-2", State: alert.Firing, Severity: alert.High, Field: phone.Poll, Subject: phone.Subject{Account: "main"}, Since: noon,
		Change: phone.Change{New: phone.Denied},
	}
	b := &bot{alerts: []alert.Alert{parked, blind}}
	h := New(b.options(t))
	body := request{path: "/"}.to(h).Body.String()
	require.Contains(t, body, "numwatch slack:ops")
	require.Contains(t, body, "channel_not_found: invite the bot")
	require.Contains(t, body, "2 need attention")
	require.Contains(t, request{path: "/api/v1/alerts"}.to(h).Body.String(), `"part": "slack:ops"`)
}

func TestAssets(t *testing.T) {
	h := New((&bot{}).options(t))
	for name, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := request{path: "/assets/" + name}.to(h)
		require.Equal(t, 200, w.Code)
		require.Equal(t, kind, w.Header().Get("Content-Type"))
		for _, never := range []string{"url(", "@import", "http://127", "https://"} {
			require.NotContains(t, w.Body.String(), never, "no outside resources")
		}
		again := request{path: "/assets/" + name, header: map[string]string{"If-None-Match": w.Header().Get("ETag")}}.to(h)
		require.Equal(t, 304, again.Code)
	}
	for _, name := range []string{"nothing", "..%2fpages%2fframe.html", ""} {
		require.Equal(t, 404, request{path: "/assets/" + name}.to(h).Code, name)
	}
}

// With thousands of spaces it takes longer to see how an account is than to make a page.
func TestPagesAskForAccountsOnlyToShowThem(t *testing.T) {
	b := busyBot()
	o, asked := b.options(t), 0
	o.Accounts = func() []api.AccountStatus {
		asked++
		return b.status.Accounts
	}
	h := New(o)
	for path, times := range map[string]int{
		"/rules": 0, "/delivery": 0, "/alerts": 0, "/silences": 0, "/" + numberPath(b.alerts[0].Subject): 0, "/": 1, "/spaces": 1, "/numbers": 1,
	} {
		asked = 0
		require.Equal(t, 200, request{path: path}.to(h).Code, path)
		require.Equal(t, times, asked, path)
	}
}
