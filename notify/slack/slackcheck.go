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
func (p *SlackAPI) Check(ctx context.Context) (string, error) {
	a, err := p.client.AuthTestContext(ctx)
	if err != nil {
		return "", classify("auth.test", err)
	}
	scopes := a.Header.Get("X-Oauth-Scopes")
	if scopes != "" && !slices.Contains(strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' }), postScope) {
		return "", fmt.Errorf("the token of %s@%s may not post: %s", a.User, a.Team, slackAdvice["missing_scope"]+": "+postScope)
	}
	return a.User + "@" + a.Team, nil
}

// CheckChannel finds a channel, as the configuration names it, and tells its
// other name, and what is amiss with it that keeps nobody from posting. What
// does is an error.
func (p *SlackAPI) CheckChannel(ctx context.Context, channel string) (is string, amiss []string, err error) {
	id, err := p.Resolve(ctx, channel)
	if err != nil {
		return "", nil, err
	}
	c, err := p.client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	err = classify("conversations.info", err)
	var refused *PostError
	switch {
	case errors.As(err, &refused) && refused.Code == "missing_scope":
		amiss = append(amiss, "whether the app can post there is not known: add the scopes channels:read and groups:read")
	case err != nil:
		return "", nil, err
	case c.IsArchived:
		return "", nil, errors.New("the channel is archived: " + slackAdvice["is_archived"])
	case !c.IsMember:
		return "", nil, errors.New("the app is not in the channel: " + slackAdvice["not_in_channel"])
	}
	is = id
	if id == channel && c != nil {
		is = "#" + c.Name
	}
	yes, err := p.Searchable(ctx, id)
	if err == nil && !yes {
		amiss = append(amiss, "where an answer of Slack's is lost a message may come twice: "+ErrNoHistory.Error())
	}
	return is, amiss, err
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
