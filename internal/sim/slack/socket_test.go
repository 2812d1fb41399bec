package slack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"numwatch/internal/sim/slack"
)

// connected is a workspace with an app that acknowledges what is sent with what answers
// says; nil: not at all. Where each envelope can be replied to goes to replyTo.
func connected(t *testing.T, answer func() any) (s *slack.Server, replyTo chan string) {
	s = slack.New(slack.Config{Token: "xoxb-sim", AppToken: "xapp-sim"})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/apps.connections.open", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer xapp-sim")
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	var opened struct{ URL string }
	require.NoError(t, json.NewDecoder(got.Body).Decode(&opened))
	c, upgraded, err := websocket.DefaultDialer.DialContext(t.Context(), opened.URL, nil)
	require.NoError(t, err)
	upgraded.Body.Close()
	var hello struct{ Type string }
	require.NoError(t, c.ReadJSON(&hello))
	require.Equal(t, "hello", hello.Type)
	replyTo = make(chan string, 10)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			var e struct {
				Envelope string `json:"envelope_id"`
				Payload  struct {
					URL string `json:"response_url"`
				}
			}
			if c.ReadJSON(&e) != nil {
				return
			}
			replyTo <- e.Payload.URL
			if a := answer(); a != nil {
				_ = c.WriteJSON(map[string]any{"envelope_id": e.Envelope, "payload": a})
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-over })
	return s, replyTo
}

func TestSlashCommands(t *testing.T) {
	var answer any
	s, _ := connected(t, func() any { return answer })
	ask := func(with any) (slack.Private, error) {
		answer = with
		return s.Ask("U1", "C1", "/numwatch", "open")
	}
	said, err := ask(map[string]any{"response_type": "ephemeral", "text": "nothing is open"})
	require.NoError(t, err)
	require.Equal(t, slack.Private{User: "U1", Text: "nothing is open"}, said)
	require.Equal(t, []slack.Private{said}, s.Private())
	for _, bad := range []struct {
		why    string
		answer any
	}{
		{"everybody would see", map[string]any{"response_type": "in_channel", "text": "x"}},
		{"has no text", map[string]any{"response_type": "ephemeral"}},
		{"which Slack drops", map[string]any{"response_type": "ephemeral", "text": strings.Repeat("x", 20_000)}},
		{"are refused", map[string]any{"response_type": "ephemeral", "text": "x", "blocks": []any{map[string]any{"type": "header"}}}},
		{"did not acknowledge it in time", nil},
	} {
		_, err := ask(bad.answer)
		require.ErrorContains(t, err, bad.why)
	}
	require.Len(t, s.Private(), 1)
}

func TestResponseURLs(t *testing.T) {
	s, replyTo := connected(t, func() any { return map[string]any{} })
	require.NoError(t, s.Press("U1", "C1", "numwatch-acknowledge", "i-1"))
	address := <-replyTo
	say := func(address, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		require.NoError(t, err)
		got, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer got.Body.Close()
		_, _ = io.Copy(io.Discard, got.Body)
		return got.StatusCode
	}
	require.Equal(t, http.StatusBadRequest, say(address, `{"response_type":"in_channel","text":"done"}`))
	for range 5 {
		require.Equal(t, http.StatusOK, say(address, `{"response_type":"ephemeral","text":"done"}`))
	}
	require.Equal(t, http.StatusNotFound, say(address, `{"response_type":"ephemeral","text":"done"}`), "it can be used five times")
	require.Equal(t, http.StatusNotFound, say(address+"0", `{"response_type":"ephemeral","text":"done"}`))
	require.Len(t, s.Private(), 5)
}

func TestNobodyIsConnected(t *testing.T) {
	s := slack.New(slack.Config{})
	_, err := s.Ask("U1", "C1", "/numwatch", "open")
	require.ErrorContains(t, err, "no app is connected")
}
