package cams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/credentials-go/credentials/providers"
	"github.com/stretchr/testify/require"

	simfault "numwatch/internal/sim/fault"
	"numwatch/poller/ratelimit"
)

// arrivals is a server in a network in memory that notes when requests come.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	a.at = append(a.at, time.Now())
	a.mu.Unlock()
	fmt.Fprint(w, `{"Code":"OK","RequestId":"R","PhoneNumbers":[]}`)
}

// maxInASecond returns the most requests in any second.
func (a *arrivals) maxInASecond() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.at {
		n := 0
		for j := i; j < len(a.at) && a.at[j].Sub(a.at[i]) < time.Second; j++ {
			n++
		}
		most = max(most, n)
	}
	return most
}

// client returns a client of the server at a limit of 10 requests a second.
func (a *arrivals) client(t *testing.T, secure bool) (*Client, *ratelimit.Pace, *simfault.Network) {
	network := simfault.NewNetwork()
	web := &httptest.Server{Listener: network, EnableHTTP2: true, Config: &http.Server{Handler: a}}
	if secure {
		web.TLS = &tls.Config{SessionTicketsDisabled: true}
		web.StartTLS()
	} else {
		web.Start()
	}
	t.Cleanup(web.Close)
	pace := ratelimit.NewPace(10)
	client, err := NewClient(ClientOptions{Account: "main", Endpoint: web.URL, Credentials: keyed(testKey), Timeout: 20 * time.Second, Pace: pace})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	if secure {
		client.transport.TLSClientConfig = web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	client.transport.DialContext = network.DialContext
	return client, pace, network
}

// fetchInTurn sends so many requests, each on its turn, and waits for all.
func fetchInTurn(ctx context.Context, t *testing.T, client *Client, pace *ratelimit.Pace, requests int) {
	var group sync.WaitGroup
	for range requests {
		turn, err := pace.Wait(ctx)
		require.NoError(t, err)
		group.Go(func() {
			if _, err := client.Fetch(ctx, space("7"), turn); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestSlowConnectionsCauseNoBurst(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("https ", secure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := new(arrivals)
				client, pace, network := a.client(t, secure)
				ready := time.Now().Add(3 * time.Second) // as if a resolver answered all at once
				client.transport.DialContext = func(ctx context.Context, n, address string) (net.Conn, error) {
					time.Sleep(time.Until(ready))
					return network.DialContext(ctx, n, address)
				}
				fetchInTurn(t.Context(), t, client, pace, 40)
				require.Len(t, a.at, 40)
				require.LessOrEqual(t, a.maxInASecond(), 10)
			})
		})
	}
}

// Requests that are a little late go out on their turns, and the second in which the cloud
// counts them begins when they do.
func TestLateRequestsKeepToTheLimit(t *testing.T) {
	for _, c := range []struct {
		why           string
		dials, writes time.Duration // at most
	}{
		{"slow connections", 200 * time.Millisecond, 0},
		{"no processor", 0, 500 * time.Millisecond},
		{"both", 200 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(c.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := new(arrivals)
				client, pace, network := a.client(t, false)
				client.transport.DisableKeepAlives = true
				chance := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				upTo := func(d time.Duration) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(chance.Float64() * float64(d))
				}
				client.transport.DialContext = func(ctx context.Context, n, address string) (net.Conn, error) {
					time.Sleep(upTo(c.dials))
					return network.DialContext(ctx, n, address)
				}
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
					time.Sleep(upTo(c.writes)) // after the client's own
				}})
				begin := time.Now()
				fetchInTurn(ctx, t, client, pace, 400)
				require.Len(t, a.at, 400)
				require.LessOrEqual(t, a.maxInASecond(), 10)
				require.Less(t, time.Since(begin), 400*(100*time.Millisecond+(c.dials+c.writes)/10), "turns were wasted")
			})
		})
	}
}

// The transport passes the gate again with a request that it sends again.
func TestEachAttemptTakesATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(arrivals)
		_, pace, _ := a.client(t, false)
		turn, err := pace.Wait(t.Context())
		require.NoError(t, err)
		conn, _ := net.Pipe()
		g := &gate{pace: pace, turn: turn, ctx: t.Context()}
		begin := time.Now()
		g.pass(conn)
		require.NoError(t, g.err)
		require.Zero(t, time.Since(begin))
		g.pass(conn)
		require.NoError(t, g.err)
		require.Greater(t, time.Since(begin), 100*time.Millisecond)
	})
}

// A provider may refresh its key between Ready and Fetch.
func TestSlowProviderCausesNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(arrivals)
		client, pace, _ := a.client(t, false)
		client.credentials.from = Credentials{Type: "credentials_uri"}
		client.credentials.current = &provider{readyAt: time.Now().Add(3 * time.Second)}
		fetchInTurn(t.Context(), t, client, pace, 40)
		require.Len(t, a.at, 40)
		require.LessOrEqual(t, a.maxInASecond(), 10)
	})
}

// A request whose turn was taken before the cloud asked for a pause is held back, and not sent
// when its context ends meanwhile.
func TestARequestWithoutATurnIsNotSent(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("https ", secure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := new(arrivals)
				client, pace, _ := a.client(t, secure)
				turn, err := pace.Wait(t.Context())
				require.NoError(t, err)
				for _, id := range []string{"8", "9"} {
					pace.Answered(ratelimit.Answer{Space: id, Sent: time.Now(), Throttled: true, RetryAfter: time.Minute})
				}
				_, err = client.Fetch(t.Context(), space("7"), turn)
				require.ErrorContains(t, err, "waiting for a turn")
				time.Sleep(time.Minute)
				require.Empty(t, a.at)
			})
		})
	}
}

// At a pace that is slower than the timeout of a request a turn outlasts a slow connection: a new one
// would always come too late.
func TestASlowPaceBearsSlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(arrivals)
		client, _, network := a.client(t, true)
		client.pace = ratelimit.NewPace(0.02)
		client.transport.DialContext = func(ctx context.Context, n, address string) (net.Conn, error) {
			time.Sleep(300 * time.Millisecond)
			return network.DialContext(ctx, n, address)
		}
		fetchInTurn(t.Context(), t, client, client.pace, 3)
		require.Len(t, a.at, 3)
	})
}

// provider returns a key from a time on, or never if that is zero.
type provider struct{ readyAt time.Time }

func (p *provider) GetCredentials() (*providers.Credentials, error) {
	if p.readyAt.IsZero() {
		time.Sleep(time.Hour)
	}
	time.Sleep(time.Until(p.readyAt))
	return &providers.Credentials{AccessKeyId: testKey.AccessKeyId, AccessKeySecret: testKey.AccessKeySecret}, nil
}

func (p *provider) GetProviderName() string { return "test" }

func TestCloseIsBoundedThoughAProviderHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient(ClientOptions{Account: "main", Credentials: Credentials{Type: "credentials_uri", URL: "http://127.0.0.1:1"}})
		require.NoError(t, err)
		client.credentials.current = &provider{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, client.Ready(ctx), context.DeadlineExceeded)
		begin := time.Now()
		client.Close()
		require.Equal(t, closeWait, time.Since(begin))
		time.Sleep(2 * time.Hour)
		begin = time.Now()
		client.Close()
		require.Zero(t, time.Since(begin), "nobody is asking any more")
	})
}

// A request that may not be sent is kept back at the last moment, with its turn taken and its connection made.
func TestARequestThatMayNotBeSentIsNotSent(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("https ", secure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := new(arrivals)
				client, pace, _ := a.client(t, secure)
				may := errors.New("another one acts now")
				client.may = func() error { return may }
				turn, err := pace.Wait(t.Context())
				require.NoError(t, err)
				_, err = client.Fetch(t.Context(), space("7"), turn)
				require.ErrorContains(t, err, "another one acts now")
				time.Sleep(time.Minute)
				require.Empty(t, a.at)
				may = nil
				_, err = client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
				require.NoError(t, err)
				require.Len(t, a.at, 1)
			})
		})
	}
}
