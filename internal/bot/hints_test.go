package bot

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"numwatch/internal/config"
	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/web/api"
)

const receiptKey = "0123456789abcdef"

// whole is a bot that runs, with the cloud and the Slack that it asks.
type whole struct {
	*Bot
	t     *testing.T
	cloud *camssim.Server
	slack *slacksim.Server
}

// wholeConfig has spaces polled so rarely that only a hint leads to a change.
const wholeConfig = `accounts:
  - name: main
    credentials: {type: access_key, access_key_id: key, access_key_secret: secret}
    endpoint: "${CLOUD}"
    requests_per_second: 9
    spaces: [{id: "1001", name: Acme}, {id: "1002", name: Bravo}]
poll: {max_age: 1h, min_interval: 30m}
store: {path: "${DIR}/numwatch.db"}
nats: {listen: "127.0.0.1:0", dir: "${DIR}/nats"}
slack: {bot_token: xoxb-test, api_url: "${SLACK}/api/"}
http: {listen: "127.0.0.1:0"}
hints: {receipt_key: "` + receiptKey + `"}
`

// runWhole starts a bot with the shipped rules and waits for its first round.
func runWhole(t *testing.T) *whole {
	t.Helper()
	number := func(id string) camssim.Number {
		return camssim.Number{"PhoneNumber": id, "VerifiedName": "Acme Care", "Status": "CONNECTED", "QualityRating": "GREEN", "NameStatus": "APPROVED", "MessagingLimitTier": "TIER_10K"}
	}
	w := &whole{
		t: t,
		cloud: camssim.New(camssim.Config{Accounts: []camssim.Account{{
			Name: "main", Key: camssim.Key{AccessKeyId: "key", AccessKeySecret: "secret"},
			Spaces: []camssim.Space{{Id: "1001", Numbers: []camssim.Number{number("8613800001111")}}, {Id: "1002", Numbers: []camssim.Number{number("8613800002222")}}},
		}}}),
		slack: slacksim.New(slacksim.Config{
			Token: "xoxb-test", Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}, {ID: "C0000000002", Name: "wa-oncall"}},
		}),
	}
	cloud, workspace := httptest.NewServer(w.cloud), httptest.NewServer(w.slack)
	t.Cleanup(cloud.Close)
	t.Cleanup(workspace.Close)
	dir := t.TempDir()
	cfg, err := config.Parse("config.yaml", []byte(wholeConfig), []string{"CLOUD=" + cloud.URL, "SLACK=" + workspace.URL, "DIR=" + dir}, os.ReadFile)
	require.NoError(t, err)
	shipped, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	rulesFile := filepath.Join(dir, "rules.yaml")
	require.NoError(t, os.WriteFile(rulesFile, shipped, 0o600))
	w.Bot, err = New(Options{Config: cfg, RulesFile: rulesFile, Terminal: io.Discard, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool {
		_, status := w.post("/api/v1/hints", `[]`)
		return status == http.StatusAccepted && w.status().Fleet.Numbers == 2
	}, 20*time.Second, 20*time.Millisecond)
	return w
}

func (w *whole) post(path, body string) (answer string, status int) {
	w.t.Helper()
	response, err := http.Post(strings.TrimSuffix(w.PageURL(), "/")+path, "application/json", strings.NewReader(body))
	require.NoError(w.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return string(data), response.StatusCode
}

func (w *whole) status() (s api.Status) {
	w.t.Helper()
	response, err := http.Get(w.PageURL() + "api/v1/status")
	require.NoError(w.t, err)
	defer response.Body.Close()
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&s))
	return s
}

// found waits for changes that hints led to.
func (w *whole) found(changes int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.status().Hints.Changes >= changes }, 10*time.Second, 20*time.Millisecond)
}

// A hint has a space polled at once, wherever it comes from, and what is counted says so.
func TestAHintLeadsToItsChange(t *testing.T) {
	w := runWhole(t)
	update := func(space, number, field, value string) {
		require.NoError(t, w.cloud.Update("main", space, number, field, value))
	}
	update("1001", "8613800001111", "QualityRating", "YELLOW")
	answer, status := w.post("/api/v1/hints", `{"number": "8613800001111", "reason": "a receipt failed"}`)
	require.Equal(t, http.StatusAccepted, status)
	require.JSONEq(t, `{"accepted": 1, "unknown": 0}`, answer)
	w.found(1)

	update("1002", "8613800002222", "QualityRating", "RED")
	answer, status = w.post("/api/v1/receipts/chatapp-audit/"+receiptKey, `[{"Type": "phoneQualityUpdate", "PhoneNumber": "8613800002222", "Status": "RED"}]`)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"code": 0, "msg": "ok"}`, answer)
	w.found(2)
	_, status = w.post("/api/v1/receipts/chatapp-audit/another-key-000000", `{}`)
	require.Equal(t, http.StatusNotFound, status)

	nc, err := nats.Connect(w.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	reply, err := nc.Request("numwatch.hint.main", []byte(`[{"space": "1001", "reason": "duplicate"}, {"space": "9"}]`), 5*time.Second)
	require.NoError(t, err)
	require.JSONEq(t, `{"accepted": 1, "unknown": 1}`, string(reply.Data))

	s := w.status().Hints
	require.Equal(t, 2, s.Changes)
	require.InDelta(t, 1, *s.Recall, 0)
	bySource := map[string]api.HintSource{}
	for _, source := range s.Sources {
		bySource[source.Source] = source
	}
	require.Equal(t, api.HintSource{Source: "api", Accepted: 1, Polls: 1, Changes: 1}, bySource["api"])
	require.Equal(t, api.HintSource{Source: "receipts", Accepted: 1, Polls: 1, Changes: 1}, bySource["receipts"])
	require.Equal(t, 1, bySource["nats"].Accepted)
	require.Equal(t, 1, bySource["nats"].Unknown)
	page, err := http.Get(w.PageURL())
	require.NoError(t, err)
	defer page.Body.Close()
	shown, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.Contains(t, string(shown), "recall 100% (2 of 2 changes)")
}

// explained waits until the message about a number, and an event on NATS, carry a reason.
func (w *whole) explained(events *nats.Subscription, within time.Duration) (message string, event string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		for message == "" || event == "" {
			if message == "" {
				message = w.shown("The phone number is banned for breaking a policy.")
			}
			if event != "" {
				continue
			}
			m, err := events.NextMsg(10 * time.Millisecond)
			if err != nil {
				return false
			}
			if strings.Contains(string(m.Data), `"reason":{`) {
				event = string(m.Data)
			}
		}
		return true
	}, within, 10*time.Millisecond)
	return message, event
}

// shown returns the message that holds a text now, "" if none does.
func (w *whole) shown(text string) string {
	for _, m := range w.slack.Messages("C0000000002") {
		if all := m.Text + string(m.Blocks) + m.Args.Get("attachments"); strings.Contains(all, text) {
			return all
		}
	}
	return ""
}

// ban bans a number, hints at it, and waits for the message. It returns how long that took.
func (w *whole) ban() time.Duration {
	w.t.Helper()
	require.NoError(w.t, w.cloud.Update("main", "1001", "8613800001111", "Status", "BANNED"))
	begin := time.Now()
	_, status := w.post("/api/v1/hints", `{"space": "1001"}`)
	require.Equal(w.t, http.StatusAccepted, status)
	require.Eventually(w.t, func() bool { return w.shown("8613800001111") != "" }, 10*time.Second, 5*time.Millisecond)
	return time.Since(begin)
}

func (w *whole) events() *nats.Subscription {
	w.t.Helper()
	nc, err := nats.Connect(w.NATSURL())
	require.NoError(w.t, err)
	w.t.Cleanup(nc.Close)
	events, err := nc.SubscribeSync("numwatch.v1.alert.>")
	require.NoError(w.t, err)
	require.NoError(w.t, nc.Flush())
	return events
}

// A ban is told at once, and soon the message, the event and the API say why.
func TestABanIsExplained(t *testing.T) {
	w := runWhole(t)
	events := w.events()
	w.ban()
	message, event := w.explained(events, 5*time.Second)
	require.Contains(t, message, "Request a review in Business Support Home.")
	require.Contains(t, event, `"transition":"explained"`)
	require.Contains(t, event, `"reason":{"level":"number","code":"141006","text":"The phone number is banned for breaking a policy.","solution":"Request a review in Business Support Home."}`)
	response, err := http.Get(w.PageURL() + "api/v1/alerts?rule=status-blocked")
	require.NoError(t, err)
	defer response.Body.Close()
	var list api.AlertList
	require.NoError(t, json.NewDecoder(response.Body).Decode(&list))
	require.Equal(t, "141006", list.Alerts[0].Alert.Reason.Code)
	require.EqualValues(t, 1, list.Alerts[0].Alert.Revision, "a reason is no transition of the alert")
	page, err := http.Get(w.PageURL() + "numbers/main/1001/8613800001111")
	require.NoError(t, err)
	defer page.Body.Close()
	shown, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.Contains(t, string(shown), "banned for breaking a policy")
}

// Whatever becomes of the question why, the message is there as fast.
func TestNoAlertWaitsForItsReason(t *testing.T) {
	for name, fault := range map[string]camssim.Fault{
		"it fails":      {Kind: camssim.InternalError},
		"it hangs":      {Latency: time.Minute},
		"it is denied":  {Kind: camssim.Refuse, Code: "Ram.PermissionDeny"},
		"it is broken":  {Kind: camssim.CutJSON},
		"it has limits": {Kind: camssim.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := runWhole(t)
			fault.Action = camssim.HealthStatus
			w.cloud.Inject(fault)
			require.Less(t, w.ban(), 5*time.Second)
			require.Empty(t, w.shown("banned for breaking a policy"))
			require.Empty(t, w.status().Accounts[0].Failing, "and nobody takes the account for ill")
		})
	}
}
