package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
)

// exchange is a Slack with Socket Mode, and the cloud that a bot with buttons
// watches.
type exchange struct {
	cloud *camssim.Server
	slack *slacksim.Server
	said  chan string // in private
	to    chan string // each is sent over the socket
	dir   string
}

func newExchange(t *testing.T) *exchange {
	x := &exchange{said: make(chan string, 10), to: make(chan string, 10), dir: t.TempDir()}
	key := camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret}
	x.cloud = camssim.New(camssim.Config{Accounts: []camssim.Account{{
		Name: "main", Key: key, Spaces: []camssim.Space{{Id: "1001", Numbers: []camssim.Number{healthy("8613800001111", "Acme")}}},
	}}})
	x.slack = slacksim.New(slacksim.Config{Token: slackToken, Channels: []slacksim.Channel{
		crashChannels["quality"], crashChannels["status"], crashChannels["names"], crashChannels["queues"], crashChannels["blind"],
	}})
	mux := http.NewServeMux()
	mux.Handle("/", x.slack)
	mux.HandleFunc("/api/apps.connections.open", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok":true,"url":"ws://%s/socket"}`, r.Host)
	})
	mux.HandleFunc("/api/chat.postEphemeral", func(w http.ResponseWriter, r *http.Request) {
		x.said <- r.FormValue("user") + " " + r.FormValue("text")
		fmt.Fprint(w, `{"ok":true}`)
	})
	mux.HandleFunc("/socket", x.talk)
	slack, cloud := httptest.NewServer(mux), httptest.NewServer(x.cloud)
	t.Cleanup(slack.Close)
	t.Cleanup(cloud.Close)
	type object = map[string]any
	config, err := json.Marshal(object{
		"accounts": []object{{
			"name": "main", "endpoint": cloud.URL, "spaces": []object{{"id": "1001"}},
			"credentials": object{"type": "access_key", "access_key_id": key.AccessKeyId, "access_key_secret": key.AccessKeySecret},
		}},
		"poll":  object{"max_age": "1s", "min_interval": "200ms"},
		"nats":  object{"listen": "127.0.0.1:0"},
		"slack": object{"bot_token": slackToken, "app_token": "xapp-1", "api_url": slack.URL + "/api/", "operators": []string{"U1"}},
		"http":  object{"listen": "127.0.0.1:0"},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(x.dir, "config.yaml"), config, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(x.dir, "rules.yaml"), []byte(crashRules), 0o600))
	return x
}

func (x *exchange) talk(w http.ResponseWriter, r *http.Request) {
	c, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for err := error(nil); err == nil; _, _, err = c.ReadMessage() {
		}
	}()
	defer func() { c.Close(); <-gone }()
	for text := `{"type":"hello"}`; ; {
		if c.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
			return
		}
		select {
		case text = <-x.to:
		case <-gone:
			return
		}
	}
}

func (x *exchange) press(button, message, user string) {
	x.to <- fmt.Sprintf(`{"type":"interactive","envelope_id":"e-%[1]s-%[3]s","payload":{"type":"block_actions",
		"user":{"id":"%[3]s","name":"ada"},"channel":{"id":"C0000000001"},"actions":[
		{"type":"button","block_id":"b","action_id":"numwatch-%[1]s","value":"%[2]s","action_ts":"%[1]s"}]}}`, button, message, user)
}

// shown is the first message about the quality of numbers, as Slack shows it.
func (x *exchange) shown() string {
	if m := x.slack.Messages("C0000000001"); len(m) > 0 {
		return string(m[0].Blocks)
	}
	return ""
}

func TestButtonsFromEndToEnd(t *testing.T) {
	x := newExchange(t)
	var id, private string
	steps := []func() bool{ // each is tried again and again until it is true
		func() bool { return x.cloud.Stats("main").Served > 1 },
		func() bool { return x.cloud.Update("main", "1001", "8613800001111", "QualityRating", "RED") == nil },
		func() bool {
			if found := regexp.MustCompile(`"value":"(m-[0-9a-f]+)"`).FindStringSubmatch(x.shown()); found != nil {
				id = found[1]
				x.press("silence-1d", id, "U2")
			}
			return id != ""
		},
		func() bool {
			select {
			case private = <-x.said:
				x.press("acknowledge", id, "U1")
				x.press("silence-1h", id, "U1")
				return true
			default:
				return false
			}
		},
		func() bool {
			return strings.Contains(x.shown(), "Taken by") && strings.Contains(x.shown(), "silenced by ada until ")
		},
	}
	live(t, x.dir, func() bool {
		for len(steps) > 0 && steps[0]() {
			steps = steps[1:]
		}
		return len(steps) == 0
	})
	require.Contains(t, private, "U2 Nothing was done")
	require.NotContains(t, x.shown(), "numwatch-acknowledge", "it is taken")
	require.Regexp(t, `silenced by ada until \d{4}-\d\d-\d\d`, x.shown())
	require.Len(t, x.slack.Messages("C0000000001"), 1)
}
