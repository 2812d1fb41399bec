package web

import (
	"context"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

// What is asked of the API is done, and what it says fits its description.
func TestDecisionsThroughTheAPI(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	id := b.alerts[0].ID
	do := func(method, path, body string, code int) string {
		t.Helper()
		w := request{method: method, path: path, body: body}.to(h)
		require.Equal(t, code, w.Code, w.Body.String())
		return w.Body.String()
	}
	require.Contains(t, do("POST", "/api/v1/alerts/"+id+"/ack", `{"by":" Ada\u202e "}`, 200), `"by": "Ada"`)
	require.Equal(t, "Ada", b.alerts[0].Ack.By)
	require.Contains(t, do("DELETE", "/api/v1/alerts/"+id+"/ack", `{"by":"Bob"}`, 200), `"ack": null`)
	require.Nil(t, b.alerts[0].Ack)

	number := b.alerts[0].Subject.PhoneNumber
	require.Contains(t, do("POST", "/api/v1/names", `{"match":{"number":"+`+number[:2]+` `+number[2:]+`"}}`, 200), `"number": "`+number+`"`)
	require.Contains(t, do("POST", "/api/v1/names", `{"match":{"rule":"quality-rd"}}`, 422), `there is no rule`)

	require.Contains(t, do("POST", "/api/v1/silences/preview", `{"match":{"rule":"quality-red"}}`, 200), `"total": 2`)
	require.Contains(t, do("POST", "/api/v1/silences/preview", `{"match":{"rule":"routing-changed"}}`, 200), `"total": 0`)
	made := do("POST", "/api/v1/silences", `{"match":{"rule":"quality-red"},"for_seconds":7200,"by":"Ada","reason":"moving"}`, 201)
	require.Contains(t, made, `"covers": 2`)
	require.Contains(t, made, `"until": "2026-11-23T14:00:00Z"`)
	do("POST", "/api/v1/silences", `{"match":{"severity":"high"},"until":"2026-11-24T00:00:00+08:00","by":"Ada"}`, 201)
	var list api.SilenceList
	require.NoError(t, json.Unmarshal([]byte(do("GET", "/api/v1/silences", "", 200)), &list))
	require.Equal(t, 2, list.Total)
	require.Equal(t, "moving", list.Silences[0].Reason)
	require.Equal(t, noon.Add(4*time.Hour), list.Silences[1].Until)
	do("DELETE", "/api/v1/silences/s-1", `{"by":"Bob"}`, 200)
	require.Len(t, b.silences, 1)
}

// With an incident's id, it is done to all of its open alerts.
func TestIncidentsThroughTheAPI(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	id := b.alerts[1].Incident
	ask := func(method, path string, code int) (list api.AlertList) {
		t.Helper()
		r := request{method: method, path: "/api/v1/alerts" + path}
		if method != "GET" {
			r.body = `{"by":"Ada"}`
		}
		w := r.to(h)
		require.Equal(t, code, w.Code, w.Body.String())
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
		return list
	}
	rules := func(list api.AlertList) (all []string) {
		require.Len(t, list.Alerts, list.Total)
		for _, a := range list.Alerts {
			require.Equal(t, id, a.Alert.Incident)
			all = append(all, a.Alert.Rule)
		}
		return all
	}
	require.Equal(t, []string{"status-banned", "quality-yellow", "limit-lowered"}, rules(ask("GET", "?state=all&incident="+id, 200)))
	open := ask("GET", "?incident="+id, 200)
	require.Equal(t, []string{"status-banned", "quality-yellow"}, rules(open))
	require.True(t, open.Alerts[1].Alert.Flapping)

	acked := ask("POST", "/"+id+"/ack", 200)
	require.Equal(t, []string{"status-banned", "quality-yellow"}, rules(acked))
	for _, a := range acked.Alerts {
		require.Equal(t, "Ada", a.Alert.Ack.By)
	}
	for _, a := range ask("DELETE", "/"+id+"/ack", 200).Alerts {
		require.Nil(t, a.Alert.Ack)
	}
	over := b.alerts[slices.IndexFunc(b.alerts, func(a alert.Alert) bool { return a.State.Closed() })].Incident
	ask("POST", "/"+over+"/ack", 422)
	ask("POST", "/i-none/ack", 404)
	b.refuse = errDisk
	ask("POST", "/"+id+"/ack", 503)
}

// A message that somebody has deleted is called so.
func TestMessagesThatAreGone(t *testing.T) {
	b := busyBot()
	b.messages[0].State = alert.Gone
	h := New(b.options(t))
	require.Contains(t, request{path: "/api/v1/alerts/" + b.alerts[0].ID}.to(h).Body.String(), `"state": "gone"`)
	require.Contains(t, request{path: "/alerts"}.to(h).Body.String(), b.messages[0].Channel+" (gone)")
}

// A silence of an incident is of what is open on it: what else opens is heard of.
func TestSilenceOfAnIncidentOnThePage(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	banned := b.alerts[1]
	w := request{path: "/alerts/" + banned.Incident + "/silence"}.post("by=Ada&for=1h").to(h)
	require.Equal(t, "../../alerts?about=s-1&done=silenced", w.Header().Get("Location"))
	require.Equal(t, alert.MatchSubject("status-banned,quality-yellow", banned.Subject), b.silences[0].Match)
	body := request{path: "/silences?" + matchQuery(&b.silences[0].Match).Encode()}.to(h).Body.String()
	require.Contains(t, body, "covers 2 open alerts now")
	require.Contains(t, body, "status-banned or quality-yellow")
}

func TestDrillThroughTheAPI(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	const body = `{"rule":"quality-red","space":"1001","by":"Ada"}`
	w := request{method: "POST", path: "/api/v1/drill", body: body}.to(h)
	require.Equal(t, 201, w.Code)
	require.Contains(t, w.Body.String(), `"drill": true`)
	require.Equal(t, 404, request{method: "POST", path: "/api/v1/drill", body: `{"rule":"no-such","by":"Ada"}`}.to(h).Code)
	require.Equal(t, 422, request{method: "POST", path: "/api/v1/drill", body: `{"rule":"x","by":""}`}.to(h).Code)
	w = request{path: "/api/v1/alerts/" + b.alerts[0].ID}.to(h)
	require.Contains(t, w.Body.String(), `"channel": "oncall"`)
	require.Equal(t, 404, request{path: "/api/v1/alerts/a-none"}.to(h).Code)
	require.Contains(t, request{path: "/alerts?state=all"}.to(h).Body.String(), "DRILL")
}

func TestDecisionsThatCannotBeDone(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	closed := b.alerts[slices.IndexFunc(b.alerts, func(a alert.Alert) bool { return a.State.Closed() })].ID
	type try struct {
		request
		code int
		says string
	}
	post := func(path, body string, code int, says string) try {
		return try{request{method: "POST", path: "/api/v1/" + path, body: body}, code, says}
	}
	for _, ask := range []try{
		post("alerts/a-none/ack", `{"by":"Ada"}`, 404, "/api/v1/alerts, "),
		post("alerts/"+closed+"/ack", `{"by":"Ada"}`, 422, "is closed"),
		post("alerts/"+closed+"/ack", `{"by":"\u202e "}`, 422, "`by` is required"),
		post("alerts/"+closed+"/ack", ``, 400, "openapi.yaml"),
		post("alerts/"+closed+"/ack", `{"by":"Ada"} {}`, 400, "openapi.yaml"),
		post("alerts/"+closed+"/ack", `{"by":"`+strings.Repeat("x", maxAsked)+`"}`, 400, "too large"),
		post("silences", `{"match":{},"for_seconds":60,"by":"Ada"}`, 422, "at least one of account"),
		post("silences", `{"match":{"severity":"dire"},"for_seconds":60,"by":"Ada"}`, 422, "critical, high"),
		post("silences", `{"match":{"colour":"red"},"for_seconds":60,"by":"Ada"}`, 400, "colour"),
		post("silences", `{"match":{"rule":"quality-red"},"by":"Ada"}`, 422, "either `until`"),
		post("silences", `{"match":{"rule":"quality-red"},"by":"Ada","for_seconds":1,"until":"2030-01-01T00:00:00Z"}`, 422, "not both"),
		post("silences", `{"match":{"rule":"quality-red"},"by":"Ada","for_seconds":-1}`, 422, "the end is in the past"),
		post("silences", `{"match":{"rule":"quality-red"},"by":"Ada","from":"2030-01-02T00:00:00Z","until":"2030-01-01T00:00:00Z"}`, 422, "the end is before the start"),
		post("silences", `{"match":{"rule":"quality-red"},"for_seconds":60}`, 422, "`by` is required"),
		post("silences/preview", `{"match":{}}`, 422, "at least one of"),
		{request{method: "DELETE", path: "/api/v1/silences/s-9", body: `{"by":"Ada"}`}, 404, "/api/v1/silences and"},
		{request{method: "DELETE", path: "/api/v1/silences/s-9", body: `{"by":""}`}, 422, "`by` is required"},
		{request{path: "/api/v1/silences?x=1"}, 400, "unknown parameter"},
	} {
		w := ask.to(h)
		require.Equal(t, ask.code, w.Code, "%s %s: %s", ask.path, ask.body, w.Body)
		require.Contains(t, w.Body.String(), ask.says)
	}
	require.Empty(t, b.silences)
	b.refuse = errDisk
	w := request{method: "POST", path: "/api/v1/silences", body: `{"match":{"rule":"quality-red"},"for_seconds":60,"by":"Ada"}`}.to(h)
	require.Equal(t, 503, w.Code)
	require.Contains(t, b.log.String(), "the disk is gone")
}

// stuck takes nothing, as the loop does while it cannot commit.
type stuck struct{ *bot }

func (stuck) Ack(ctx context.Context, _, _ string) (alert.Alert, error) {
	<-ctx.Done()
	return alert.Alert{}, ctx.Err()
}

func (stuck) Silence(ctx context.Context, _ alert.Silence) (alert.Silence, error) {
	<-ctx.Done()
	return alert.Silence{}, ctx.Err()
}

func (stuck) EndSilence(ctx context.Context, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func (stuck) Drill(ctx context.Context, _, _, _ string) (alert.Alert, error) {
	<-ctx.Done()
	return alert.Alert{}, ctx.Err()
}

func (stuck) RetryDead(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// A bot that cannot store what is decided says so before who asks gives up.
func TestDecisionsWhileTheStoreCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := busyBot()
		o := b.options(t)
		o.Operator, o.Slack = stuck{b}, stuck{b}
		h := New(o)
		for _, ask := range []request{
			{method: "POST", path: "/api/v1/alerts/a-1/ack", body: `{"by":"Ada"}`},
			{method: "POST", path: "/api/v1/silences", body: `{"match":{"rule":"quality-red"},"for_seconds":60,"by":"Ada"}`},
			{method: "DELETE", path: "/api/v1/silences/s-1", body: `{"by":"Ada"}`},
			{method: "POST", path: "/api/v1/drill", body: `{"rule":"quality-red","by":"Ada"}`},
			{method: "POST", path: "/api/v1/deadletters/m-dead/retry"},
		} {
			for reason, says := range map[error]string{
				nil:     "the bot did not store it within 5s; ",
				errDisk: "the bot is not ready: the disk is gone; ",
			} {
				b.notReady = reason
				start := time.Now()
				w := ask.to(h)
				require.Equal(t, 5*time.Second, time.Since(start))
				require.Equal(t, 503, w.Code)
				require.Contains(t, w.Body.String(), `"error": "`+says)
			}
		}
		w := request{path: "/alerts/a-1/ack"}.post("by=Ada").to(h)
		require.Equal(t, "../../alerts?done=failed", w.Header().Get("Location"))
		w = request{method: "POST", path: "/delivery/dead/m-dead/retry"}.to(h)
		require.Equal(t, "../../../delivery?done=failed", w.Header().Get("Location"))
	})
}

// Whatever decides is guarded as a reload is.
func TestDecisionsAreGuarded(t *testing.T) {
	b := busyBot()
	o := b.options(t)
	o.Tokens = admin
	h := New(o)
	ack := request{method: "POST", path: "/api/v1/alerts/" + b.alerts[0].ID + "/ack", body: `{"by":"Ada"}`}
	silence := request{method: "POST", path: "/api/v1/silences", body: `{"match":{"rule":"quality-red"},"for_seconds":60,"by":"Ada"}`}
	end := request{method: "DELETE", path: "/api/v1/silences/s-1", body: `{"by":"Ada"}`}
	for _, r := range []request{ack, silence, end} {
		require.Equal(t, 401, r.to(h).Code, r.path)
		r.header = bearer(token)
		r.header["Sec-Fetch-Site"] = "cross-site"
		require.Equal(t, 403, r.to(h).Code, r.path)
	}
	require.Nil(t, b.alerts[0].Ack)
	require.Empty(t, b.silences)
}

// Without scripts: what forms on pages ask for is done, and the name is asked
// for once.
func TestDecisionsOnThePages(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	first := b.alerts[0]
	path := "/alerts/" + first.Incident
	w := request{path: path + "/ack", header: map[string]string{"Referer": "http://x/alerts?severity=critical&done=gone"}}.post("by=+Ada%0a").to(h)
	require.Equal(t, 303, w.Code)
	require.Equal(t, "../../alerts?about="+first.Incident+"&done=acked&severity=critical", w.Header().Get("Location"))
	cookie := w.Header().Get("Set-Cookie")
	for _, want := range []string{"numwatch-name=Ada;", "HttpOnly", "SameSite=Strict", "Path=/"} {
		require.Contains(t, cookie, want)
	}
	require.Equal(t, "Ada", b.alerts[0].Ack.By)
	body := request{path: "/alerts", header: map[string]string{"Cookie": "numwatch-name=%3Cb%3EAda"}}.to(h).Body.String()
	require.Contains(t, body, `value="&lt;b&gt;Ada"`)
	require.Contains(t, body, `acknowledged by Ada at</bdi> <time datetime="2026-11-23T12:00:00Z"`)
	require.Contains(t, body, `formaction="./alerts/`+first.Incident+`/unack"`)
	ask := func(path, fields, location string) {
		t.Helper()
		w := request{path: path}.post(fields).to(h)
		require.Equal(t, 303, w.Code, w.Body)
		require.Equal(t, location, w.Header().Get("Location"))
	}
	ask(path+"/unack", "by=Ada", "../../alerts?about="+first.Incident+"&done=unacked")
	require.Nil(t, b.alerts[0].Ack)
	ask(path+"/ack", "by=", "../../alerts?done=undone")
	ask("/alerts/a-none/ack", "by=Ada", "../../alerts?done=over")
	ask("/alerts/a-none/silence", "by=Ada&for=1h", "../../alerts?done=over")
	ask(path+"/silence", "by=Ada&for=soon", "../../alerts?done=undone")
	ask("/alerts/name", "by=Bob", "../alerts?done=named")
	require.Empty(t, b.silences)

	ask(path+"/silence", "by=Ada&for=24h", "../../alerts?about=s-1&done=silenced")
	require.Equal(t, noon.Add(24*time.Hour), b.silences[0].Until)
	require.Equal(t, alert.MatchSubject(first.Rule, first.Subject), b.silences[0].Match)
	require.Contains(t, request{path: "/alerts"}.to(h).Body.String(), `held by a silence of Ada until</bdi> <time datetime="2026-11-24T12:00:00Z"`)

	ask("/silences", "by=Ada&rule=status-flagged&labels=tier%3Dgold&for=1h&until=2026-12-01T07:30&reason=moving", "./silences?about=s-2&done=silenced")
	require.Equal(t, time.Date(2026, 12, 1, 7, 30, 0, 0, time.UTC), b.silences[1].Until)
	require.Equal(t, map[string]string{"tier": "gold"}, b.silences[1].Match.Labels)
	body = request{path: "/silences"}.to(h).Body.String()
	for _, want := range []string{"rule=status-flagged label.tier=gold", "moving", "for another 7 d 19 h", `formaction="./silences/s-2/end"`} {
		require.Contains(t, body, want)
	}
	ask("/silences/s-2/end", "by=Ada", "../../alerts?done=ended")
	require.Len(t, b.silences, 1)
	b.refuse = errDisk
	ask(path+"/ack", "by=Ada", "../../alerts?done=failed")
	require.Equal(t, 403, request{path: path + "/ack", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}.post("by=Eve").to(h).Code)
}

// What is refused is said on the form, which stays as it was filled in.
func TestASilenceThatIsRefusedOnThePage(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	for fields, says := range map[string]string{
		"by=Ada&for=1h":                                                        "at least one of account",
		"by=&for=1h&rule=quality-red":                                          "`by` is required",
		"by=Ada&rule=quality-red":                                              "choose a duration",
		"by=Ada&rule=quality-red&until=soon":                                   "must be a time",
		"by=Ada&rule=quality-red&until=2020-01-01T00%3A00":                     "the end is in the past",
		"by=Ada&rule=quality-red&for=1h&from=tomorrow":                         "the start must be a time",
		"by=Ada&rule=quality-red&from=2026-11-25T07:00&until=2026-11-24T07:00": "the end is before the start",
		"by=Ada&labels=gold&for=1h":                                            "labels must be name=value",
		"by=Ada&severity=dire&for=1h":                                          "unknown severity",
	} {
		w := request{path: "/silences"}.post(fields + "&reason=because+%3Cb%3E").to(h)
		require.Equal(t, 422, w.Code, fields)
		require.Contains(t, w.Body.String(), says)
		require.Contains(t, w.Body.String(), `value="because &lt;b&gt;"`)
	}
	w := request{path: "/silences"}.post("by=Ada&rule=quality-red&for=1h&reason=+").to(h)
	require.Equal(t, 422, w.Code)
	require.Contains(t, w.Body.String(), "a reason is required")
	require.Empty(t, b.silences)
}

// What is misspelt is refused with the nearest name that there is, on the form and in its
// preview.
func TestSilenceFormSaysTheNearestName(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	number := b.numbers[5].Number.PhoneNumber
	for fields, says := range map[string]string{
		"rule=qualty-red":              `there is no rule "qualty-red": did you mean "quality-red"?`,
		"rule=quality-red,status-band": `there is no rule "status-band": did you mean "status-banned"?`,
		"space=merlin+bank":            `no space has the id "merlin bank", and none has that name: did you mean "Merlion Bank"?`,
		"account=mian":                 `there is no account "mian": did you mean "main"?`,
		"labels=teir%3Dgold":           `there is no label "teir": did you mean "tier"?`,
		"labels=tier%3Dgld":            `there is no space with label.tier "gld": did you mean "gold"?`,
		"part=slack:opps":              `there is no channel "slack:opps": did you mean "slack:ops"?`,
		"part=natss":                   `there is no part of the bot "natss": did you mean "nats"?`,
		"part=rule":                    `there is no part of the bot "rule": did you mean "rules"?`,
		"part=slak:ops":                `there is no channel "slak:ops": did you mean "slack:ops"?`,
		"part=dingtalk:ops":            `there is no channel "dingtalk:ops": `,
		"number=" + number + "0":       `no space has a number "` + number + `0": did you mean "` + number + `"?`,
	} {
		for _, ask := range []request{request{path: "/silences"}.post("by=Ada&for=1h&reason=x&" + fields), {path: "/silences?" + fields}} {
			w := ask.to(h)
			require.Equal(t, map[string]int{"POST": 422, "": 200}[ask.method], w.Code, fields)
			require.Contains(t, html.UnescapeString(w.Body.String()), says)
			require.NotContains(t, w.Body.String(), `id="preview"`)
		}
		asked, err := url.ParseQuery(fields)
		require.NoError(t, err)
		match, err := matchOf(asked)
		require.NoError(t, err)
		body, err := json.Marshal(api.SilenceRequest{Match: match, By: "Ada", For: 60})
		require.NoError(t, err)
		w := request{method: "POST", path: "/api/v1/silences", body: string(body)}.to(h)
		require.Equal(t, 422, w.Code, fields)
		var said struct{ Error string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &said))
		require.Contains(t, said.Error, says, "the API says the same")
		body, err = json.Marshal(api.PreviewRequest{Match: match})
		require.NoError(t, err)
		require.Equal(t, 422, request{method: "POST", path: "/api/v1/silences/preview", body: string(body)}.to(h).Code)
	}
	require.Empty(t, b.silences)
	for _, part := range []string{"slack:ops:dead-letters", "nats", "nats:dead-letters", "rules", "store", "slack", "silence:s-1", "spaces:main"} {
		require.NotContains(t, request{path: "/silences?part=" + part}.to(h).Body.String(), "there is no", part)
	}
	b.numbers, b.alerts = nil, b.alerts[:1] // whose number no space has any more
	h = New(b.options(t))
	require.Contains(t, request{path: "/silences?number=" + b.alerts[0].Subject.PhoneNumber}.to(h).Body.String(), "covers 1 open alert now")
}

// A silence may be planned: until it begins it holds back nothing, and it says so.
func TestAPlannedSilence(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	ask := func(fields string) string {
		t.Helper()
		w := request{path: "/silences"}.post("by=Ada&rule=quality-red&reason=moving&" + fields).to(h)
		require.Equal(t, 303, w.Code, w.Body)
		return w.Header().Get("Location")
	}
	require.Equal(t, "./silences?about=s-1&done=planned", ask("from=2026-11-23T14:00&for=4h"))
	require.Equal(t, noon.Add(2*time.Hour), b.silences[0].From)
	require.Equal(t, noon.Add(6*time.Hour), b.silences[0].Until, "it lasts from its beginning")
	page := request{path: "/silences?about=s-1&done=planned"}.to(h).Body.String()
	require.Contains(t, page, "rule=quality-red. The silence is planned")
	require.Contains(t, page, `action="./silences/end"`, "it can be undone")
	require.Contains(t, page, "begins in 2 h</span>")
	require.Contains(t, page, `from <time datetime="2026-11-23T14:00:00Z" class="at">2026-11-23 14:00:00 UTC</time> until <time datetime="2026-11-23T18:00:00Z"`)
	require.Contains(t, page, "for 4 h · by <bdi>Ada</bdi>")
	require.NotContains(t, request{path: "/alerts?rule=quality-red"}.to(h).Body.String(), "held by a silence")
	require.Contains(t, request{path: "/alerts"}.to(h).Body.String(), "begins in 2 h</span>")

	ask("from=2026-11-23T11:00&for=1h")
	require.Equal(t, alert.Silence{ID: "s-2", Match: b.silences[0].Match, By: "Ada", Reason: "moving", From: noon, Until: noon.Add(time.Hour)}, b.silences[1], "what should have begun begins now")
	ask("from=2027-11-23T12:00&until=2027-11-24T12:00")
	require.Len(t, b.silences, 3, "it is short, although it ends in a year")

	w := request{method: "POST", path: "/api/v1/silences", body: `{"match":{"rule":"quality-red"},"by":"Ada","from":"2026-11-24T00:00:00Z","for_seconds":60}`}.to(h)
	require.Equal(t, 201, w.Code)
	require.Contains(t, w.Body.String(), `"planned": true`)
	require.Contains(t, w.Body.String(), `"until": "2026-11-24T00:01:00Z"`)
	require.Equal(t, 200, request{path: "/api/v1/silences"}.to(h).Code)
}

// What is typed into the form of silences is understood, or refused: it never silences
// nothing without a word.
func TestSilenceFormUnderstandsNames(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	try := func(fields string, code int) string {
		t.Helper()
		w := request{path: "/silences"}.post("by=Ada&reason=x&" + fields).to(h)
		require.Equal(t, code, w.Code, fields)
		return w.Body.String()
	}
	try("for=1h&space=kopi+%26+co", 303)
	require.Equal(t, b.spaces[7].ID, b.silences[0].Match.Space, "the name of one space")
	number := b.numbers[5].Number.PhoneNumber
	try("for=1h&number=%2B"+number[:2]+"+"+number[2:5]+"-"+number[5:], 303)
	require.Equal(t, number, b.silences[1].Match.PhoneNumber)
	require.Contains(t, try("for=1h&space=kopi", 422), `no space has the id &#34;kopi&#34;, and none has that name`)
	require.Contains(t, try("for=1h&account=mian", 422), `there is no account &#34;mian&#34;`)
	long := try("for=400d&rule=quality-red", 422)
	require.Contains(t, long, "it would last 400 d; tick the box")
	require.Contains(t, long, `name="long"`)
	require.Contains(t, try("until=2027-11-24T07:00&rule=quality-red", 422), "tick the box")
	require.Len(t, b.silences, 2)
	try("for=400d&rule=quality-red&long=yes", 303)
	page := request{path: "/silences"}.to(h).Body.String()
	require.NotContains(t, page, `name="long"`, "it is asked only where it matters")
	require.Contains(t, page, `<option value="`+b.spaces[7].ID+`">Kopi &amp; Co</option>`)
	require.Contains(t, page, `<option value="tier=gold">`)
	require.Contains(t, page, `list="names-space"`)
}

// Names are those of the account that is named, several may be listed, and a space that is
// watched no longer is known by its alerts.
func TestSilenceFormFindsSpacesOfAnAccount(t *testing.T) {
	b := busyBot()
	b.status.Accounts = append(b.status.Accounts, api.AccountStatus{Name: "second"})
	b.spaces = append(b.spaces,
		phone.Space{SpaceKey: phone.SpaceKey{Account: "second", ID: "2001"}, Name: b.spaces[7].Name},
		phone.Space{SpaceKey: phone.SpaceKey{Account: "second", ID: "2002"}, Name: "Lim, Tan & Co"},
	)
	h := New(b.options(t))
	try := func(fields string, code int) string {
		t.Helper()
		w := request{path: "/silences"}.post("by=Ada&for=1h&reason=x&" + fields).to(h)
		require.Equal(t, code, w.Code, w.Body)
		return w.Body.String()
	}
	last := func() alert.Matcher { return b.silences[len(b.silences)-1].Match }
	require.Contains(t, try("space=kopi+%26+co", 422), "several have that name")
	try("account=second&space=kopi+%26+co", 303)
	require.Equal(t, alert.Matcher{Account: "second", Space: "2001"}, last())
	try("space=lim,+tan+%26+co", 303)
	require.Equal(t, alert.Matcher{Account: "second", Space: "2002"}, last(), "a name may hold a comma")
	try("space=second/2001", 303)
	require.Equal(t, alert.Matcher{Account: "second", Space: "2001"}, last())
	one, two := b.numbers[5].Number.PhoneNumber, b.numbers[6].Number.PhoneNumber
	try("account=main,second&space="+b.spaces[7].ID+",+2002&number=%2B"+one+",+%2B"+two, 303)
	require.Equal(t, alert.Matcher{Account: "main,second", Space: b.spaces[7].ID + ",2002", PhoneNumber: one + "," + two}, last())
	require.Contains(t, try("space=2001,nowhere", 422), `no space has the id &#34;nowhere&#34;`)
	require.Contains(t, try("account=main&space=2001", 422), "none has that name", "it would silence nothing")
}

// A drill is sent from its page, and what is refused is shown there.
func TestDrillForm(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	require.Contains(t, request{path: "/"}.to(h).Body.String(), `href="./drill"`)
	w := request{path: "/drill"}.post("by=Ada&rule=quality-red&space=Kopi+%26+Co").to(h)
	require.Equal(t, "./alerts?about=a-drill&done=drilled", w.Header().Get("Location"))
	drill := b.alerts[len(b.alerts)-1]
	require.True(t, drill.Drill)
	require.Equal(t, b.spaces[7].String(), drill.Subject.Space, "several accounts may have the id")
	require.Contains(t, request{path: "/alerts?about=a-drill&done=drilled"}.to(h).Body.String(), "The drill was sent")
	w = request{path: "/drill"}.post("by=Ada&rule=quality-red&space=nowhere").to(h)
	require.Equal(t, 422, w.Code)
	require.Contains(t, w.Body.String(), "Nothing was sent: <bdi>no space has the id")
	require.Contains(t, w.Body.String(), `<option value="quality-red" selected>`, "as it was filled in")
	require.Contains(t, w.Body.String(), `<datalist id="names-space"><option value="293483938849400">Harbour Coffee<`)
	require.Contains(t, w.Body.String(), `list="names-space"`)
	w = request{path: "/drill"}.post("by=Ada&rule=no-such").to(h)
	require.Contains(t, w.Body.String(), "there is no rule &#34;no-such&#34;")
}
