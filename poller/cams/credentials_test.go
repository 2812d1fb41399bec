package cams

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
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
	require.Equal(t, Transient, e.Class)
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
