package cams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/credentials-go/credentials/providers"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	simfault "numwatch/internal/sim/fault"
	"numwatch/poller/ratelimit"
)

// bare empties what the default chain looks at.
func bare(t *testing.T) (home string) {
	home = t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{
		"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN",
		"ALIBABA_CLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_CREDENTIALS_FILE", "ALIBABA_CLOUD_CONFIG_FILE", "ALIBABA_CLOUD_PROFILE",
		"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	return home
}

func chained(o *ClientOptions) { o.Credentials = Credentials{} }

func writeCredentialsFile(t *testing.T, home, secret string) {
	file := filepath.Join(home, ".alibabacloud", "credentials")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte("[default]\ntype = access_key\naccess_key_id = "+
		testKey.AccessKeyId+"\naccess_key_secret = "+secret+"\n"), 0o600))
}

func TestKeysFromTheEnvironment(t *testing.T) {
	bare(t)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", testKey.AccessKeyId)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", testKey.AccessKeySecret)
	_, err := newCloud(t, 100, camssim.Space{Id: "7"}).client(t, chained).Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)
}

// The vendor's chain, once it has failed, never recovers; ours does.
func TestKeysFromAFileThatComesLater(t *testing.T) {
	home := bare(t)
	client := newCloud(t, 100, camssim.Space{Id: "7"}).client(t, chained)
	e := fetchError(t, client, "7")
	require.Equal(t, NoCredentials, e.Class)
	require.Contains(t, e.Error(), "set ALIBABA_CLOUD_ACCESS_KEY_ID")
	require.Contains(t, e.Error(), "config.yaml")

	writeCredentialsFile(t, home, testKey.AccessKeySecret)
	_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)
}

func TestRotatedKeyIsReadAnew(t *testing.T) {
	home := bare(t)
	writeCredentialsFile(t, home, testKey.AccessKeySecret)
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	client := sim.client(t, chained)
	_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)

	require.NoError(t, sim.SetKey("main", camssim.Key{AccessKeyId: testKey.AccessKeyId, AccessKeySecret: "another-secret"}))
	require.Equal(t, DeniedAccount, fetchError(t, client, "7").Class)
	writeCredentialsFile(t, home, "another-secret")
	_, err = client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)
}

func TestTemporaryKeys(t *testing.T) {
	key := camssim.Key{AccessKeyId: "STS.id", AccessKeySecret: "s3cr3t", SecurityToken: "CAIS-token+/="}
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	require.NoError(t, sim.SetKey("main", key))
	client := sim.client(t, func(o *ClientOptions) { o.Credentials = keyed(key) })
	_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)
}

func keyServer(t *testing.T, k camssim.Key, delay *atomic.Int64, asked *atomic.Int64) Credentials {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-time.After(time.Duration(delay.Load())):
		case <-r.Context().Done():
		}
		answer := map[string]string{
			"Code": "Success", "AccessKeyId": k.AccessKeyId, "AccessKeySecret": k.AccessKeySecret, "SecurityToken": k.SecurityToken,
		}
		if k.SecurityToken != "incomplete" {
			answer["Expiration"] = time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z")
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(web.Close)
	return Credentials{Type: "credentials_uri", URL: web.URL + "/keys?token=hidden"}
}

func TestKeysFromAURI(t *testing.T) {
	bare(t)
	key := camssim.Key{AccessKeyId: "STS.id", AccessKeySecret: "s3cr3t", SecurityToken: "CAIS-token"}
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	require.NoError(t, sim.SetKey("main", key))
	var delay, asked atomic.Int64
	from := keyServer(t, key, &delay, &asked)
	delay.Store(int64(300 * time.Millisecond))
	client := sim.client(t, func(o *ClientOptions) { o.Credentials = from })

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := client.Fetch(ctx, space("7"), ratelimit.Turn{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 250*time.Millisecond, "it waits no longer than its context")

	for range 3 {
		_, err = client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, asked.Load(), "the key is kept while it is valid")
}

// The provider's own error holds the whole answer, keys included.
func TestProvidersErrorsHoldNoSecrets(t *testing.T) {
	bare(t)
	var delay, asked atomic.Int64
	from := keyServer(t, camssim.Key{AccessKeyId: "STS.id", AccessKeySecret: "very-s3cr3t", SecurityToken: "incomplete"}, &delay, &asked)
	client := newCloud(t, 100, camssim.Space{Id: "7"}).client(t, func(o *ClientOptions) { o.Credentials = from })
	e := fetchError(t, client, "7")
	require.Contains(t, e.Error(), "refresh credentials from")
	require.NotContains(t, e.Error(), "very-s3cr3t")
	require.NotContains(t, e.Error(), "hidden")
	require.NotContains(t, e.Err.Error(), "very-s3cr3t")
}

// Whoever has the URL of the keys has the keys: all of it may be a token.
func TestTheURLOfKeysIsNotShown(t *testing.T) {
	bare(t)
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	for _, url := range []string{
		"http://127.0.0.1:1/S3CRET/keys", "http://joe:S3CRET@127.0.0.1:1/", "http://127.0.0.1:1/?S3CRET#S3CRET", refusing.URL + "/S3CRET",
		"127.0.0.1/S3CRET", "/S3CRET",
	} {
		given := Credentials{Type: "credentials_uri", URL: url}
		t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", url)
		for _, from := range []Credentials{given, {}} {
			client := newCloud(t, 100, camssim.Space{Id: "7"}).client(t, func(o *ClientOptions) { o.Credentials = from })
			e := fetchError(t, client, "7")
			require.NotContains(t, e.Error(), "S3CRET")
			require.NotContains(t, e.Err.Error(), "S3CRET")
			if from == given && strings.Contains(url, "://") {
				require.Contains(t, e.Error(), "http://127.0.0.1:", "the host helps to mend it")
			}
		}
	}
}

// source is a source of keys that can fail and hang. The vendor's provider asks it
// each time, as it does in a key's last three minutes.
type source struct {
	mu    sync.Mutex
	key   camssim.Key
	fails error
	hangs chan struct{} // until it is closed; nil: not
	asked int
}

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *source) GetCredentials() (*providers.Credentials, error) {
	s.mu.Lock()
	s.asked++
	hangs := s.hangs
	s.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &providers.Credentials{
		AccessKeyId: s.key.AccessKeyId, AccessKeySecret: s.key.AccessKeySecret, SecurityToken: s.key.SecurityToken,
	}, s.fails
}

func (s *source) GetProviderName() string { return "test" }

// withSource runs a test in simulated time, with a cloud whose key is that of the source.
func withSource(t *testing.T, test func(t *testing.T, s *source, cloud *camssim.Server, client *Client, logged *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{key: camssim.Key{AccessKeyId: "STS.1", AccessKeySecret: "s3cr3t", SecurityToken: "CAIS-1"}}
		sim := camssim.New(camssim.Config{Limit: 1000, Accounts: []camssim.Account{{Name: "main", Key: s.key, Spaces: []camssim.Space{{Id: "7"}}}}})
		network := simfault.NewNetwork()
		web := &httptest.Server{Listener: network, Config: &http.Server{Handler: sim}}
		web.Start()
		defer web.Close()
		var logged bytes.Buffer
		client, err := NewClient(ClientOptions{
			Account: "main", Endpoint: web.URL, Credentials: Credentials{Type: "credentials_uri", URL: "http://127.0.0.1:1"},
			Dial: network.DialContext, Log: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		require.NoError(t, err)
		client.credentials.build = func() (providers.CredentialsProvider, error) { return s, nil }
		client.credentials.current = s
		defer client.Close()
		test(t, s, sim, client, &logged)
	})
}

// pollFor fetches for so long, once a second, and returns how many succeeded and the
// longest that one took.
func pollFor(t *testing.T, client *Client, d time.Duration) (succeeded int, longest time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		start := time.Now()
		if _, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{}); err == nil {
			succeeded++
		}
		longest = max(longest, time.Since(start))
	}
	return succeeded, longest
}

func TestAKeyIsUsedWhileItsSourceIsAway(t *testing.T) {
	for name, away := range map[string]func(s *source){
		"fails": func(s *source) { s.fails = errors.New("refresh Ecs sts token err, httpStatus: 500") },
		"hangs": func(s *source) { s.hangs = make(chan struct{}) },
	} {
		t.Run(name, func(t *testing.T) {
			withSource(t, func(t *testing.T, s *source, _ *camssim.Server, client *Client, logged *bytes.Buffer) {
				n, _ := pollFor(t, client, 10*time.Second)
				require.Equal(t, 10, n)
				s.set(func() { away(s) })
				n, longest := pollFor(t, client, 170*time.Second)
				require.Equal(t, 170, n)
				require.Zero(t, longest, "no poll waits for the source")
				synctest.Wait()
				require.LessOrEqual(t, s.asked, 20)
				require.Regexp(t, "credentials could not be fetched for 2 min .*(httpStatus: 500|no answer within 10 s)", client.Warnings()[0])
				require.Equal(t, 1, strings.Count(logged.String(), "level=WARN"))
				s.set(func() {
					if s.hangs != nil {
						close(s.hangs)
					}
					s.fails, s.hangs = nil, nil
				})
				pollFor(t, client, 15*time.Second)
				require.Empty(t, client.Warnings())
			})
		})
	}
}

func TestAKeyThatWasReplacedIsFetchedBeforeAPollFails(t *testing.T) {
	withSource(t, func(t *testing.T, s *source, cloud *camssim.Server, client *Client, _ *bytes.Buffer) {
		pollFor(t, client, 5*time.Second)
		s.set(func() { s.key.SecurityToken = "CAIS-2" })
		require.NoError(t, cloud.SetKey("main", s.key))
		n, _ := pollFor(t, client, 5*time.Second)
		require.Equal(t, 5, n)
	})
}

func TestWithoutAKeyTheAccountFails(t *testing.T) {
	withSource(t, func(t *testing.T, s *source, cloud *camssim.Server, client *Client, _ *bytes.Buffer) {
		pollFor(t, client, 5*time.Second)
		s.set(func() { s.fails, s.asked = errors.New("away"), 0 })
		next := camssim.Key{AccessKeyId: "STS.2", AccessKeySecret: "s3cr3t", SecurityToken: "CAIS-2"}
		require.NoError(t, cloud.SetKey("main", next))
		require.Equal(t, "InvalidAccessKeyId.NotFound", fetchError(t, client, "7").Code, "the cloud's own word first")
		for range 20 {
			require.Regexp(t, "^account main: no credentials: .*: away; check", fetchError(t, client, "7").Error())
		}
		synctest.Wait()
		require.Equal(t, 21, s.asked, "for each attempt, and not more often than once a second")
		start := time.Now()
		s.set(func() { s.key, s.fails = next, nil })
		_, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), time.Second)
	})
}
