package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"numwatch/internal/cli/command"

	"github.com/stretchr/testify/require"
)

// asked runs a command against a bot, for a short time.
func asked(t *testing.T, bot http.HandlerFunc, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return askedFor(t, time.Second, bot, args...)
}

// askedFor runs a command against a bot, for a time.
func askedFor(t *testing.T, within time.Duration, bot http.HandlerFunc, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(bot)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var out, err strings.Builder
	p := &command.Program{Env: []string{"NUMWATCH_URL=" + server.URL, "USER=ada"}, Stdout: &out, Stderr: &err}
	code = Execute(ctx, p, args)
	return code, out.String(), err.String()
}

// A bot that is stuck is no bot that does not run: nobody should start another.
func TestABotThatDoesNotAnswerInTime(t *testing.T) {
	code, _, said := asked(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices that the client went away
		<-r.Context().Done()
	}, "ack", "a-1")
	require.Equal(t, exitFailure, code)
	require.Contains(t, said, "accepts connections but does not answer in time: see its log and numwatch status")
	require.NotContains(t, said, "numwatch run")
}

// full takes nothing, as a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAnAnswerThatCannotBeWrittenIsAFailure(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ready": true}`)
	}))
	defer server.Close()
	for _, output := range []string{"table", "json"} {
		var said strings.Builder
		p := &command.Program{Env: []string{"NUMWATCH_URL=" + server.URL}, Stdout: full{}, Stderr: &said}
		require.Equal(t, exitFailure, Execute(t.Context(), p, []string{"status", "-o", output}))
		require.Contains(t, said.String(), "no space left on device")
	}
}
