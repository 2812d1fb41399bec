package cams

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	simfault "numwatch/internal/sim/fault"
	"numwatch/poller/ratelimit"
)

// A connection that has died in silence is given up, and polls go over a new one.
func TestSilentConnectionsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simfault.NewNetwork()
		sim := camssim.New(camssim.Config{
			Limit: 100, Accounts: []camssim.Account{{Name: "main", Key: testKey, Spaces: []camssim.Space{{Id: "7"}}}},
		})
		web := &httptest.Server{
			Listener: network, EnableHTTP2: true, TLS: &tls.Config{SessionTicketsDisabled: true}, Config: &http.Server{Handler: sim},
		}
		web.StartTLS()
		defer web.Close()
		client, err := NewClient(ClientOptions{Account: "main", Endpoint: web.URL, Credentials: keyed(testKey), Timeout: 2 * time.Second})
		require.NoError(t, err)
		defer client.Close()
		client.transport.DialContext = network.DialContext
		client.transport.TLSClientConfig = web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		fetch := func() error {
			_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
			return err
		}
		require.NoError(t, fetch())
		network.Silence()
		start := time.Now()
		require.Error(t, fetch())
		for fetch() != nil {
			require.Less(t, time.Since(start), time.Minute)
		}
	})
}
