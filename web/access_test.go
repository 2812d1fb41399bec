package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/guard"
)

// Each of these tokens admits somebody else.
var people = []guard.Token{
	{Name: "looker", Secret: "only-looks", Role: guard.View},
	{Name: "doer", Secret: "may-act", Role: guard.Act},
	{Name: "boss", Secret: "may-do-all", Role: guard.Admin},
	{Name: "acme", Secret: "acme-looks", Role: guard.View, Labels: map[string]string{"customer": "acme"}},
	{Name: "acme-desk", Secret: "acme-acts", Role: guard.Act, Labels: map[string]string{"customer": "acme"}},
	{Name: "proxy", Secret: "of-the-proxy", Role: guard.Act, UserHeader: "X-Forwarded-Email"},
}

// twoCustomers is a bot with trouble at Acme and at a rival, whose every name, number and
// id contains RIVAL or 999, which nothing of Acme's does. A number moved from one to the other.
func twoCustomers() *bot {
	b := &bot{status: fullStatus(), ending: make(chan struct{}), rules: busyRules()}
	b.rules.Rules[0].Name, b.rules.Rules[0].Summary = "for-RIVAL", "what RIVAL must be told"
	b.status.Accounts[0].Name, b.status.Accounts[0].Failing[0].Space = "main", "space-RIVAL-999"
	b.spaces = []phone.Space{
		{SpaceKey: phone.SpaceKey{Account: "main", ID: "space-1"}, Name: "Acme", Labels: map[string]string{"customer": "acme"}},
		{SpaceKey: phone.SpaceKey{Account: "main", ID: "space-RIVAL-999"}, Name: "RIVAL Ltd", Labels: map[string]string{"customer": "RIVAL"}},
	}
	for i, s := range b.spaces {
		number := []string{"6581110001", "6599990001"}[i]
		b.numbers = append(b.numbers, row(s.SpaceKey, plainNumber(number, s.Name)))
		b.befall(i, "quality-red", alert.Critical, phone.QualityRating, "GREEN", "RED", 90*60e9)
	}
	moved := &b.alerts[0]
	moved.Change.MovedFrom = b.spaces[1].ID
	moved.Origin = &alert.Origin{Space: b.spaces[1].ID, Title: moved.Title, Summary: append(slices.Clone(moved.Summary), " came from ", "another space"), Action: moved.Action}
	moved.Summary = append(moved.Summary, " came from ", "R I V A L 9 9 9") // as a rule may spell it
	for i := range b.events {
		if b.events[i].Change.Subject == moved.Subject {
			b.events[i].Change.MovedFrom = b.spaces[1].ID
		}
		if a := b.events[i].Alert; a != nil && a.ID == moved.ID {
			b.events[i].Alert = moved
		}
	}
	ended := *moved // its last change says nothing of the move, but its texts do
	ended.ID, ended.Rule, ended.State, ended.Change.MovedFrom = "a-ended", "moved", alert.Ended, ""
	b.alerts = append(b.alerts, ended)
	b.alerts[0].HeldBy = []string{alert.SilenceHold + "s-all"}
	b.deliveries()
	b.status.Sinks[0].LastError = "RIVAL is away"
	b.silences = []alert.Silence{
		{ID: "s-RIVAL", Match: alert.Matcher{Labels: map[string]string{"customer": "RIVAL"}}, By: "RIVAL", From: noon, Until: noon.Add(1e12)},
		{ID: "s-all", Match: alert.Matcher{Severity: "critical"}, By: "the ISV of RIVAL", From: noon, Until: noon.Add(1e12)},
		{ID: "s-own", Match: alert.Matcher{Rule: "x", Labels: map[string]string{"customer": "acme"}}, By: "acme", From: noon, Until: noon.Add(1e12)},
	}
	return b
}

// pathOf fills in what a pattern names.
func pathOf(pattern string, a *alert.Alert, silence, incident string) string {
	names := strings.NewReplacer("{account}", a.Subject.Account, "{space}", a.Subject.Space, "{number}", a.Subject.PhoneNumber, "{name}", "style.css", "{$}", "")
	path := names.Replace(pattern)
	id := incident
	switch {
	case strings.Contains(path, "silences"):
		id = silence
	case strings.HasPrefix(path, "/api/v1/alerts/{id}") && !strings.HasSuffix(path, "/ack"):
		id = a.ID
	case strings.Contains(path, "dead"):
		id = "m-dead"
	}
	return strings.ReplaceAll(path, "{id}", id)
}

// Whatever route there is, now or later: a customer's token gets nothing of another's.
func TestACustomersTokenSeesItsOwnSpacesOnly(t *testing.T) {
	foreign := regexp.MustCompile(`RIVAL|999|[Rr]ival|R I V A L`)
	// How each query is repeated by pages: in links, fields and menus.
	repeated := map[string][]string{
		"?q=RIVAL": {"q=RIVAL", `value="RIVAL"`}, "?label.customer=RIVAL": {"customer=RIVAL", `value="RIVAL"`, ">RIVAL</option>"}, "?space=space-RIVAL-999": {"space-RIVAL-999"},
	}
	for _, own := range []bool{true, false} {
		b := twoCustomers()
		o := b.options(t)
		o.Tokens = people
		close(b.ending) // so that the stream of events ends
		h := New(o)
		a, silence := &b.alerts[1], "s-RIVAL"
		if own {
			a, silence = &b.alerts[0], "s-own"
		}
		for _, r := range newSite(o).routes() {
			method, pattern, _ := strings.Cut(r.pattern, " ")
			path := pathOf(pattern, a, silence, a.Incident)
			for _, query := range []string{"", "?q=RIVAL", "?label.customer=RIVAL", "?state=all", "?space=space-RIVAL-999"} {
				ask := request{method: method, path: path + query, from: elsewhere, body: `{"by":"x"}`, header: maps.Clone(bearer("acme-acts"))}
				if method == http.MethodPost && !strings.HasPrefix(path, apiPrefix) {
					ask = ask.post("by=x&for=1h&ids=" + a.Incident + "," + silence)
				}
				if query != "" && (method != http.MethodGet || strings.HasPrefix(path, apiPrefix) && strings.Contains(path, "{")) {
					continue
				}
				name := fmt.Sprintf("%s %s, own: %v", method, path+query, own)
				said := ask.plain(h)
				text := said.Body.String()
				for _, asked := range repeated[query] {
					text = strings.ReplaceAll(text, asked, "")
				}
				if strings.Contains(path, "s-RIVAL") {
					text = strings.ReplaceAll(text, "silence s-RIVAL", "")
				}
				require.NotRegexp(t, foreign, text, name)
				require.NotContains(t, said.Header().Get("Location"), "done=failed", name)
			}
		}
		require.Nil(t, b.alerts[1].Ack, "another's alert")
		require.Contains(t, b.inForce(), b.silences[0])
		var others []string
		for _, s := range b.inForce() {
			if s.Match.Labels["customer"] != "acme" {
				others = append(others, s.ID)
			}
		}
		require.Equal(t, []string{"s-RIVAL", "s-all"}, others, "no silence is made or ended beyond the own spaces")
		if own {
			require.Nil(t, b.alerts[0].Ack, "acknowledged, and taken back again by the last route")
		}
	}
}

// withoutRival is the bot of twoCustomers, if there were no rival.
func withoutRival() *bot {
	b := twoCustomers()
	own := b.spaces[0].SpaceKey
	b.spaces, b.numbers, b.rules = b.spaces[:1], b.numbers[:1], api.Rules{}
	b.status.Accounts[0].Failing = nil
	b.alerts = slices.DeleteFunc(b.alerts, func(a alert.Alert) bool { return a.Subject.SpaceKey() != own })
	b.events = slices.DeleteFunc(b.events, func(e alert.Event) bool { return e.Change.Subject.SpaceKey() != own })
	b.messages = slices.DeleteFunc(b.messages, func(m alert.Message) bool {
		return !slices.ContainsFunc(b.alerts, func(a alert.Alert) bool { return m.Alerts[0].Alert == a.ID })
	})
	b.silences = b.silences[2:]
	return b
}

// Whatever it asks for, also for what it may not see: a customer's token gets the answers
// that it would get if there were nothing else, down to each count.
func TestACustomersTokenCannotTellWhetherThereAreOthers(t *testing.T) {
	both, alone := twoCustomers(), withoutRival()
	ask := func(b *bot, patterns func(o Options, h http.Handler)) {
		o := b.options(t)
		o.Tokens = people
		close(b.ending)
		patterns(o, New(o))
	}
	position := regexp.MustCompile(`"seq": \d+`) // in the log, which all share
	answers := map[string]string{}
	compared := 0
	for _, b := range []*bot{alone, both} {
		ask(b, func(o Options, h http.Handler) {
			for _, r := range newSite(o).routes() {
				method, pattern, _ := strings.Cut(r.pattern, " ")
				if method != http.MethodGet {
					continue
				}
				for _, a := range []*alert.Alert{&both.alerts[0], &both.alerts[1]} {
					path := pathOf(pattern, a, "s-RIVAL", a.Incident)
					for _, query := range []string{"", "?q=RIVAL", "?q=6599990001", "?label.customer=RIVAL", "?state=all", "?state=FAILING", "?space=space-RIVAL-999", "?account=main&page=2"} {
						said := request{path: path + query, from: elsewhere, header: maps.Clone(bearer("acme-acts"))}.plain(h)
						text := position.ReplaceAllString(fmt.Sprint(said.Code, "\n", said.Body), "")
						if before, asked := answers[path+query]; asked && b == both {
							require.Equal(t, before, text, path+query)
							compared++
						}
						answers[path+query] = text
					}
				}
			}
		})
	}
	require.Greater(t, compared, 300)
}

// What is its own, a customer sees in full.
func TestACustomersTokenSeesAllOfItsOwn(t *testing.T) {
	b := twoCustomers()
	o := b.options(t)
	o.Tokens = people
	h := New(o)
	get := func(path string) string {
		w := request{path: path, header: bearer("acme-looks")}.to(h)
		require.Equal(t, 200, w.Code, path)
		return w.Body.String()
	}
	for _, path := range []string{"/", "/alerts", "/numbers", "/spaces", "/api/v1/alerts", "/api/v1/numbers", "/api/v1/spaces", "/" + numberPath(b.alerts[0].Subject)} {
		require.Contains(t, get(path), "Acme", path)
	}
	require.Contains(t, get("/api/v1/status"), `"numbers": 1`)
	require.Contains(t, get("/api/v1/alerts"), "came from another space")
	require.Contains(t, get("/alerts?state=all"), "held by a silence of others")
	require.Contains(t, get("/silences"), "label.customer=acme")
	require.Contains(t, get("/api/v1/silences"), `"total": 1`)
	require.NotContains(t, get("/alerts"), "<button form=\"decide\"", "it may only look")
	require.NotContains(t, get("/"), "delivery")
}

func TestASilenceOfACustomerIsOfItsOwnSpaces(t *testing.T) {
	b := twoCustomers()
	b.silences = nil
	o := b.options(t)
	o.Tokens = people
	h := New(o)
	silence := request{method: "POST", path: "/api/v1/silences", header: bearer("acme-acts"), body: `{"match":{"severity":"critical"},"for_seconds":60}`}
	require.Equal(t, 201, silence.to(h).Code)
	made := b.inForce()[0]
	require.Equal(t, map[string]string{"customer": "acme"}, made.Match.Labels)
	require.Equal(t, "acme-desk", made.By, "proven, not typed")
	silence.body = `{"match":{"labels":{"customer":"RIVAL"}},"for_seconds":60}`
	require.Equal(t, 422, silence.to(h).Code)
	require.Len(t, b.inForce(), 1)
}

// Names of others are neither found nor suggested.
func TestACustomersTokenFindsItsOwnNamesOnly(t *testing.T) {
	b := twoCustomers()
	o := b.options(t)
	o.Tokens = people
	h := New(o)
	found := func(match string) (code int, text string) {
		w := request{method: "POST", path: "/api/v1/names", header: bearer("acme-acts"), body: `{"match":{` + match + `}}`}.to(h)
		return w.Code, w.Body.String()
	}
	code, text := found(`"space":"` + b.alerts[0].Subject.Space + `"`)
	require.Equal(t, 200, code, text)
	for _, match := range []string{
		`"space":"` + b.alerts[1].Subject.Space + `"`, `"space":"Rivals"`, `"number":"` + b.alerts[1].Subject.PhoneNumber + `"`, `"labels":{"customer":"RIVALS"}`,
	} {
		code, text := found(match)
		require.Equal(t, 422, code, match)
		require.NotRegexp(t, `did you mean|one of [^a]`, text, match) // its own label has the value acme
	}
}

// Each role may do what the ones before it may, and no more, and a customer's token nothing that is
// about the whole bot: on every route that there is.
func TestRoles(t *testing.T) {
	type access struct {
		least guard.Role
		whole bool // about all spaces
	}
	all := map[string]access{}
	for _, group := range []struct {
		access
		patterns string
	}{
		{access{guard.View, false}, `GET /{$}, GET /numbers, GET /numbers.csv, GET /numbers/{account}/{space}/{number}, GET /alerts, GET /spaces,
			GET /spaces/{account}/{space}, GET /silences, GET /live, GET /assets/{name}, GET /api/v1/status, GET /api/v1/spaces, GET /api/v1/numbers,
			GET /api/v1/numbers/{account}/{space}/{number}, GET /api/v1/numbers/{account}/{space}/{number}/history, GET /api/v1/alerts,
			GET /api/v1/alerts/{id}, GET /api/v1/silences, POST /api/v1/names, POST /api/v1/silences/preview, GET /api/v1/openapi.yaml`},
		{access{guard.View, true}, `GET /metrics, GET /rules, GET /delivery, GET /alerts/{id}/why, GET /api/v1/rules, GET /api/v1/deadletters, GET /api/v1/replicas`},
		{access{guard.Act, false}, `POST /silences, POST /silences/end, POST /silences/{id}/end, POST /alerts/name, POST /alerts/silence, POST /alerts/{id}/silence,
			POST /alerts/ack, POST /alerts/{id}/ack, POST /alerts/unack, POST /alerts/{id}/unack, POST /api/v1/alerts/{id}/ack,
			DELETE /api/v1/alerts/{id}/ack, POST /api/v1/silences, DELETE /api/v1/silences/{id}`},
		{access{guard.Act, true}, `GET /drill, POST /drill, POST /delivery/retry, POST /delivery/dead/{id}/retry, POST /api/v1/drill, POST /api/v1/hints,
			POST /api/v1/deadletters/{id}/retry, POST /api/v1/delivery/retry`},
		{access{guard.Admin, true}, `POST /rules/reload, POST /api/v1/reload, POST /api/v1/spaces/{account}/accept, POST /api/v1/replicas/handover, GET /api/v1/backup`},
	} {
		for _, pattern := range strings.Split(group.patterns, ",") {
			all[strings.TrimSpace(pattern)] = group.access
		}
	}
	b := twoCustomers()
	o := b.options(t)
	o.Tokens = people
	close(b.ending) // so that the stream of events ends
	h := New(o)
	for _, r := range newSite(o).routes() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		if strings.HasPrefix(pattern, "/debug/") || slices.Contains([]string{"/healthz", "/readyz", "/api/v1/receipts/chatapp-audit/{key}"}, pattern) {
			continue // for this machine alone, for everybody, for who knows the key
		}
		needs, known := all[r.pattern]
		require.True(t, known, "who may do %s?", r.pattern)
		for _, who := range people[:5] {
			w := request{method: method, path: pathOf(pattern, &b.alerts[0], "s-none", "i-none"), from: elsewhere, header: maps.Clone(bearer(who.Secret))}.plain(h)
			switch {
			case who.Role < needs.least:
				require.Equal(t, 403, w.Code, "%s as %s", r.pattern, who.Name)
				require.Contains(t, w.Body.String(), "needs a token with the role "+needs.least.String())
			case needs.whole && who.Labels != nil:
				require.Equal(t, 403, w.Code, "%s as %s", r.pattern, who.Name)
			default:
				require.NotContains(t, []int{401, 403}, w.Code, "%s as %s", r.pattern, who.Name)
			}
		}
	}
}

// A token with a name says who acts, whatever was typed; a proxy names its user.
func TestWhoActedIsProven(t *testing.T) {
	b := twoCustomers()
	o := b.options(t)
	o.Tokens = append([]guard.Token{{Secret: token, Role: guard.Admin}}, people...)
	h := New(o)
	ack := func(secret, body string, header map[string]string) int {
		all := bearer(secret)
		maps.Copy(all, header)
		return request{method: "POST", path: "/api/v1/alerts/" + b.alerts[0].ID + "/ack", body: body, header: all}.to(h).Code
	}
	for _, one := range []struct {
		secret, body, user, by string
		code                   int
	}{
		{token, `{"by":"Ada"}`, "", "Ada", 200},
		{token, `{"by":"Ada"}`, "eve@example.com", "Ada", 200},
		{token, `{"by":""}`, "", "Ada", 422},
		{"may-act", `{"by":"Ada"}`, "", "doer", 200},
		{"may-act", `{}`, "eve@example.com", "doer", 200},
		{"of-the-proxy", `{"by":"Ada"}`, "joe@example.com", "joe@example.com", 200},
		{"of-the-proxy", `{"by":"Ada"}`, "", "joe@example.com", 401},
		{"of-the-proxy", `{}`, " \u202ejoe\x07 ", "joe", 200},
	} {
		var header map[string]string
		if one.user != "" {
			header = map[string]string{"X-Forwarded-Email": one.user}
		}
		require.Equal(t, one.code, ack(one.secret, one.body, header), one)
		require.Equal(t, one.by, b.alerts[0].Ack.By, one)
	}
	w := request{path: "/alerts", header: map[string]string{"Authorization": "Bearer of-the-proxy", "X-Forwarded-Email": "joe@example.com"}}.to(h)
	require.Contains(t, w.Body.String(), "You act as <bdi>joe@example.com</bdi>")
	require.NotContains(t, w.Body.String(), "Your name")

	twice := request{path: "/alerts", header: map[string]string{"Authorization": "Bearer of-the-proxy", "X-Forwarded-Email": "eve@example.com"}}.made()
	twice.Header.Add("X-Forwarded-Email", "joe@example.com")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, twice)
	require.Equal(t, 401, w.Code, "the proxy adds its header to that of its client")
}
