package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"numwatch/notify/card"

	"github.com/slack-go/slack"
)

const (
	maxPrivate    = 900
	slackTimeout  = 15 * time.Second
	readWithin    = 3 * time.Second // to find out whether the history may be read
	metadataEvent = "numwatch_message"
	pageSize      = 200
	maxPages      = 50
	lookBack      = 15 * time.Minute // this machine's clock may be ahead of Slack's
	listPage      = 999              // channels asked for at once: as many as Slack gives
	listFor       = time.Minute      // how long a list of channels serves
	listGap       = 5 * time.Minute  // after which an unfinished list is started again
)

// API posts through Slack's Web API. It never retries: one dropped answer
// would make several posts. Safe for concurrent use.
type API struct {
	client *slack.Client
	http   *http.Client
	mu     sync.Mutex
	ids    map[string]string // by name
	read   map[string]bool   // channels whose history can be read, by id
	listed time.Time
	coming map[string]string // of an incomplete list
	cursor string            // where it continues; "" if none was begun
	paged  time.Time         // when it last did
}

// NewAPI returns a Poster for a bot token. URL is empty for Slack itself.
func NewAPI(token, url string, transport http.RoundTripper) *API {
	client := &http.Client{Timeout: slackTimeout, Transport: transport}
	o := []slack.Option{slack.OptionHTTPClient(client)}
	if url != "" {
		o = append(o, slack.OptionAPIURL(strings.TrimSuffix(url, "/")+"/"))
	}
	return &API{client: slack.New(token, o...), http: client, read: make(map[string]bool)}
}

// Pace is what Slack allows: about a post a second in each channel, and 50
// edits a minute in all, of which a burst takes some.
func (p *API) Pace() Pace {
	return Pace{Post: time.Second, Edit: time.Minute / (50 - editBurst)}
}

// Resolve returns the id of a channel; an id is taken as it is. The token must be
// allowed to read the channel's history.
func (p *API) Resolve(ctx context.Context, channel string) (string, error) {
	id, err := p.find(ctx, channel)
	if err != nil {
		return "", err
	}
	return id, p.readable(ctx, id)
}

func (p *API) find(ctx context.Context, channel string) (string, error) {
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
		Class: BadChannel, Code: "channel_not_found", Advice: slackAdvice["channel_not_found"],
		Err: fmt.Errorf("no channel is called #%s", name),
	}
}

// list reads the names of all channels again. Slack gives some twenty pages a
// minute: those that came before it asks to wait are kept, and the next call goes
// on behind them. It is called with the lock held.
func (p *API) list(ctx context.Context) error {
	if p.cursor == "" || time.Since(p.paged) > listGap {
		p.cursor, p.coming = "", make(map[string]string)
	}
	for {
		channels, next, err := p.client.GetConversationsContext(ctx, &slack.GetConversationsParameters{
			Cursor: p.cursor, ExcludeArchived: true, Limit: listPage, Types: []string{"public_channel", "private_channel"},
		})
		if err = needsScope(classify("conversations.list", err), adviceList); err != nil {
			if classOf(err) != Transient {
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

// A missing scope affects the channel and not all of Slack: channels named by id
// need no list, and there are other scopes for the history of private ones.
const (
	adviceList    = "put the channel's id in rules.yaml, or add the scopes channels:read and groups:read"
	adviceHistory = "numwatch searches the history when an answer from Slack was lost: add the scopes channels:history and groups:history to the app, and install it again"
)

func needsScope(err error, advice string) error {
	if e := (*PostError)(nil); errors.As(err, &e) && e.Code == codeScope {
		e.Class, e.Advice = BadChannel, advice
	}
	return err
}

// Post sends a message, or a reply where Thread is set, and returns its ts.
func (p *API) Post(ctx context.Context, m Outgoing) (string, error) {
	o := m.options()
	if m.Thread != "" {
		o = append(o, slack.MsgOptionTS(m.Thread))
	}
	if m.Broadcast {
		o = append(o, slack.MsgOptionBroadcast())
	}
	_, ts, err := p.client.PostMessageContext(ctx, m.Target, o...)
	if m.Thread != "" {
		return ts, classifyReply("chat.postMessage", err)
	}
	return ts, classify("chat.postMessage", err)
}

// PostPrivately shows one user in a channel something that nobody else sees.
func (p *API) PostPrivately(ctx context.Context, target, user, text string) error {
	_, err := p.client.PostEphemeralContext(ctx, target, user,
		slack.MsgOptionText(card.Mrkdwn(text, maxPrivate), false), slack.MsgOptionParse(false), slack.MsgOptionLinkNames(false))
	return classify("chat.postEphemeral", err)
}

// Respond tells who pressed a button of an answer something, at the address that Slack gave
// for that: it works where the app cannot post, and is a secret.
func (p *API) Respond(ctx context.Context, address, text string) error {
	err := slack.PostWebhookCustomHTTPContext(ctx, address, p.http, &slack.WebhookMessage{
		ResponseType: slack.ResponseTypeEphemeral, Text: card.Mrkdwn(text, maxPrivate),
	})
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return classify("response_url", err)
}

// Update makes the message at ts read as m.
func (p *API) Update(ctx context.Context, ts string, m Outgoing) error {
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

// Find looks through the channel's history, or a thread, for what was posted.
func (p *API) Find(ctx context.Context, q Query) (map[string]string, error) {
	found := make(map[string]string)
	oldest := fmt.Sprintf("%d.000000", q.Since.Add(-lookBack).Unix())
	cursor := ""
	for range maxPages {
		messages, next, err := p.page(ctx, q, oldest, cursor)
		if err != nil {
			return nil, needsScope(err, adviceHistory)
		}
		for _, m := range messages {
			id, _ := m.Metadata.EventPayload["id"].(string)
			if m.Metadata.EventType == metadataEvent && slices.Contains(q.IDs, id) {
				found[id] = m.Timestamp
			}
		}
		if next == "" || len(found) == len(q.IDs) {
			break
		}
		cursor = next
	}
	return found, nil
}

func (p *API) page(ctx context.Context, q Query, oldest, cursor string) (messages []slack.Message, next string, err error) {
	if q.Thread != "" {
		messages, _, next, err = p.client.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: q.Target, Timestamp: q.Thread, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
		})
		return messages, next, classify("conversations.replies", err)
	}
	r, err := p.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: q.Target, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", classify("conversations.history", err)
	}
	return r.Messages, r.ResponseMetaData.NextCursor, nil
}

// readable returns an error where the token may not read a channel's history: a
// message whose answer is lost could not be found there. Other errors of the
// history do not prevent posting.
func (p *API) readable(ctx context.Context, target string) error {
	p.mu.Lock()
	known := p.read[target]
	p.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	_, err := p.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: target, Limit: 1})
	err = needsScope(classify("conversations.history", err), adviceHistory)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.read[target] = true
	} else if asPostError(err).Code == codeScope {
		return err
	}
	return nil
}

const postScope = "chat:write"

// Check asks Slack who the token belongs to, as bot@team, and whether it may
// post. It posts nothing.
func (p *API) Check(ctx context.Context) (string, error) {
	a, err := p.client.AuthTestContext(ctx)
	if err != nil {
		return "", classify("auth.test", err)
	}
	scopes := a.Header.Get("X-Oauth-Scopes")
	if scopes != "" && !slices.Contains(strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' }), postScope) {
		return "", fmt.Errorf("the token of %s@%s may not post: %s", a.User, a.Team, slackAdvice[codeScope]+": "+postScope)
	}
	return a.User + "@" + a.Team, nil
}

// CheckChannel finds a channel, as the configuration names it, and tells its
// other name. What keeps the bot from posting there is an error; unsure says what
// could not be found out.
func (p *API) CheckChannel(ctx context.Context, channel string) (is, unsure string, err error) {
	id, err := p.Resolve(ctx, channel)
	if err != nil {
		return "", "", err
	}
	c, err := p.client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	err = classify("conversations.info", err)
	switch {
	case err != nil && asPostError(err).Code == codeScope:
		return id, "it is unknown whether the app can post there: add the scopes channels:read and groups:read", nil
	case err != nil:
		return "", "", err
	case c.IsArchived:
		return "", "", errors.New("the channel is archived: " + slackAdvice["is_archived"])
	case !c.IsMember:
		return "", "", errors.New("the app is not in the channel: " + slackAdvice["not_in_channel"])
	case id == channel:
		return "#" + c.Name, "", nil
	default:
		return id, "", nil
	}
}

// CheckSocket has Slack open a connection for buttons, and makes no use of it.
// Its address is a secret, and dropped.
func CheckSocket(ctx context.Context, appToken, url string) error {
	o := []slack.Option{slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout}), slack.OptionAppLevelToken(appToken)}
	if url != "" {
		o = append(o, slack.OptionAPIURL(strings.TrimSuffix(url, "/")+"/"))
	}
	if _, _, err := slack.New("", o...).StartSocketModeContext(ctx); err != nil {
		return socketError(err)
	}
	return nil
}
