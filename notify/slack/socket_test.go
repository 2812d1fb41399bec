package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

const (
	appToken  = "xapp-S3CRET"
	answersIn = 10 * time.Second
)

// switchboard is Slack's side of Socket Mode.
type switchboard struct {
	t      *testing.T
	server *httptest.Server
	hello  chan *websocket.Conn // connections, as they come
	acks   chan string          // envelopes that were acknowledged
	said   chan string          // to whom, and what, that nobody else sees
	told   chan answered        // what was answered with acknowledgements

	mu     sync.Mutex
	refuse string // the error of apps.connections.open
	nobody bool   // the address given out leads nowhere
}

func newSwitchboard(t *testing.T) *switchboard {
	b := &switchboard{
		t: t, hello: make(chan *websocket.Conn, 10), acks: make(chan string, 10), said: make(chan string, 10), told: make(chan answered, 10),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/apps.connections.open", b.open)
	mux.HandleFunc("/api/chat.postEphemeral", b.whispered)
	mux.HandleFunc("/response/S3CRET", b.responded)
	mux.HandleFunc("/socket", b.socket)
	b.server = httptest.NewServer(mux)
	t.Cleanup(b.server.Close)
	return b
}

func (b *switchboard) set(refuse string, nobody bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse, b.nobody = refuse, nobody
}

func (b *switchboard) open(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	host, refuse := r.Host, b.refuse
	if b.nobody {
		host = "127.0.0.1:1"
	}
	if r.Header.Get("Authorization") != "Bearer "+appToken {
		refuse = "not_authed"
	}
	if refuse != "" {
		fmt.Fprintf(w, `{"ok":false,"error":%q}`, refuse)
		return
	}
	fmt.Fprintf(w, `{"ok":true,"url":"ws://%s/socket?ticket=S3CRET-ticket"}`, host)
}

func (b *switchboard) whispered(w http.ResponseWriter, r *http.Request) {
	b.said <- strings.Join([]string{r.FormValue("channel"), r.FormValue("user"), r.FormValue("text")}, " ")
	_, _ = io.WriteString(w, `{"ok":true,"message_ts":"1.1"}`)
}

func (b *switchboard) socket(w http.ResponseWriter, r *http.Request) {
	c, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"hello","num_connections":1}`)) != nil {
		return
	}
	b.hello <- c
	for {
		var ack struct {
			Envelope string          `json:"envelope_id"`
			Payload  json.RawMessage `json:"payload"`
		}
		if c.ReadJSON(&ack) != nil {
			return
		}
		if len(ack.Payload) > 0 && string(ack.Payload) != "null" {
			a := answered{size: len(ack.Payload)}
			if json.Unmarshal(ack.Payload, &a) == nil {
				b.told <- a
			}
		}
		b.acks <- ack.Envelope
	}
}

// press presses a button, as told by a connection.
func (b *switchboard) press(c *websocket.Conn, button card.Button, message, user, at string) {
	b.t.Helper()
	payload := map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user, "username": "ada", "name": "ada\u202e *l*\n<!channel>"},
		"channel": map[string]any{"id": "C1", "name": "ops"}, "response_url": b.server.URL + "/response/S3CRET",
		"actions": []any{map[string]any{
			"type": "button", "block_id": "b", "action_id": actionPrefix + string(button), "value": message, "action_ts": at,
		}},
	}
	require.NoError(b.t, c.WriteJSON(map[string]any{
		"type": "interactive", "envelope_id": "e" + at, "accepts_response_payload": true, "payload": payload,
	}))
}

// answered is what somebody is shown who asked.
type answered struct {
	Type   string           `json:"response_type"`
	Text   string           `json:"text"`
	Blocks []map[string]any `json:"blocks"`
	size   int
}

// ask sends the command /numwatch, and returns the answer; none where it is not acknowledged.
func (b *switchboard) ask(c *websocket.Conn, question, user string) {
	b.t.Helper()
	require.NoError(b.t, c.WriteJSON(map[string]any{
		"type": "slash_commands", "envelope_id": "ask", "accepts_response_payload": true, "payload": map[string]any{
			"command": "/numwatch", "text": question, "user_id": user, "channel_id": "D1", "response_url": b.server.URL + "/response/S3CRET",
		},
	}))
}

// responded takes what is told at a response_url.
func (b *switchboard) responded(w http.ResponseWriter, r *http.Request) {
	var a answered
	if json.NewDecoder(r.Body).Decode(&a) == nil {
		b.said <- a.Type + " " + a.Text
	}
	_, _ = io.WriteString(w, "ok")
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(answersIn):
		require.FailNow(t, "nothing came")
		panic("not reached")
	}
}

// orders notes what buttons ask for.
type orders struct {
	given chan string
	err   error
}

func (o *orders) Ack(_ context.Context, alerts []alert.Alert, by string) error {
	o.given <- fmt.Sprint("ack ", len(alerts), " ", alerts[0].ID, " ", by)
	return o.err
}

func (o *orders) Silence(_ context.Context, alerts []alert.Alert, length time.Duration, by string) error {
	o.given <- fmt.Sprint("silence ", len(alerts), " ", alerts[0].ID, " ", length, " ", by)
	return o.err
}

// hotline is a bot whose messages have buttons, and what it writes into its log.
type hotline struct {
	*switchboard
	orders *orders
	memory *memory
	sink   *Sink
	barred atomic.Bool // nothing may be acknowledged
	log    *bytes.Buffer
	stop   func()
}

// newHotline shows a message m-1 with two open alerts and a closed one, m-2 with
// a closed one, and m-3 with one that somebody has taken.
func newHotline(t *testing.T, operators ...string) *hotline {
	h := &hotline{switchboard: newSwitchboard(t), orders: &orders{given: make(chan string, 10)}, memory: newMemory(), log: &bytes.Buffer{}}
	taken := alerttest.Firing(3)
	taken.Ack = &alert.Ack{By: "Bo", At: alerttest.Noon}
	alerts := []alert.Alert{alerttest.Firing(1), alerttest.Firing(2), alerttest.Resolved(alerttest.Firing(4), alerttest.Noon), alerttest.Resolved(alerttest.Firing(5), alerttest.Noon), taken}
	api := NewAPI("xoxb-S3CRET", h.server.URL+"/api/", notify.NewTransport())
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.memory.put(alerts...)
	h.memory.putMessages(message("m-1", alerts[:3]...), message("m-2", alerts[3]), message("m-3", taken))
	h.sink = New(Options{
		Poster: api, State: h.memory, Recorder: h.memory, Channels: opsChannel, Space: alerttest.Space, Buttons: true, Logger: log,
	})
	buttons := NewButtons(ButtonsOptions{
		Sink: h.sink, API: api, Operator: h.orders, Ask: h.question, AppToken: appToken, URL: h.server.URL + "/api", Operators: operators, Logger: log,
		May: func() error {
			if h.barred.Load() {
				return errors.New("another one acts now")
			}
			return nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- buttons.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, next(t, ended))
		require.NotContains(t, h.log.String(), "S3CRET", "a secret in the log")
		for part, reason := range h.memory.reasons {
			require.NotContains(t, reason, "S3CRET", part)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// question answers with what was asked, and buttons for the first alert.
func (h *hotline) question(text string) Answer {
	a := alerttest.Firing(1)
	return Answer{Card: &card.Card{Mark: card.Mark{Word: "You asked"}, Title: text}, Incidents: []string{a.Incident}}
}

func message(id string, alerts ...alert.Alert) alert.Message {
	m := alert.Message{ID: id, Channel: "ops", Target: "C1", TS: "1.1", State: alert.Posted, At: alerttest.Noon}
	for _, a := range alerts {
		m.Alerts = append(m.Alerts, alerttest.Shown(a))
	}
	return m
}

const pressedBy = "ada *l* <!channel>" // harmless where text is not parsed; the card escapes it

func TestButtonsDoWhatTheySay(t *testing.T) {
	h := newHotline(t, "U1", "U2")
	c := next(t, h.hello)
	for i, b := range []struct {
		button card.Button
		want   string
	}{
		{card.Acknowledge, "ack 2 " + alerttest.Firing(1).ID + " " + pressedBy},
		{card.SilenceHour, "silence 2 " + alerttest.Firing(1).ID + " 1h0m0s " + pressedBy},
		{card.SilenceDay, "silence 2 " + alerttest.Firing(1).ID + " 24h0m0s " + pressedBy},
	} {
		at := fmt.Sprint(i)
		h.press(c, b.button, "m-1", "U2", at)
		require.Equal(t, "e"+at, next(t, h.acks))
		require.Equal(t, b.want, next(t, h.orders.given))
	}
	h.press(c, card.SilenceHour, "m-3", "U2", "9")
	require.Contains(t, next(t, h.orders.given), "silence 1 "+alerttest.Firing(3).ID, "what is taken can be silenced")
	h.stop()
	require.Empty(t, h.said, "who succeeds sees it on the message")
	require.Equal(t, phone.OK, h.memory.condition(SocketComponent))
}

func TestButtonsInVainAreAnsweredInPrivate(t *testing.T) {
	h := newHotline(t, "U1")
	c := next(t, h.hello)
	for i, b := range []struct {
		button        card.Button
		message, user string
		want          string
	}{
		{card.Acknowledge, "m-1", "U2", "only the operators may press this"},
		{card.SilenceDay, "m-1", "U2", "only the operators may press this"},
		{card.Acknowledge, "m-2", "U1", "the alerts of this message are closed"},
		{card.SilenceHour, "m-2", "U1", "the alerts of this message are closed"},
		{card.Acknowledge, "m-9", "U1", "does not know this message"},
		{card.Acknowledge, "m-3", "U1", "Bo has already acknowledged it"},
	} {
		h.press(c, b.button, b.message, b.user, fmt.Sprint(i))
		require.Equal(t, fmt.Sprint("e", i), next(t, h.acks))
		answer := next(t, h.said)
		require.True(t, strings.HasPrefix(answer, "C1 "+b.user+" "), answer)
		require.Contains(t, answer, b.want)
		require.Empty(t, h.orders.given)
	}
	h.orders.err = fmt.Errorf("the disk is full of <!channel>")
	h.press(c, card.Acknowledge, "m-1", "U1", "x")
	require.Contains(t, next(t, h.orders.given), "ack 2")
	answer := next(t, h.said)
	require.Contains(t, answer, "That did not work: the disk is full of &lt;!channel›")
}

func TestAPressToldTwiceIsOne(t *testing.T) {
	h := newHotline(t)
	c := next(t, h.hello)
	for range 3 {
		h.press(c, card.SilenceHour, "m-1", "U1", "7")
		require.Equal(t, "e7", next(t, h.acks))
	}
	h.press(c, card.Acknowledge, "m-1", "U1", "8")
	require.Contains(t, next(t, h.orders.given), "silence")
	require.Contains(t, next(t, h.orders.given), "ack")
}

// What is none of the bot's buttons is acknowledged, and nothing else.
func TestOtherPressesAreLeftAlone(t *testing.T) {
	h := newHotline(t)
	c := next(t, h.hello)
	h.press(c, "delete-everything", "m-1", "U1", "1")
	require.Equal(t, "e1", next(t, h.acks))
	require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(`{"type":"interactive","envelope_id":"e2","payload":7}`)))
	require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(`{`)))
	require.NoError(t, c.WriteJSON(map[string]any{"type": "interactive", "envelope_id": "e3", "payload": map[string]any{"type": "view_submission"}}))
	require.Equal(t, "e3", next(t, h.acks))
	h.press(c, card.Acknowledge, "m-1", "U1", "4")
	require.Contains(t, next(t, h.orders.given), "ack 2")
	require.Empty(t, h.said)
}

func TestTheSocketComesBack(t *testing.T) {
	h := newHotline(t)
	for i, end := range []func(*websocket.Conn){
		func(c *websocket.Conn) { require.NoError(t, c.NetConn().Close()) },
		func(c *websocket.Conn) {
			require.NoError(t, c.WriteJSON(map[string]any{"type": "disconnect", "reason": "refresh_requested"}))
		},
		func(c *websocket.Conn) { h.set("", true); require.NoError(t, c.Close()); h.set("", false) },
		func(*websocket.Conn) {},
	} {
		c := next(t, h.hello)
		h.press(c, card.Acknowledge, "m-1", "U1", fmt.Sprint(i))
		require.Contains(t, next(t, h.orders.given), "ack 2")
		require.Equal(t, fmt.Sprint("e", i), next(t, h.acks))
		end(c)
	}
	require.Equal(t, phone.OK, h.memory.condition(SocketComponent), "what comes back at once is not worth telling")
}

// What only needs a click in Slack works again once that is done.
func TestARefusedSocketIsToldAndTriedAgain(t *testing.T) {
	for _, code := range []string{"missing_scope", "not_allowed_token_type", "invalid_auth"} {
		t.Run(code, func(t *testing.T) {
			b := newHotline(t)
			c := next(t, b.hello)
			b.set(code, false)
			require.NoError(t, c.Close())
			parked := func() bool { return b.memory.condition(SocketComponent) == phone.Parked }
			require.Eventually(t, parked, answersIn, 5*time.Millisecond)
			require.Contains(t, b.memory.reason(SocketComponent), code+": check slack.app_token")
			require.Contains(t, b.sink.Status().Buttons, code)
			b.sink.review(t.Context())
			require.True(t, parked(), "the socket is configured")
			b.set("", false)
			if code != "invalid_auth" { // which is tried again after minutes
				next(t, b.hello)
				require.Eventually(t, func() bool { return b.memory.condition(SocketComponent) == phone.OK }, answersIn, 5*time.Millisecond)
				require.Empty(t, b.sink.Status().Buttons)
			}
		})
	}
}

func TestNobodyAtTheSocketIsNotTiredOf(t *testing.T) {
	h := newHotline(t)
	c := next(t, h.hello)
	h.set("", true)
	require.NoError(t, c.Close())
	time.AfterFunc(300*time.Millisecond, func() { h.set("", false) })
	next(t, h.hello)
	h.stop()
	require.Contains(t, h.log.String(), "slack cannot report button presses")
}

func TestDialsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{client: &http.Client{Transport: simtest.Direct(http.NotFoundHandler())}}
		dial := func() time.Duration {
			start := time.Now()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://slack.test/", nil)
			require.NoError(t, err)
			answer, err := d.Do(r)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			return time.Since(start)
		}
		require.Zero(t, dial())
		var last time.Duration
		for range 20 {
			last = dial()
		}
		require.GreaterOrEqual(t, last, slowestDials/2)
		require.LessOrEqual(t, last, slowestDials)
		time.Sleep(2 * socketLasts)
		require.Zero(t, dial(), "a connection that lasted is replaced at once")
	})
}

func FuzzPress(f *testing.F) {
	f.Add(`{"type":"block_actions","user":{"id":"U1","name":"ada"},"actions":[{"block_id":"b","action_id":"numwatch-acknowledge","value":"m-1"}]}`)
	f.Add(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"block_id":"b","action_id":"numwatch-","value":"m-1"}]}`)
	f.Add(`{"type":"block_actions","user":{"id":"\u0007"},"actions":[null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var c slack.InteractionCallback
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		if p, ours := pressOf(&c); ours {
			require.Contains(t, []card.Button{card.Acknowledge, card.SilenceHour, card.SilenceDay}, p.Button)
			require.NotEmpty(t, p.By)
			require.Equal(t, alert.Plain(p.By), p.By)
			require.NotEmpty(t, p.Message)
		}
	})
}

// Who presses while this numwatch may not act is told by Slack that it failed.
func TestAPressIsNotTakenThatMayNotBe(t *testing.T) {
	h := newHotline(t)
	c := next(t, h.hello)
	h.barred.Store(true)
	h.press(c, card.Acknowledge, "m-1", "U1", "1")
	time.Sleep(200 * time.Millisecond)
	require.Empty(t, h.acks)
	require.Empty(t, h.orders.given)
	h.barred.Store(false)
	h.press(c, card.Acknowledge, "m-1", "U1", "2")
	require.Equal(t, "e2", next(t, h.acks))
	require.Contains(t, next(t, h.orders.given), "ack 2")
}
