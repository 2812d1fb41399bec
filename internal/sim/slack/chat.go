package slack

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Sizes of a message, in characters; of metadata, in bytes.
const (
	maxPostText   = 40_000
	maxUpdateText = 4_000
	maxMetadata   = 1024
)

func (s *Server) post(c *call) *answer {
	ch, refused := s.writable(c.channel)
	if refused != nil {
		return refused
	}
	v, refused := s.version(c, Version{}, maxPostText)
	if refused != nil {
		return refused
	}
	m := Message{Ts: s.nextStamp(v.At).String(), Version: v}
	if refused := ch.add(m, c.args.Get("thread_ts")); refused != nil {
		return refused
	}
	s.log.Info("message posted", "channel", ch.ID, "ts", m.Ts, "text", v.Text)
	shown := ch.message(m.Ts).render(false)
	return good(map[string]any{"channel": ch.ID, "ts": m.Ts, "message": shown})
}

// add puts a message into the channel, or into a thread of it.
func (ch *channel) add(m Message, threadTs string) *answer {
	if threadTs == "" {
		ch.messages = append(ch.messages, &m)
		return nil
	}
	parent := ch.topLevel(threadTs)
	if parent == nil {
		return refuse("thread_not_found")
	}
	m.ThreadTs = parent.Ts
	parent.Replies = append(parent.Replies, m)
	return nil
}

func (s *Server) update(c *call) *answer {
	ch, refused := s.byID(c.channel)
	if refused != nil {
		return refused
	}
	m := ch.message(c.args.Get("ts"))
	if m == nil {
		return refuse("message_not_found")
	}
	v, refused := s.version(c, m.Version, maxUpdateText)
	if refused != nil {
		return refused
	}
	m.Edits, m.Version = append(m.Edits, m.Version), v
	s.log.Info("message updated", "channel", ch.ID, "ts", m.Ts, "text", v.Text)
	return good(map[string]any{"channel": ch.ID, "ts": m.Ts, "text": v.Text, "message": m.render(false)})
}

// writable finds a channel that the bot can post to.
func (s *Server) writable(name string) (*channel, *answer) {
	ch := s.find(name)
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case ch.Archived:
		return nil, refuse("is_archived")
	case ch.NotMember:
		return nil, refuse("not_in_channel")
	default:
		return ch, nil
	}
}

// version reads and checks what a message is to say. What an update leaves out
// of blocks and metadata stays as it was.
func (s *Server) version(c *call, before Version, maxText int) (Version, *answer) {
	v := Version{Text: c.args.Get("text"), Blocks: before.Blocks, Metadata: before.Metadata, At: s.clock(), Args: c.args}
	if c.args.Has("blocks") {
		blocks, refused := readBlocks(c.args.Get("blocks"))
		if refused != nil {
			return v, refused
		}
		v.Blocks = blocks
	}
	if c.args.Has("metadata") {
		metadata, refused := readMetadata(c.args.Get("metadata"))
		if refused != nil {
			return v, refused
		}
		v.Metadata = metadata
	}
	switch {
	case strings.TrimSpace(v.Text) == "" && v.Blocks == nil:
		return v, refuse("no_text")
	case utf8.RuneCountInString(v.Text) > maxText:
		return v, refuse("msg_too_long")
	default:
		return v, nil
	}
}

// readMetadata also takes the empty object, which means none.
func readMetadata(text string) (*Metadata, *answer) {
	if len(text) > maxMetadata {
		return nil, refuse("metadata_too_large")
	}
	var m Metadata
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, refuse("invalid_metadata_format")
	}
	if m.EventType == "" && m.EventPayload == nil {
		return nil, nil
	}
	var payload map[string]any
	if m.EventType == "" || json.Unmarshal(m.EventPayload, &payload) != nil || payload == nil {
		return nil, refuse("invalid_metadata_schema")
	}
	return &m, nil
}
