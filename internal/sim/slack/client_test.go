package slack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slacksim "numwatch/internal/sim/slack"
)

const (
	token = "xoxb-sim"
	ops   = "C0OPS00001"
	other = "C0OTHER001"
)

type ticker struct{ at atomic.Int64 }

func (k *ticker) now() time.Time          { return time.Unix(0, k.at.Load()) }
func (k *ticker) advance(d time.Duration) { k.at.Add(int64(d)) }

type fixture struct {
	sim   *slacksim.Server
	api   *slack.Client
	clock *ticker
	base  string
	close func()
}

// start runs a workspace whose post limit is lifted unless change sets it.
func start(t *testing.T, change func(*slacksim.Config)) *fixture {
	t.Helper()
	k := &ticker{}
	k.at.Store(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).UnixNano())
	c := slacksim.Config{
		Token:    token,
		Clock:    k.now,
		Channels: []slacksim.Channel{{ID: ops, Name: "ops"}, {ID: other, Name: "other"}},
		Limits:   slacksim.Limits{Posts: slacksim.Rate{Max: -1}},
	}
	if change != nil {
		change(&c)
	}
	sim := slacksim.New(c)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	api := slack.New(token, slack.OptionAPIURL(web.URL+"/api/"), slack.OptionHTTPClient(web.Client()))
	return &fixture{sim: sim, api: api, clock: k, base: web.URL, close: web.Close}
}

func (d *fixture) post(t *testing.T, channel, text string) string {
	t.Helper()
	_, ts, err := d.api.PostMessageContext(t.Context(), channel, slack.MsgOptionText(text, false))
	require.NoError(t, err)
	return ts
}

// raw calls a method with arguments as they are, and the token beside them.
func (d *fixture) raw(t *testing.T, method string, args map[string]string) (map[string]any, *http.Response) {
	t.Helper()
	form := url.Values{"token": {token}}
	for k, v := range args {
		form.Set(k, v)
	}
	resp, err := http.PostForm(d.base+"/api/"+method, form)
	require.NoError(t, err)
	return decode(t, resp), resp
}

func decode(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	doc := map[string]any{}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(t, json.Unmarshal(body, &doc))
	}
	return doc
}
