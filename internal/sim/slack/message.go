package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// Message is a message of a channel.
type Message struct {
	Ts       string
	ThreadTs string // of the message that this one replies to, "" if to none
	Version
	Edits   []Version // what it was before each update, oldest first
	Replies []Message // oldest first
}

// Version is what a message says at a time.
type Version struct {
	Text     string
	Blocks   json.RawMessage // as sent; nil: none
	Metadata *Metadata
	At       time.Time
	Args     url.Values // the whole call, without the token
}

// Metadata is what an app attaches to a message, unseen by people.
type Metadata struct {
	EventType    string          `json:"event_type"`
	EventPayload json.RawMessage `json:"event_payload"`
}

// channel is a channel's live state; the server's lock guards it.
type channel struct {
	Channel
	messages []*Message // oldest first, without replies
	posts    *simfault.Window
}

// find looks up a channel by id, by name or by #name.
func (s *Server) find(name string) *channel {
	if ch, ok := s.channels[name]; ok {
		return ch
	}
	bare := strings.TrimPrefix(name, "#")
	for _, id := range s.order {
		if s.channels[id].Name == bare && bare != "" {
			return s.channels[id]
		}
	}
	return nil
}

// message finds a message or reply by its ts.
func (ch *channel) message(ts string) *Message {
	for _, m := range ch.messages {
		if m.Ts == ts {
			return m
		}
		for i := range m.Replies {
			if m.Replies[i].Ts == ts {
				return &m.Replies[i]
			}
		}
	}
	return nil
}

func (ch *channel) topLevel(ts string) *Message {
	i := slices.IndexFunc(ch.messages, func(m *Message) bool { return m.Ts == ts })
	if i < 0 {
		return nil
	}
	return ch.messages[i]
}

// stamp is a ts in microseconds; it names a message and orders them.
type stamp int64

func (t stamp) String() string { return fmt.Sprintf("%d.%06d", t/1e6, t%1e6) }

// parseStamp reads seconds with at most six decimals.
func parseStamp(text string) (stamp, bool) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 6 {
		part = part[:6]
	}
	sec, err1 := strconv.ParseInt(whole, 10, 40)
	micro, err2 := strconv.ParseUint((part + "000000")[:6], 10, 32)
	return stamp(sec*1e6 + int64(micro)), err1 == nil && err2 == nil && sec >= 0
}

// nextStamp gives out a ts that no message has yet.
func (s *Server) nextStamp(now time.Time) stamp {
	s.stamp = max(s.stamp+1, stamp(now.UnixMicro()))
	return s.stamp
}

// render is the message as the API shows it.
func (m *Message) render(withMetadata bool) map[string]any {
	out := map[string]any{"type": "message", "ts": m.Ts, "user": UserID, "bot_id": BotID, "team": TeamID, "text": m.Text}
	if m.Blocks != nil {
		out["blocks"] = m.Blocks
	}
	if len(m.Edits) > 0 {
		out["edited"] = map[string]any{"user": UserID, "ts": stamp(m.At.UnixMicro()).String()}
	}
	switch {
	case m.ThreadTs != "":
		out["thread_ts"] = m.ThreadTs
	case len(m.Replies) > 0:
		out["thread_ts"], out["reply_count"] = m.Ts, len(m.Replies)
		out["latest_reply"] = m.Replies[len(m.Replies)-1].Ts
	}
	if withMetadata && m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	return out
}
