// Package remote holds the commands that ask a running bot through its HTTP API. It
// imports command, config, the JSON types of the API, and constants and helpers of notify
// and store; cli and rulescmd import it.
package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/phone"
	"numwatch/store/maintain"
)

// asking is the flags of the commands that print what the bot answers.
type asking struct {
	Client
	command.Output
}

// ask makes a request of the bot and prints its answer, v; people prints it for
// people.
func (a asking) ask(ctx context.Context, p *command.Program, method, path string, asked, v any, people func()) error {
	err := a.call(ctx, p, method, path, asked, v)
	if err == nil {
		a.Print(p, v, people)
	}
	return err
}

// Client is the flag of every command that asks a running bot.
type Client struct {
	URL string `name:"url" placeholder:"URL" help:"URL of the bot (default: $$NUMWATCH_URL, or what config.yaml in this folder says, or http://127.0.0.1:8080). The token is $$NUMWATCH_HTTP_TOKEN, or that of config.yaml."`
}

// apiTimeout is how long to wait for an answer: longer than a bot that cannot
// store a decision takes to say so.
const apiTimeout = 10 * time.Second

// Backup writes a copy of the bot's store to a file, which is complete or not
// there, and returns its size.
func (b Client) Backup(ctx context.Context, p *command.Program, path string) (int64, error) {
	body, err := b.request(ctx, p, http.MethodGet, "/api/v1/backup", nil)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := maintain.WriteFile(path, body)
	if err != nil {
		return 0, fmt.Errorf("copying the bot's store: %w", err)
	}
	return n, nil
}

// find returns the bot's URL and token, and where it was found unless
// people say it. A token of the configuration goes to no other bot.
func (b Client) find(p *command.Program) (base, token, where string, err error) {
	token = p.Getenv("NUMWATCH_HTTP_TOKEN")
	if base = cmp.Or(b.URL, p.Getenv("NUMWATCH_URL")); base != "" {
		return base, token, "", nil
	}
	c, err := config.Reach(command.ConfigName, p.Env)
	if c != nil && c.HTTP.URL() != "" {
		return c.HTTP.URL(), cmp.Or(token, c.HTTP.ClientToken().Reveal()), " (http.listen in " + command.ConfigName + ")", nil
	}
	return "http://127.0.0.1:8080", token, "", err
}

// request makes a request of the bot and returns the body of a good answer. The
// caller closes it.
func (b Client) request(ctx context.Context, p *command.Program, method, path string, body io.Reader) (io.ReadCloser, error) {
	base, token, where, err := b.find(p)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, body)
	if err != nil {
		return nil, command.UsageError("the bot's URL is not valid: want http://host:port")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	var connected atomic.Bool
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	answer, err := http.DefaultClient.Do(request)
	if connected.Load() && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the bot at %s accepts connections but does not answer in time: see its log and numwatch status", phone.Redact(base))
	}
	if err != nil {
		return nil, fmt.Errorf("no bot answers at %s%s: %w; start it (numwatch run), or give its URL with --url or NUMWATCH_URL",
			phone.Redact(base), where, withoutURL(err))
	}
	if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusCreated {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("the bot at %s rejects the token: set NUMWATCH_HTTP_TOKEN to its http.token", phone.Redact(base))
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 16<<10))
	var said struct{ Error string }
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return nil, errors.New(alert.Plain(said.Error))
	}
	return nil, fmt.Errorf("the bot at %s answered %s: %s", phone.Redact(base), answer.Status, alert.Cut(alert.Plain(strings.TrimSpace(string(text))), 500))
}

// withoutURL is the cause of a failed request: the URL is said already, and may
// hold a password.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// GetJSON asks the bot and decodes its answer.
func (b Client) GetJSON(ctx context.Context, p *command.Program, path string, v any) error {
	return b.call(ctx, p, http.MethodGet, path, nil, v)
}

// call makes a request of the bot, with a body unless that is nil, and decodes
// its answer.
func (b Client) call(ctx context.Context, p *command.Program, method, path string, asked, v any) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var sent io.Reader
	if asked != nil {
		content, err := json.Marshal(asked)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		sent = strings.NewReader(string(content))
	}
	body, err := b.request(ctx, p, method, path, sent)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("decoding the bot's answer: %w", err)
	}
	return nil
}
