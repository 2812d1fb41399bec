package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slacksim "numwatch/internal/sim/slack"
)

func TestPostUpdateAndReadBack(t *testing.T) {
	d := start(t, nil)
	who, err := d.api.AuthTestContext(t.Context())
	require.NoError(t, err)
	require.Equal(t, slacksim.BotID, who.BotID)

	section := slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "*RED*", false, true), nil, nil)
	meta := slack.SlackMetadata{EventType: "numwatch", EventPayload: map[string]any{"id": "m-1"}}
	channel, ts, err := d.api.PostMessageContext(t.Context(), "#ops",
		slack.MsgOptionText("RED", true), slack.MsgOptionBlocks(section), slack.MsgOptionMetadata(meta))
	require.NoError(t, err)
	require.Equal(t, ops, channel)
	require.Equal(t, "1795420800.000000", ts)
	second := d.post(t, ops, "second")
	require.Greater(t, second, ts, "two messages never share a ts")
	_, reply, err := d.api.PostMessageContext(t.Context(), ops, slack.MsgOptionText("a reply", false), slack.MsgOptionTS(ts))
	require.NoError(t, err)

	d.clock.advance(time.Minute)
	_, _, text, err := d.api.UpdateMessageContext(t.Context(), ops, ts, slack.MsgOptionText("GREEN", true))
	require.NoError(t, err)
	require.Equal(t, "GREEN", text)

	h, err := d.api.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{
		ChannelID: ops, IncludeAllMetadata: true,
	})
	require.NoError(t, err)
	require.Len(t, h.Messages, 2, "replies stand in their thread")
	require.Equal(t, second, h.Messages[0].Timestamp, "newest first")
	require.Equal(t, "GREEN", h.Messages[1].Text)
	require.Len(t, h.Messages[1].Blocks.BlockSet, 1, "an update without blocks keeps them")
	require.Equal(t, meta, h.Messages[1].Metadata)
	require.NotNil(t, h.Messages[1].Edited)
	require.Equal(t, 1, h.Messages[1].ReplyCount)

	h, err = d.api.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: ops})
	require.NoError(t, err)
	require.Empty(t, h.Messages[1].Metadata.EventType, "metadata only where asked for")

	thread, _, _, err := d.api.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: ops, Timestamp: ts})
	require.NoError(t, err)
	require.Equal(t, []string{ts, reply}, []string{thread[0].Timestamp, thread[1].Timestamp})

	kept := d.sim.Messages("ops")
	require.Len(t, kept, 2)
	require.Equal(t, "RED", kept[0].Edits[0].Text)
	require.Equal(t, "GREEN", kept[0].Text)
	require.Equal(t, "a reply", kept[0].Replies[0].Text)
	require.Equal(t, "numwatch", kept[0].Metadata.EventType)
	require.False(t, kept[0].Args.Has("token"), "the token is not kept")
	require.Equal(t, slacksim.Stats{Calls: 3, Good: 3}, d.sim.Stats(slacksim.PostMessage))
}

func TestHistoryIsCutByTimeAndPage(t *testing.T) {
	d := start(t, nil)
	var all []string
	for range 5 {
		all = append(all, d.post(t, ops, "x"))
		d.clock.advance(time.Second)
	}
	read := func(p slack.GetConversationHistoryParameters) (out []string, next string) {
		p.ChannelID = ops
		h, err := d.api.GetConversationHistoryContext(t.Context(), &p)
		require.NoError(t, err)
		for _, m := range h.Messages {
			out = append(out, m.Timestamp)
		}
		require.Equal(t, h.ResponseMetaData.NextCursor != "", h.HasMore)
		return out, h.ResponseMetaData.NextCursor
	}
	got, _ := read(slack.GetConversationHistoryParameters{Oldest: all[2]})
	require.Equal(t, []string{all[4], all[3]}, got)
	got, _ = read(slack.GetConversationHistoryParameters{Oldest: all[2], Latest: all[4], Inclusive: true})
	require.Equal(t, []string{all[4], all[3], all[2]}, got)
	got, _ = read(slack.GetConversationHistoryParameters{Latest: "1795420801.5"})
	require.Equal(t, []string{all[1], all[0]}, got)

	got, next := read(slack.GetConversationHistoryParameters{Limit: 3})
	require.Equal(t, []string{all[4], all[3], all[2]}, got)
	got, next = read(slack.GetConversationHistoryParameters{Limit: 3, Cursor: next})
	require.Equal(t, []string{all[1], all[0]}, got)
	require.Empty(t, next)
	for code, args := range map[string]map[string]string{
		"invalid_cursor":    {"cursor": "!"},
		"invalid_limit":     {"limit": "-1"},
		"invalid_ts_oldest": {"oldest": "yesterday"},
	} {
		args["channel"] = ops
		doc, _ := d.raw(t, slacksim.History, args)
		require.Equal(t, code, doc["error"])
	}
}

func TestChannelsAreListed(t *testing.T) {
	d := start(t, func(c *slacksim.Config) { c.Channels[1].Archived = true })
	found, next, err := d.api.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "ops", found[0].Name)
	found, _, err = d.api.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{Cursor: next})
	require.NoError(t, err)
	require.Equal(t, other, found[0].ID)
	found, _, err = d.api.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{ExcludeArchived: true})
	require.NoError(t, err)
	require.Len(t, found, 1)
	one, err := d.api.GetConversationInfoContext(t.Context(), &slack.GetConversationInfoInput{ChannelID: other})
	require.NoError(t, err)
	require.True(t, one.IsArchived)
	require.True(t, one.IsMember)
}

func TestRefusals(t *testing.T) {
	d := start(t, func(c *slacksim.Config) {
		c.Channels = append(c.Channels,
			slacksim.Channel{ID: "C0ARCHIVE1", Name: "old", Archived: true},
			slacksim.Channel{ID: "C0PRIVATE1", Name: "away", NotMember: true})
	})
	ours := d.post(t, ops, "hello")
	for _, tc := range []struct {
		method, want string
		args         map[string]string
	}{
		{"chat.nonsense", "unknown_method", nil},
		{slacksim.PostMessage, "channel_not_found", map[string]string{"channel": "C1", "text": "x"}},
		{slacksim.PostMessage, "channel_not_found", map[string]string{"text": "x"}},
		{slacksim.PostMessage, "is_archived", map[string]string{"channel": "old", "text": "x"}},
		{slacksim.PostMessage, "not_in_channel", map[string]string{"channel": "#away", "text": "x"}},
		{slacksim.PostMessage, "no_text", map[string]string{"channel": ops, "text": " "}},
		{slacksim.PostMessage, "no_text", map[string]string{"channel": ops, "blocks": "[]"}},
		{slacksim.PostMessage, "msg_too_long", map[string]string{"channel": ops, "text": strings.Repeat("ä", 40001)}},
		{slacksim.PostMessage, "thread_not_found", map[string]string{"channel": ops, "text": "x", "thread_ts": "1.000000"}},
		{slacksim.PostMessage, "metadata_too_large", map[string]string{"channel": ops, "text": "x", "metadata": `{"event_type":"` + strings.Repeat("x", 1024) + `"}`}},
		{slacksim.PostMessage, "invalid_metadata_format", map[string]string{"channel": ops, "text": "x", "metadata": `[]`}},
		{slacksim.PostMessage, "invalid_metadata_schema", map[string]string{"channel": ops, "text": "x", "metadata": `{"event_type":"a","event_payload":[]}`}},
		{slacksim.Update, "message_not_found", map[string]string{"channel": ops, "ts": "1.000000", "text": "x"}},
		{slacksim.Update, "channel_not_found", map[string]string{"channel": "#ops", "ts": ours, "text": "x"}},
		{slacksim.History, "channel_not_found", map[string]string{"channel": "ops"}},
		{slacksim.History, "not_in_channel", map[string]string{"channel": "C0PRIVATE1"}},
		{slacksim.Replies, "thread_not_found", map[string]string{"channel": ops, "ts": "1.000000"}},
		{slacksim.Info, "channel_not_found", map[string]string{"channel": "C1"}},
	} {
		doc, resp := d.raw(t, tc.method, tc.args)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, false, doc["ok"])
		require.Equal(t, tc.want, doc["error"], tc.args)
	}
	require.Len(t, d.sim.Messages(ops), 1, "nothing that was refused is there")
}

func TestTokensAndScopes(t *testing.T) {
	d := start(t, nil)
	doc, _ := d.raw(t, slacksim.AuthTest, map[string]string{"token": "x"})
	require.Equal(t, "invalid_auth", doc["error"])
	doc, _ = d.raw(t, slacksim.AuthTest, map[string]string{"token": ""})
	require.Equal(t, "not_authed", doc["error"])

	form := url.Values{"channel": {ops}, "text": {"x"}, "unfurl_links": {"false"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.base+"/api/chat.postMessage", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, true, decode(t, resp)["ok"])
	require.Equal(t, "false", d.sim.Messages(ops)[0].Args.Get("unfurl_links"))

	d.sim.SetScopes("chat:write")
	doc, _ = d.raw(t, slacksim.History, map[string]string{"channel": ops})
	require.Equal(t, []any{"missing_scope", "channels:history", "chat:write"}, []any{doc["error"], doc["needed"], doc["provided"]})
	d.post(t, ops, "still may post")
}

func TestPostsAreLimitedPerChannel(t *testing.T) {
	d := start(t, func(c *slacksim.Config) { c.Limits = slacksim.Limits{} })
	post := func(channel string) error {
		_, _, err := d.api.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false))
		return err
	}
	require.NoError(t, post(ops))
	require.NoError(t, post("#other"))
	d.clock.advance(999 * time.Millisecond)
	var limited *slack.RateLimitedError
	require.ErrorAs(t, post(ops), &limited)
	require.Equal(t, time.Second, limited.RetryAfter, "whole seconds, rounded up")
	doc, resp := d.raw(t, slacksim.PostMessage, map[string]string{"channel": "ops", "text": "x"})
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	require.Equal(t, map[string]any{"ok": false, "error": "ratelimited"}, doc)
	d.clock.advance(time.Millisecond)
	require.NoError(t, post(ops))
	require.Equal(t, slacksim.Stats{Calls: 5, Good: 3, Limited: 2}, d.sim.Stats(slacksim.PostMessage))
}

func TestOtherMethodsAreLimitedForTheWorkspace(t *testing.T) {
	d := start(t, func(c *slacksim.Config) {
		c.Limits.Update = slacksim.Rate{Max: 1, Per: time.Minute}
	})
	a, b := d.post(t, ops, "a"), d.post(t, other, "b")
	doc, _ := d.raw(t, slacksim.Update, map[string]string{"channel": ops, "ts": a, "text": "x"})
	require.Equal(t, true, doc["ok"])
	d.clock.advance(20*time.Second + time.Millisecond)
	_, resp := d.raw(t, slacksim.Update, map[string]string{"channel": other, "ts": b, "text": "x"})
	require.Equal(t, "40", resp.Header.Get("Retry-After"))
	for range 50 {
		_, resp := d.raw(t, slacksim.History, map[string]string{"channel": ops})
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	_, resp = d.raw(t, slacksim.History, map[string]string{"channel": other})
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "50 a minute by default")
}

func TestFaults(t *testing.T) {
	ambiguous := func(t *testing.T, err error) { require.Error(t, err) }
	for name, tc := range map[string]struct {
		fault slacksim.Fault
		check func(*testing.T, error)
	}{
		"429": {slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 30 * time.Second}, func(t *testing.T, err error) {
			var limited *slack.RateLimitedError
			require.ErrorAs(t, err, &limited)
			require.Equal(t, 30*time.Second, limited.RetryAfter)
		}},
		"429 without a header": {slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: -1}, func(t *testing.T, err error) {
			var code slack.StatusCodeError
			require.ErrorAs(t, err, &code)
			require.Equal(t, 429, code.Code)
		}},
		"500": {slacksim.Fault{Kind: slacksim.ServerError}, func(t *testing.T, err error) {
			var code slack.StatusCodeError
			require.ErrorAs(t, err, &code)
			require.Equal(t, 500, code.Code)
		}},
		"503": {slacksim.Fault{Kind: slacksim.ServerError, Status: 503}, ambiguous},
		"refused": {slacksim.Fault{Kind: slacksim.Refuse, Code: "fatal_error"}, func(t *testing.T, err error) {
			require.EqualError(t, err, "fatal_error")
		}},
		"page": {slacksim.Fault{Kind: slacksim.HTMLPage}, func(t *testing.T, err error) {
			var syntax *json.SyntaxError
			require.ErrorAs(t, err, &syntax)
		}},
		"dropped": {slacksim.Fault{Kind: slacksim.Drop}, ambiguous},
	} {
		for _, applied := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				d := start(t, nil)
				tc.fault.Applied, tc.fault.Count = applied, 1
				d.sim.Inject(tc.fault)
				_, _, err := d.api.PostMessageContext(t.Context(), ops, slack.MsgOptionText("x", false))
				tc.check(t, err)
				want := 0
				if applied {
					want = 1
				}
				require.Len(t, d.sim.Messages(ops), want)
				d.post(t, ops, "y")
				require.Equal(t, 1, d.sim.Stats(slacksim.PostMessage).Good)
			})
		}
	}
}

func TestFaultsStrikeWhatTheyName(t *testing.T) {
	d := start(t, nil)
	end := d.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError, Method: slacksim.PostMessage, Channel: ops})
	d.post(t, other, "x")
	_, _, err := d.api.PostMessageContext(t.Context(), "#ops", slack.MsgOptionText("x", false))
	require.Error(t, err)
	_, err = d.api.AuthTestContext(t.Context())
	require.NoError(t, err)
	end()
	d.post(t, ops, "x")
	d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, For: time.Minute})
	d.clock.advance(time.Minute - 1)
	_, err = d.api.AuthTestContext(t.Context())
	require.Error(t, err)
	d.clock.advance(1)
	d.post(t, ops, "x")
	d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop})
	d.sim.ClearFaults()
	d.post(t, ops, "x")
}

func TestClientThatGivesUp(t *testing.T) {
	for _, applied := range []bool{false, true} {
		d := start(t, nil)
		d.sim.Inject(slacksim.Fault{Latency: time.Minute, Applied: applied, Count: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, _, err := d.api.PostMessageContext(ctx, ops, slack.MsgOptionText("x", false))
		cancel()
		require.True(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
		d.close() // waits for the handler
		require.Equal(t, applied, len(d.sim.Messages(ops)) == 1)
	}
}

func TestWorkspaceChanges(t *testing.T) {
	d := start(t, nil)
	ts := d.post(t, ops, "x")
	_, reply, err := d.api.PostMessageContext(t.Context(), ops, slack.MsgOptionText("r", false), slack.MsgOptionTS(ts))
	require.NoError(t, err)
	require.NoError(t, d.sim.Delete(ops, reply))
	require.Empty(t, d.sim.Messages(ops)[0].Replies)

	d.sim.SetChannel(slacksim.Channel{ID: ops, Name: "renamed"})
	require.Len(t, d.sim.Messages("renamed"), 1, "its messages stay")
	require.NoError(t, d.sim.Delete("renamed", ts))
	require.ErrorContains(t, d.sim.Delete(ops, ts), "no simulated message")
	_, _, _, err = d.api.UpdateMessageContext(t.Context(), ops, ts, slack.MsgOptionText("y", false))
	require.EqualError(t, err, "message_not_found")
	require.Nil(t, d.sim.Messages("nowhere"))
}
