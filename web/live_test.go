package web

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/store"
)

// openStream opens a stream of events, and reads its head.
func openStream(t *testing.T, url string, header ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url+"/live", nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	lines := bufio.NewReader(resp.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "retry: 2000\n", line)
	_, err = lines.ReadString('\n')
	require.NoError(t, err)
	return resp, lines
}

// What happens is told, also what happened while the stream was calm, and the
// stream ends with the bot.
func TestLiveTellsOfChanges(t *testing.T) {
	b := busyBot()
	server := httptest.NewServer(New(b.options(t)))
	defer server.Close()
	resp, lines := openStream(t, server.URL)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, "no", resp.Header.Get("X-Accel-Buffering"))
	b.happen("x")
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "event: changed\n", line)
	close(b.ending)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "data:\n\n", string(rest), "the stream says nothing but that")
}

// A customer's page is refreshed at a steady rate: from the time of an event it could be
// read that something happened to somebody else.
func TestLiveTellsCustomersNothingOfOthers(t *testing.T) {
	t.Parallel()
	b := twoCustomers()
	o := b.options(t)
	o.Tokens = people
	server := httptest.NewServer(New(o))
	defer server.Close()
	defer close(b.ending)
	_, lines := openStream(t, server.URL, "Authorization", "Bearer acme-looks")
	opened := time.Now()
	time.Sleep(calm + calm/2)
	b.view.Committed(&store.Commit{Alerts: []alert.Alert{b.alerts[1]}})
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "event: changed\n", line)
	require.GreaterOrEqual(t, time.Since(opened), steady)
}

func TestStreamsAreBounded(t *testing.T) {
	b := busyBot()
	server := httptest.NewServer(New(b.options(t)))
	defer server.Close()
	defer close(b.ending)
	for range maxStreams {
		openStream(t, server.URL)
	}
	resp, err := http.Get(server.URL + "/live")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "30", resp.Header.Get("Retry-After"))
}
