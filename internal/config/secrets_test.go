package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const secretive = `accounts:
  - name: main
    credentials: {type: access_key, access_key_id: a, access_key_secret: topsecret}
    spaces: [{id: "1", name: Acme}]
nats:
  url: "nats://joe:topsecret@host"
  token: 'topsecret'
slack:
  print: true
  bot_token: xoxb-topsecret
  app_token:
    topsecret
http: {listen: 127.0.0.1:1, token: topsecret}
heartbeat_url: https://host/topsecret
`

// Whatever one character too few or too many makes of a file, no secret shows.
func TestNoMistakeShowsASecret(t *testing.T) {
	const secret = "topsecret"
	judge := func(text string) {
		c, err := Parse("config.yaml", []byte(text), nil, noFiles)
		if err == nil {
			require.NotContains(t, c.Warnings.Error(), secret, "%s", text)
			return
		}
		require.NotContains(t, err.Error(), secret, "%s", text)
	}
	judge(secretive)
	for i := range secretive {
		judge(secretive[:i] + secretive[i+1:])
		for _, extra := range []string{":", " ", "\n", "-", ",", "{", "}", "=", `"`, "'", "|", "#", "?", "$"} {
			judge(secretive[:i] + extra + secretive[i:])
		}
	}
}
