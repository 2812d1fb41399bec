package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	simfault "numwatch/internal/sim/fault"
)

// A connection that has died in silence is given up, and calls go over a new one.
func TestSilentConnectionsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simfault.NewNetwork()
		server := &httptest.Server{
			Listener: network, EnableHTTP2: true, TLS: &tls.Config{SessionTicketsDisabled: true},
			Config: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				require.Equal(t, 2, r.ProtoMajor)
			})},
		}
		server.StartTLS()
		defer server.Close()
		transport := NewTransport()
		require.NotNil(t, transport.Proxy, "proxies of the environment are respected")
		transport.DialContext = network.DialContext
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		defer transport.CloseIdleConnections()
		call := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			answer, err := transport.RoundTrip(request)
			if err == nil {
				err = answer.Body.Close()
			}
			return err
		}
		require.NoError(t, call())
		network.Silence()
		start := time.Now()
		require.Error(t, call())
		for call() != nil {
			require.Less(t, time.Since(start), time.Minute)
		}
	})
}

func TestHeartbeatsHaveATransport(t *testing.T) {
	h := NewHeartbeat(HeartbeatOptions{})
	require.IsType(t, &http.Transport{}, h.client.Transport)
	require.NotNil(t, h.client.Transport.(*http.Transport).HTTP2)
}

func TestNothingIsSentThatMayNotBe(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	may := errors.New("another one acts now")
	client := &http.Client{Transport: Gated(NewTransport(), func() error { return may })}
	_, err := client.Post(server.URL, "text/plain", strings.NewReader("x"))
	require.ErrorIs(t, err, may)
	require.Zero(t, calls.Load())
	may = nil
	resp, err := client.Post(server.URL, "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.EqualValues(t, 1, calls.Load())
}
