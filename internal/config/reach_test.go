package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/config"
)

func TestReach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	none, err := config.Reach(path, nil)
	require.NoError(t, err)
	require.Nil(t, none, "no file")
	for name, c := range map[string]struct {
		text, url, token, nats string
		env                    []string
	}{
		"defaults":       {text: "accounts: []", url: "http://127.0.0.1:8080", nats: "nats://127.0.0.1:4222"},
		"all interfaces": {text: "http: {listen: ':9000', token: t}\nnats: {listen: '0.0.0.0:1'}", url: "http://127.0.0.1:9000", token: "t", nats: "nats://127.0.0.1:1"},
		"IPv6":           {text: "http: {listen: '[::]:9000'}\nnats: {listen: '[::1]:1'}", url: "http://127.0.0.1:9000", nats: "nats://[::1]:1"},
		"a server":       {text: "nats: {url: 'nats://u:p@far:4222'}", url: "http://127.0.0.1:8080", nats: "nats://u:p@far:4222"},
		"any port":       {text: "http: {listen: '127.0.0.1:0'}\nnats: {listen: ''}"},
		"tokens": {
			text: "http: {tokens: [{name: a, role: act, token: x}, {name: b, role: admin, token: y, labels: {c: d}}, {name: p, role: admin, token: z, user_header: U}, {name: v, role: view, token: w}]}",
			url:  "http://127.0.0.1:8080", token: "x", nats: "nats://127.0.0.1:4222",
		},
		"variables":        {text: "http: {listen: '${AT}', token: '${TOKEN}'}", env: []string{"AT=h:1", "TOKEN=x"}, url: "http://h:1", token: "x", nats: "nats://127.0.0.1:4222"},
		"the bot's secret": {text: "accounts: [{name: '${GONE}'}]\nhttp: {listen: 'h:1', token: '${GONE}'}", url: "http://h:1", nats: "nats://127.0.0.1:4222"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
		got, err := config.Reach(path, c.env)
		require.NoError(t, err, name)
		require.NotNil(t, got, name)
		require.Equal(t, c.url, got.HTTP.URL(), name)
		require.Equal(t, c.token, got.HTTP.ClientToken().Reveal(), name)
		require.Equal(t, c.nats, got.NATS.ClientURL(), name)
	}
	require.NoError(t, os.WriteFile(path, []byte("http: {token: s3cret\nnats: ]"), 0o600))
	_, err = config.Reach(path, nil)
	require.ErrorContains(t, err, "config.yaml:1:1: not YAML")
	require.NotContains(t, err.Error(), "s3cret")
}
