package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

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
