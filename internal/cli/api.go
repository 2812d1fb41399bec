package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// bot is the flag of every command that asks a running bot.
type bot struct {
	URL string `name:"url" placeholder:"URL" help:"Where the bot listens (default: $$NUMWATCH_URL or http://127.0.0.1:8080). The token is taken from $$NUMWATCH_HTTP_TOKEN."`
}

const apiTimeout = 10 * time.Second

// get asks the bot and returns the body of a good answer. The caller closes it.
func (b bot) get(ctx context.Context, p *Program, path string) (io.ReadCloser, error) {
	base := cmp.Or(b.URL, p.getenv("NUMWATCH_URL"), "http://127.0.0.1:8080")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return nil, &usageError{"the bot's URL is not one: want http://host:port"}
	}
	if token := p.getenv("NUMWATCH_HTTP_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no bot answers at %s: %w; start it (numwatch run), or say where it is with --url or NUMWATCH_URL",
			phone.Redact(base), withoutURL(err))
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("the bot at %s does not let you in: set NUMWATCH_HTTP_TOKEN to its http.token", phone.Redact(base))
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	return nil, fmt.Errorf("the bot at %s answered %s: %s", phone.Redact(base), answer.Status, alert.Plain(strings.TrimSpace(string(text))))
}

// withoutURL is the cause of a failed request: the URL is said already, and may
// hold a password.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// getJSON asks the bot and decodes its answer.
func (b bot) getJSON(ctx context.Context, p *Program, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	body, err := b.get(ctx, p, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("decoding the bot's answer: %w", err)
	}
	return nil
}
