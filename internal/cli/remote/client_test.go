package remote

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/cli/command"
)

// Commands ask the bot that people name, else that of the configuration beside them, else the one at the default address. The
// configuration's token goes to its own bot alone.
func TestCommandsFindTheirBot(t *testing.T) {
	t.Chdir(t.TempDir())
	found := func(flag string, environ ...string) [3]string {
		base, token, where, err := Client{URL: flag}.find(&command.Program{Env: environ})
		require.NoError(t, err)
		return [3]string{base, token, where}
	}
	require.Equal(t, [3]string{"http://127.0.0.1:8080", "", ""}, found(""))
	require.NoError(t, os.WriteFile(command.ConfigName, []byte("http: {listen: '127.0.0.1:9999', token: its-own}"), 0o600))
	require.Equal(t, [3]string{"http://127.0.0.1:9999", "its-own", " (http.listen in config.yaml)"}, found(""))
	require.Equal(t, [3]string{"http://there:1", "", ""}, found("", "NUMWATCH_URL=http://there:1"))
	require.Equal(t, [3]string{"http://flag:1", "mine", ""}, found("http://flag:1", "NUMWATCH_URL=http://there:1", "NUMWATCH_HTTP_TOKEN=mine"))
}
