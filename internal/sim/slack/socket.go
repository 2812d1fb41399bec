package slack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Slack's limits for an app in Socket Mode.
const (
	ackWithin   = 3 * time.Second // of an envelope
	maxPayload  = 20_000          // bytes of an acknowledgement
	maxPrivate  = 40_000          // characters of a text
	maxReplies  = 5               // to one response_url
	maxMessage  = 1 << 20         // bytes of what an app sends
	pingEvery   = 10 * time.Second
	responseDir = "/response/"
)

// Private is a message that only one person sees.
type Private struct {
	User   string
	Text   string
	Blocks json.RawMessage
}

// socket is what goes to and fro in Socket Mode. The server's lock guards it.
type socket struct {
	conn    *connection // the newest; nil: there is none
	count   int         // of envelopes
	acks    map[string]chan json.RawMessage
	replies map[string]*responses // by the last part of a response_url
	private []Private
}

type connection struct {
	*websocket.Conn
	origin  string     // where the server is reached
	writing sync.Mutex // a connection takes one message at a time
}

type responses struct {
	user string
	left int
}

// Ask sends a slash command as a user, and returns what only that user sees. It is an
// error where no app acknowledges it in time, or with something that Slack does not show.
func (s *Server) Ask(user, channel, command, text string) (Private, error) {
	payload, err := s.send("slash_commands", user, map[string]any{
		"command": command, "text": text, "user_id": user, "user_name": "ada", "channel_id": channel, "team_id": TeamID,
	})
	if err != nil {
		return Private{}, err
	}
	var answer struct {
		Type   string          `json:"response_type"`
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	switch err := json.Unmarshal(payload, &answer); {
	case err != nil:
		return Private{}, fmt.Errorf("reading the answer: %w", err)
	case answer.Type != "ephemeral":
		return Private{}, fmt.Errorf("everybody would see an answer of type %q", answer.Type)
	case answer.Text == "" || utf8.RuneCountInString(answer.Text) > maxPrivate:
		return Private{}, errors.New("the answer has no text, or one that is too long")
	}
	if _, refused := readBlocks(cmp.Or(string(answer.Blocks), "[]")); refused != nil {
		return Private{}, fmt.Errorf("the blocks of the answer are refused: %s", refused.body)
	}
	p := Private{User: user, Text: answer.Text, Blocks: answer.Blocks}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket.private = append(s.socket.private, p)
	return p, nil
}

// Press presses a button as a user. It is an error where no app acknowledges it in time.
func (s *Server) Press(user, channel, action, value string) error {
	_, err := s.send("interactive", user, map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user, "name": "ada"}, "channel": map[string]any{"id": channel},
		"actions": []any{map[string]any{
			"type": "button", "block_id": "b", "action_id": action, "value": value, "action_ts": fmt.Sprint(s.clock().UnixNano()),
		}},
	})
	return err
}

// Private lists the messages that only one person sees, oldest first.
func (s *Server) Private() []Private {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.socket.private)
}

// send hands an envelope to the app, and returns what it is acknowledged with.
func (s *Server) send(kind, user string, payload map[string]any) (json.RawMessage, error) {
	s.mu.Lock()
	s.socket.count++
	id := fmt.Sprintf("envelope-%d", s.socket.count)
	conn, ack := s.socket.conn, make(chan json.RawMessage, 1)
	if conn == nil {
		s.mu.Unlock()
		return nil, errors.New("no app is connected")
	}
	s.socket.acks[id] = ack
	s.socket.replies[id] = &responses{user, maxReplies}
	payload["response_url"] = conn.origin + responseDir + id
	s.mu.Unlock()
	text, err := json.Marshal(map[string]any{"type": kind, "envelope_id": id, "accepts_response_payload": true, "payload": payload})
	if err != nil {
		return nil, fmt.Errorf("encoding an envelope: %w", err)
	}
	if err := conn.write(text); err != nil {
		return nil, fmt.Errorf("sending an envelope: %w", err)
	}
	select {
	case answer := <-ack:
		if len(answer) >= maxPayload {
			return nil, fmt.Errorf("an acknowledgement of %d bytes, which Slack drops", len(answer))
		}
		return answer, nil
	case <-time.After(ackWithin):
		return nil, errors.New("the app did not acknowledge it in time")
	}
}

// openSocket gives out the address of the connection.
func (s *Server) openSocket(c *call) *answer {
	return good(map[string]any{"url": "ws://" + c.host + "/link/?ticket=" + socketTicket})
}

// link keeps a connection until either side ends it.
func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("ticket") != socketTicket {
		http.Error(w, "bad ticket", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // slack-go names Slack's
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	conn.SetReadLimit(maxMessage)
	c := &connection{Conn: conn, origin: "http://" + r.Host}
	defer c.Close()
	if s.greet(c) != nil {
		return
	}
	over := make(chan struct{})
	defer close(over)
	go c.keepAlive(over)
	for {
		_, message, err := c.ReadMessage()
		if err != nil {
			break
		}
		var ack struct {
			Envelope string          `json:"envelope_id"`
			Payload  json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(message, &ack) == nil {
			s.acknowledged(ack.Envelope, ack.Payload)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket.conn == c {
		s.socket.conn = nil
	}
}

// greet says hello and takes the connection in one step, so that whoever was greeted is
// sent envelopes from then on, and none before.
func (s *Server) greet(c *connection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.write([]byte(`{"type":"hello","num_connections":1}`)); err != nil {
		return err
	}
	s.socket.conn = c
	return nil
}

// keepAlive pings, as clients take a silent connection for broken.
func (c *connection) keepAlive(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(pingEvery):
			if c.WriteControl(websocket.PingMessage, nil, time.Now().Add(ackWithin)) != nil {
				return
			}
		}
	}
}

func (c *connection) write(text []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(ackWithin)); err != nil {
		return err
	}
	return c.WriteMessage(websocket.TextMessage, text)
}

func (s *Server) acknowledged(id string, payload json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ack := s.socket.acks[id]; ack != nil {
		delete(s.socket.acks, id)
		ack <- payload
	}
}

// respond takes what an app tells at a response_url.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Type   string          `json:"response_type"`
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body)
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.socket.replies[strings.TrimPrefix(r.URL.Path, responseDir)]
	switch {
	case to == nil:
		http.Error(w, "expired_url", http.StatusNotFound)
	case to.left == 0:
		http.Error(w, "used_url", http.StatusNotFound)
	case err != nil || body.Type != "ephemeral" || body.Text == "" || utf8.RuneCountInString(body.Text) > maxPrivate:
		http.Error(w, "invalid_payload", http.StatusBadRequest)
	default:
		to.left--
		s.socket.private = append(s.socket.private, Private{User: to.user, Text: body.Text, Blocks: body.Blocks})
		_, _ = w.Write([]byte("ok"))
	}
}

// postPrivately shows one member of a channel something.
func (s *Server) postPrivately(c *call) *answer {
	if s.find(c.channel) == nil {
		return refuse("channel_not_found")
	}
	user, text := c.args.Get("user"), c.args.Get("text")
	switch {
	case user == "":
		return refuse("user_not_in_channel")
	case text == "":
		return refuse("no_text")
	case utf8.RuneCountInString(text) > maxPrivate:
		return refuse("msg_too_long")
	}
	s.socket.private = append(s.socket.private, Private{User: user, Text: text})
	return good(map[string]any{"message_ts": "1.1"})
}
