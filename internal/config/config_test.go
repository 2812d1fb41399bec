package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

const smallest = `accounts: [{name: main, spaces: [{id: "1"}]}]` + "\n"

func noFiles(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := content[name]; ok {
			return []byte(text), nil
		}
		return noFiles(name)
	}
}

func parse(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, err := Parse("config.yaml", []byte(text), environ, noFiles)
	require.NoError(t, err)
	return c
}

const day = 24 * time.Hour

func TestDefaultsAreFilledIn(t *testing.T) {
	c := parse(t, smallest)
	require.Equal(t, "ap-southeast-1", c.Accounts[0].Region)
	require.InDelta(t, 8.0, c.Accounts[0].RequestsPerSecond, 0)
	c.Accounts = nil
	require.Equal(t, &Config{
		Poll:  Poll{MaxAge: 5 * time.Minute, MinInterval: 30 * time.Second, Timeout: 10 * time.Second, MissingAfter: 3, MissingFor: 10 * time.Minute},
		Store: Store{Path: "data/numwatch.db", History: 400 * day},
		NATS: NATS{
			Listen: "127.0.0.1:4222", Dir: "data/nats", Stream: "NUMWATCH", CreateStream: true, MaxAge: 30 * day, PublishChanges: true,
		},
		Slack: Slack{Print: true}, HTTP: HTTP{Listen: "127.0.0.1:8080"}, Hints: Hints{Share: 0.3}, Log: Log{Level: "info", Format: "text"},
		Replicas: Replicas{Lease: 10 * time.Second, StreamReplicas: 3, Create: true, MaxBytes: 10 << 30},
	}, c)
}

// Whatever the design's sample says must be what its keys mean here.
func TestEveryKeyIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/full.yaml")
	require.NoError(t, err)
	c, err := Parse("full.yaml", text, []string{"SLACK_BOT_TOKEN=xoxb-1", "NATS_TOKEN=t"}, files(map[string]string{
		"app-token":  "xapp-1\n",
		"spaces.csv": "id,name\n7,Seven,tier=gold\n",
	}))
	require.NoError(t, err)

	a := c.Accounts[0]
	require.Equal(t, "https://cams.example.com", a.Endpoint)
	require.Equal(t, "SECRET", a.Credentials.AccessKeySecret.Reveal())
	require.Equal(t, []Space{{ID: "0123", Name: "Acme", Labels: map[string]string{"tier": "gold", "since": "2024"}}}, a.Spaces)
	require.True(t, a.Discover.Enabled)
	require.InDelta(t, 2.5, a.RequestsPerSecond, 0)
	require.Equal(t, Poll{
		MaxAge: 90 * time.Minute, MinInterval: time.Minute, Timeout: 1500 * time.Millisecond,
		MissingAfter: 2, MissingFor: 0,
	}, c.Poll)
	require.Equal(t, Store{Path: "x.db", History: 7 * day}, c.Store)
	require.Equal(t, NATS{
		URL: NewSecret("tls://a:4222,tls://b:4222"), Listen: "127.0.0.1:0", Dir: "n", Stream: "S",
		CreateStream: false, MaxAge: 2 * day, MaxBytes: 10 << 30, PublishChanges: false, RedactURLs: true,
		Token: NewSecret("t"), TLS: TLS{CAFile: "ca", CertFile: "cert", KeyFile: "key"},
	}, c.NATS)
	require.Equal(t, Slack{
		BotToken: NewSecret("xoxb-1"), AppToken: NewSecret("xapp-1"), APIURL: "http://127.0.0.1:1/api/",
		Print: false, Operators: []string{"U1"},
	}, c.Slack)
	require.Equal(t, HTTP{
		Listen: "0.0.0.0:80", Token: NewSecret("pa$$word"), PublicURL: "https://wa.example.com",
		Tokens: []Token{
			{Name: "acme", Token: NewSecret("pa$$word-of-acme"), Role: "act", Labels: map[string]string{"tier": "gold"}},
			{Name: "proxy", Token: NewSecret("pa$$word-of-proxy"), Role: "view", UserHeader: "X-User"},
		},
	}, c.HTTP)
	require.Equal(t, Replicas{
		Name: "main", ID: "one", Advertise: "http://one:8080", Lease: 5 * time.Second, StreamReplicas: 5, MaxBytes: 2 << 30,
	}, c.Replicas)
	require.True(t, c.Replicas.Enabled())
	require.Equal(t, []Channel{
		{Name: "siem", Type: "webhook", URL: NewSecret("https://siem.example.com/in?key=s"), Secret: NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Events: []string{"alert", "change"}, AllowPrivate: true},
		{Name: "tickets", Type: "webhook", URL: NewSecret("http://t.example.com"), Events: []string{"alert"}, RedactURLs: true},
		{Name: "prod", Type: "alertmanager", URLs: []string{"http://am-0:9093", "https://am-1.example.com/am"}, Username: "numwatch", Password: NewSecret("pw"), RedactURLs: true},
		{Name: "ding", Type: "dingtalk", URL: NewSecret("https://oapi.dingtalk.com/robot/send?access_token=t"), Secret: NewSecret("SECx"), RedactURLs: true},
		{Name: "lark", Type: "feishu", URL: NewSecret("https://open.larksuite.com/open-apis/bot/v2/hook/t"), RedactURLs: true},
		{Name: "weco", Type: "wecom", URL: NewSecret("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"), RedactURLs: true},
	}, c.Channels)
	require.Equal(t, Log{Level: "debug", Format: "json"}, c.Log)
	require.Equal(t, "https://hc.example.com/ping/1", c.HeartbeatURL.Reveal())

	spaces, problems, err := a.Fleet(files(map[string]string{"spaces.csv": "8\n"}))
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, phone.SpaceKey{Account: "main", ID: "0123"}, spaces[0].SpaceKey)
	require.Equal(t, phone.SpaceKey{Account: "main", ID: "8"}, spaces[1].SpaceKey)
}

// What does not fit is not taken for something else, also where it is doubled later.
func TestNumbersThatOverflow(t *testing.T) {
	for setting, says := range map[string]string{
		"poll: {missing_after: 9223372036854775807}":  "poll.missing_after: is too large (at most 1000000)",
		"poll: {missing_after: 99999999999999999999}": "poll.missing_after: is too large (at most 1000000)",
		"poll: {missing_for: 200y}":                   "poll.missing_for: is too long (at most 50y)",
		"store: {history: 9223372036855s}":            "store.history: is too long (at most 50y)",
		"nats: {max_bytes: 99999999TB}":               "nats.max_bytes: is too large",
	} {
		_, err := Parse("config.yaml", []byte(smallest+setting+"\n"), nil, noFiles)
		require.ErrorContains(t, err, says)
	}
}

// A proxy makes a page that listens on loopback one for everybody.
func TestAPublicPageNeedsAToken(t *testing.T) {
	for settings, refused := range map[string]bool{
		`public_url: "https://wa.example.com"`:                           true,
		`public_url: "http://10.0.0.7:8080", token: ""`:                  true,
		`public_url: "https://wa.example.com", open: false`:              true,
		`public_url: "https://wa.example.com", token: t`:                 false,
		`public_url: "https://wa.example.com", open: true`:               false,
		`public_url: "http://localhost:8080"`:                            false,
		`public_url: "http://[::1]:8080"`:                                false,
		`listen: "0.0.0.0:80", open: true`:                               true,
		`public_url: "https://wa.example.com", token: "${NOT_SET:-}"`:    true,
		`public_url: "https://wa.example.com", token: "${IS_SET:-none}"`: false,
	} {
		_, err := Parse("config.yaml", []byte(smallest+"http: {"+settings+"}\n"), []string{"IS_SET=t"}, noFiles)
		if refused {
			require.ErrorContains(t, err, "http.token", settings)
		} else {
			require.NoError(t, err, settings)
		}
	}
}

func TestCredentialsOfEachType(t *testing.T) {
	for _, credentials := range []string{
		`{}`, `~`,
		`{type: access_key, access_key_id: a, access_key_secret: b}`,
		`{type: sts, access_key_id: a, access_key_secret: b, security_token: c}`,
		`{type: ecs_ram_role}`,
		`{type: ecs_ram_role, role_name: r}`,
		`{type: ram_role_arn, access_key_id: a, access_key_secret: b, role_arn: r, external_id: e}`,
		`{type: oidc_role_arn, role_arn: r, oidc_provider_arn: p, oidc_token_file: f}`,
		`{type: credentials_uri, url: "http://127.0.0.1:9/?token=x"}`,
	} {
		text := fmt.Sprintf("accounts: [{name: main, spaces: [{id: a}], credentials: %s}]", credentials)
		_, err := Parse("config.yaml", []byte(text), nil, noFiles)
		require.NoError(t, err, credentials)
	}
}

// A value cannot become anything but the one value that it is put into.
func TestVariablesCannotInject(t *testing.T) {
	hostile := "x\"}]\npoll: {max_age: 1s}\n${HOME} # "
	c := parse(t, "accounts: [{name: main, spaces: [{id: a, name: '${EVIL}'}]}]", "EVIL="+hostile, "HOME=/root")
	require.Equal(t, hostile, c.Accounts[0].Spaces[0].Name)
	require.Equal(t, 5*time.Minute, c.Poll.MaxAge)
}

func TestVariablesInEveryKindOfScalar(t *testing.T) {
	c := parse(t, smallest+`
poll: {max_age: "${AGE}", missing_after: "${N:-7}"}
nats: {create_stream: "${CREATE:-false}"}
log:
  level: ${LEVEL:-warn}
`, "AGE=1h", "LEVEL=")
	require.Equal(t, 60*time.Minute, c.Poll.MaxAge)
	require.Equal(t, 7, c.Poll.MissingAfter)
	require.False(t, c.NATS.CreateStream)
	require.Equal(t, "warn", c.Log.Level)
}

func TestListeningBeyondLoopbackNeedsAToken(t *testing.T) {
	for listen, open := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false, "127.8.8.8:1": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "10.0.0.1:1": true, "example.com:1": true,
	} {
		for _, part := range []string{"http", "nats"} {
			without := fmt.Sprintf("%s%s: {listen: %q}", smallest, part, listen)
			with := fmt.Sprintf("%s%s: {listen: %q, token: \"${T}\"}", smallest, part, listen)
			_, err := Parse("config.yaml", []byte(without), nil, noFiles)
			require.Equal(t, open, err != nil, without)
			_, err = Parse("config.yaml", []byte(with), []string{"T=t"}, noFiles)
			require.NoError(t, err, with)
		}
	}
	external := smallest + `nats: {url: "nats://host", listen: ":4222"}`
	parse(t, external) // listen is not used then
}

// The embedded server knows no TLS: where others can reach it, nobody shall
// believe that it does.
func TestTheEmbeddedServerHasNoTLS(t *testing.T) {
	const files = "tls: {cert_file: c, key_file: k}"
	for listen, refused := range map[string]bool{
		`"0.0.0.0:4222"`: true, `":4222"`: true, `"127.0.0.1:4222"`: false, `""`: false,
	} {
		text := smallest + "nats: {token: t, listen: " + listen + ", " + files + "}\n"
		c, err := Parse("config.yaml", []byte(text), nil, noFiles)
		if refused {
			require.ErrorContains(t, err, "nats.tls.cert_file: is not used by the embedded server", listen)
			require.ErrorContains(t, err, "set nats.url")
			continue
		}
		require.NoError(t, err, listen)
		require.Len(t, c.Warnings, 2, listen)
		require.Equal(t, "nats.tls.cert_file", c.Warnings[0].Key)
		require.Equal(t, "nats.tls.key_file", c.Warnings[1].Key)
	}
	require.Empty(t, parse(t, smallest+`nats: {url: "tls://host", `+files+"}\n").Warnings)
}

// The cloud counts the requests of a key, whatever the accounts here are called.
func TestAccountsWithTheSameCredentialsShareTheLimit(t *testing.T) {
	c := parse(t, `
accounts:
  - {name: one, requests_per_second: 9, spaces: [{id: a}], credentials: {type: access_key, access_key_id: K1, access_key_secret: s}}
  - {name: two, requests_per_second: 9, spaces: [{id: b}], credentials: {type: access_key, access_key_id: K2, access_key_secret: s}}
  - {name: three, requests_per_second: 6, spaces: [{id: c}], credentials: {type: access_key, access_key_id: K1, access_key_secret: s}}
  - {name: four, spaces: [{id: d}], credentials: {type: ram_role_arn, access_key_id: K1, access_key_secret: s, role_arn: "acs:ram::1:role/r"}}
`)
	require.Len(t, c.Warnings, 1)
	require.Equal(t, "accounts[0]", c.Warnings[0].Key)
	require.Contains(t, c.Warnings[0].Text, "one, three have the same credentials")
	rates := []float64{}
	for _, a := range c.Accounts {
		rates = append(rates, a.RequestsPerSecond)
	}
	require.Equal(t, []float64{4.5, 9, 3, 8}, rates)
}

func TestWarnings(t *testing.T) {
	c, err := Parse("config.yaml", []byte(`
accounts:
  - {name: slow, requests_per_second: 0.01, spaces: [{id: a}, {id: b}, {id: c}, {id: d}]}
  - {name: listed, spaces_file: some.csv, credentials: {type: ecs_ram_role}}
  - {name: none, spaces_file: none.csv, credentials: {type: ecs_ram_role, role_name: other}}
nats: {creds_file: x}
`), nil, files(map[string]string{"some.csv": "a\n,b\nc", "none.csv": "# none yet\n"}))
	require.NoError(t, err)
	require.Equal(t, strings.TrimLeft(`
config.yaml:3:39: accounts[0].requests_per_second: 4 spaces take 400 seconds a round, which is more than poll.max_age, 5m
config.yaml:5:31: accounts[2].spaces_file: names no space
config.yaml:6:20: nats.creds_file: is not used by the embedded server (nats.url is empty)
some.csv:2:1: the space has no id
    2 | ,b
      | ^`, "\n"), c.Warnings.Error())
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "config.yaml")
	_, err := Load(name, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("xoxb-1\n"), 0o600))
	text := smallest + fmt.Sprintf("slack: {bot_token: '${SLACK_BOT_TOKEN:-}', bot_token_file: %q}\n", filepath.Join(dir, "token"))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	c, err := Load(name, nil)
	require.NoError(t, err)
	require.Equal(t, "xoxb-1", c.Slack.BotToken.Reveal())
}

// The sample that is shipped runs as it is.
func TestSample(t *testing.T) {
	c, err := Load("../../config.yaml", nil)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	require.True(t, c.Slack.BotToken.Empty())
	require.True(t, c.Slack.Print)
	require.Empty(t, c.Accounts[0].Credentials.Type)

	want := parse(t, smallest)
	want.Accounts = c.Accounts
	require.Equal(t, want, c, "the sample shows the defaults")
}

func TestProblemsAreAnError(t *testing.T) {
	_, err := Parse("config.yaml", []byte("log: {level: x}"), nil, noFiles)
	var problems diagnostic.Problems
	require.True(t, errors.As(err, &problems))
	require.Len(t, problems, 2)
	require.Equal(t, "log.level", problems[1].Key)
}

func TestAdminToken(t *testing.T) {
	acme, ops := Token{Role: "admin", Token: NewSecret("acme"), Labels: map[string]string{"a": "b"}}, Token{Role: "admin", Token: NewSecret("ops")}
	for want, h := range map[string]HTTP{
		"":     {Tokens: []Token{acme, {Role: "act", Token: NewSecret("act")}}},
		"ops":  {Tokens: []Token{acme, ops}},
		"main": {Token: NewSecret("main"), Tokens: []Token{ops}},
	} {
		require.Equal(t, want, h.AdminToken().Reveal())
	}
}

func TestHints(t *testing.T) {
	for settings, refused := range map[string]string{
		"share: 0.5":                       "",
		"share: 0":                         "hints.share: must be above 0",
		"share: NaN":                       "hints.share: must be above 0",
		"share: 0.95":                      "hints.share: must be above 0",
		"receipt_key: 0123456789abcdef":    "",
		"receipt_key: short":               "hints.receipt_key: must be 16",
		"receipt_key: 0123456789abc/../..": "hints.receipt_key: must be 16",
	} {
		_, err := Parse("config.yaml", []byte(smallest+"hints: {"+settings+"}\n"), nil, noFiles)
		if refused == "" {
			require.NoError(t, err, settings)
		} else {
			require.ErrorContains(t, err, refused, settings)
			require.NotContains(t, err.Error(), "short", "the key is secret")
		}
	}
}
