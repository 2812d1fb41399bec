package slack

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
)

func (s *Server) byID(id string) (*channel, *answer) {
	if ch, ok := s.channels[id]; ok {
		return ch, nil
	}
	return nil, refuse("channel_not_found")
}

// readable finds a channel whose messages the bot may read.
func (s *Server) readable(id string) (*channel, *answer) {
	ch, refused := s.byID(id)
	if refused == nil && ch.NotMember {
		return nil, refuse("not_in_channel")
	}
	return ch, refused
}

func (s *Server) history(c *call) *answer {
	ch, refused := s.readable(c.channel)
	if refused != nil {
		return refused
	}
	newestFirst := slices.Clone(ch.messages)
	slices.Reverse(newestFirst)
	return messagesPage(c, newestFirst, 999)
}

func (s *Server) replies(c *call) *answer {
	ch, refused := s.readable(c.channel)
	if refused != nil {
		return refused
	}
	parent := ch.topLevel(c.args.Get("ts"))
	if parent == nil {
		return refuse("thread_not_found")
	}
	thread := []*Message{parent}
	for i := range parent.Replies {
		thread = append(thread, &parent.Replies[i])
	}
	return messagesPage(c, thread, 1000)
}

// messagesPage answers the page of a list that the call asks for.
func messagesPage(c *call, list []*Message, most int) *answer {
	keep, ok := timeRange(c)
	if !ok {
		return refuse("invalid_ts_oldest")
	}
	list = slices.DeleteFunc(list, func(m *Message) bool { return !keep(m.Ts) })
	page, cursor, refused := paged(c, list, most)
	if refused != nil {
		return refused
	}
	shown := []any{}
	for _, m := range page {
		shown = append(shown, m.render(c.flag("include_all_metadata")))
	}
	return good(map[string]any{
		"messages": shown, "has_more": cursor != "",
		"response_metadata": map[string]any{"next_cursor": cursor},
	})
}

// timeRange is the span between oldest and latest, without its ends unless the
// call asks for them.
func timeRange(c *call) (func(ts string) bool, bool) {
	oldest, latest := stamp(0), stamp(math.MaxInt64)
	ok1, ok2 := true, true
	if text := c.args.Get("oldest"); text != "" {
		oldest, ok1 = parseStamp(text)
	}
	if text := c.args.Get("latest"); text != "" && text != "now" {
		latest, ok2 = parseStamp(text)
	}
	inclusive := c.flag("inclusive")
	return func(ts string) bool {
		t, _ := parseStamp(ts)
		return oldest < t && t < latest || inclusive && (t == oldest || t == latest)
	}, ok1 && ok2
}

// paged cuts a page out of a list by limit and cursor. The cursor is a position;
// a list that grew meanwhile may show an item twice.
func paged[T any](c *call, list []T, most int) (page []T, next string, refused *answer) {
	limit, from := 100, 0
	if text := c.args.Get("limit"); text != "" && text != "0" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, "", refuse("invalid_limit")
		}
		limit = min(n, most)
	}
	if text := c.args.Get("cursor"); text != "" {
		raw, err1 := base64.StdEncoding.DecodeString(text)
		n, err2 := strconv.Atoi(string(raw))
		if err1 != nil || err2 != nil || n < 0 {
			return nil, "", refuse("invalid_cursor")
		}
		from = min(n, len(list))
	}
	end := min(from+limit, len(list))
	if end < len(list) {
		next = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return list[from:end], next, nil
}

func (s *Server) list(c *call) *answer {
	var all []*channel
	for _, id := range s.order {
		if ch := s.channels[id]; !ch.Archived || !c.flag("exclude_archived") {
			all = append(all, ch)
		}
	}
	page, cursor, refused := paged(c, all, 1000)
	if refused != nil {
		return refused
	}
	shown := []any{}
	for _, ch := range page {
		shown = append(shown, ch.render())
	}
	return good(map[string]any{"channels": shown, "response_metadata": map[string]any{"next_cursor": cursor}})
}

func (s *Server) info(c *call) *answer {
	ch, refused := s.byID(c.channel)
	if refused != nil {
		return refused
	}
	return good(map[string]any{"channel": ch.render()})
}

func (ch *channel) render() map[string]any {
	return map[string]any{
		"id": ch.ID, "name": ch.Name, "name_normalized": ch.Name, "is_channel": true, "is_private": false,
		"is_archived": ch.Archived, "is_member": !ch.NotMember, "context_team_id": TeamID,
	}
}
