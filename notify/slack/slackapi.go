package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"numwatch/notify"
	"numwatch/notify/card"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

const (
	maxWhisper    = 900
	slackTimeout  = 15 * time.Second
	metadataEvent = "numwatch_message"
	pageSize      = 200
	maxPages      = 50
	lookBack      = time.Minute     // clocks differ
	listPage      = 999             // channels asked for at once: as many as Slack gives
	listFor       = time.Minute     // how long a list of channels serves
	listGap       = 5 * time.Minute // after which a list that was left halfway is begun anew
)

// SlackAPI posts through Slack's Web API. It never retries: one dropped answer
// would make several posts. Safe for concurrent use.
type SlackAPI struct {
	client *slack.Client
	mu     sync.Mutex
	ids    map[string]string // by name
	listed time.Time
	coming map[string]string // of a list that is not whole yet
	cursor string            // where it goes on; "" where none was begun
	paged  time.Time         // when it last did
}

// NewSlackAPI returns a Poster for a bot token. URL is empty for Slack itself.
func NewSlackAPI(token, url string) *SlackAPI {
	return newSlackAPI(token, url, notify.NewTransport())
}

func newSlackAPI(token, url string, transport http.RoundTripper) *SlackAPI {
	o := []slack.Option{slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout, Transport: transport})}
	if url != "" {
		o = append(o, slack.OptionAPIURL(strings.TrimSuffix(url, "/")+"/"))
	}
	return &SlackAPI{client: slack.New(token, o...)}
}

// Pace is what Slack allows: about a post a second in each channel, and 50
// edits a minute in all, of which a burst takes some.
func (p *SlackAPI) Pace() Pace { return Pace{Post: time.Second, Edit: time.Minute / (50 - editBurst)} }

// Resolve returns the id of a channel; an id is taken as it is.
func (p *SlackAPI) Resolve(ctx context.Context, channel string) (string, error) {
	name, isName := strings.CutPrefix(channel, "#")
	if !isName && channel == strings.ToUpper(channel) {
		return channel, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if id, ok := p.ids[name]; ok && time.Since(p.listed) < listFor {
		return id, nil
	}
	if err := p.list(ctx); err != nil {
		return "", err
	}
	if id, ok := p.ids[name]; ok {
		return id, nil
	}
	return "", &PostError{
		Refusal: BadChannel, Code: "channel_not_found", Advice: slackAdvice["channel_not_found"],
		Err: fmt.Errorf("no channel is called #%s", name),
	}
}

// list reads the names of all channels anew. Slack gives some twenty pages a
// minute: those that came before it asks to wait are kept, and the next call
// goes on behind them. It is called with the lock held.
func (p *SlackAPI) list(ctx context.Context) error {
	if p.cursor == "" || time.Since(p.paged) > listGap {
		p.cursor, p.coming = "", make(map[string]string)
	}
	for {
		channels, next, err := p.client.GetConversationsContext(ctx, &slack.GetConversationsParameters{
			Cursor: p.cursor, ExcludeArchived: true, Limit: listPage, Types: []string{"public_channel", "private_channel"},
		})
		if err = listError(classify("conversations.list", err)); err != nil {
			if class := refusal(err); class != NotApplied && class != Ambiguous {
				p.cursor = "" // Slack may not know it any more
			}
			return err
		}
		for _, c := range channels {
			p.coming[c.Name] = c.ID
		}
		if p.cursor, p.paged = next, time.Now(); next == "" {
			p.ids, p.listed, p.coming = p.coming, p.paged, nil
			return nil
		}
	}
}

// listError keeps a token that may not list channels from parking all of Slack:
// channels named by id need no list.
func listError(err error) error {
	var e *PostError
	if errors.As(err, &e) && e.Code == "missing_scope" {
		e.Refusal = BadChannel
		e.Advice = "put the channel's id in rules.yaml, or add the scopes channels:read and groups:read"
	}
	return err
}

// Post sends a message, or a reply where Thread is set, and returns its ts.
func (p *SlackAPI) Post(ctx context.Context, m Outgoing) (string, error) {
	o := m.options()
	if m.Thread != "" {
		o = append(o, slack.MsgOptionTS(m.Thread))
	}
	_, ts, err := p.client.PostMessageContext(ctx, m.Target, o...)
	return ts, classify("chat.postMessage", err)
}

// Whisper tells one user in a channel something that nobody else sees.
func (p *SlackAPI) Whisper(ctx context.Context, target, user, text string) error {
	_, err := p.client.PostEphemeralContext(ctx, target, user,
		slack.MsgOptionText(card.Mrkdwn(text, maxWhisper), false), slack.MsgOptionParse(false), slack.MsgOptionLinkNames(false))
	return classify("chat.postEphemeral", err)
}

// Update makes the message at ts read as m.
func (p *SlackAPI) Update(ctx context.Context, ts string, m Outgoing) error {
	_, _, _, err := p.client.UpdateMessageContext(ctx, m.Target, ts, m.options()...)
	return classify("chat.update", err)
}

// options are all arguments, also for an update: what is left out falls back to
// a default there, or stays as it was.
func (m *Outgoing) options() []slack.MsgOption {
	blocks := []slack.Block{}
	if !m.Plain {
		blocks = append(m.Card.Blocks(), m.actions()...)
	}
	o := []slack.MsgOption{
		slack.MsgOptionText(m.Card.Text(m.Plain), false),
		slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionParse(false),
		slack.MsgOptionLinkNames(false),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
	if m.ID != "" {
		o = append(o, slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: metadataEvent, EventPayload: map[string]any{"id": m.ID},
		}))
	}
	return o
}

// Find looks for a message by its id among those posted since a time, in the
// channel or in a thread.
func (p *SlackAPI) Find(ctx context.Context, m Outgoing, since time.Time) (string, bool, error) {
	oldest := fmt.Sprintf("%d.000000", since.Add(-lookBack).Unix())
	cursor := ""
	for range maxPages {
		found, next, err := p.page(ctx, m, oldest, cursor)
		if err != nil || found != "" || next == "" {
			return found, found != "", err
		}
		cursor = next
	}
	return "", false, nil
}

// Searchable reports whether the token may read a channel's history, which is
// what Find looks into.
func (p *SlackAPI) Searchable(ctx context.Context, target string) (bool, error) {
	_, err := p.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: target, Limit: 1})
	err = historyError(classify("conversations.history", err))
	if errors.Is(err, ErrNoHistory) {
		return false, nil
	}
	return err == nil, err
}

func (p *SlackAPI) page(ctx context.Context, m Outgoing, oldest, cursor string) (ts, next string, err error) {
	var messages []slack.Message
	if m.Thread != "" {
		messages, _, next, err = p.client.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: m.Target, Timestamp: m.Thread, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
		})
		err = historyError(classify("conversations.replies", err))
	} else {
		var r *slack.GetConversationHistoryResponse
		r, err = p.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: m.Target, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
		})
		err = historyError(classify("conversations.history", err))
		if err == nil {
			messages, next = r.Messages, r.ResponseMetaData.NextCursor
		}
	}
	for _, x := range messages {
		if id, _ := x.Metadata.EventPayload["id"].(string); id == m.ID && x.Metadata.EventType == metadataEvent {
			return x.Timestamp, next, nil
		}
	}
	return "", next, err
}

func historyError(err error) error {
	var e *PostError
	if errors.As(err, &e) && e.Code == "missing_scope" {
		return ErrNoHistory
	}
	return err
}
