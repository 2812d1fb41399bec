package deploytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
)

const (
	patience  = 20 * time.Second
	look      = 20 * time.Millisecond
	keyID     = "LTAI-test"
	keySecret = "test-secret"
	botToken  = "xoxb-test"
	httpToken = "test-http-token"

	receiptKey = "test-receipt-key-0"
)

// configFile is the configuration of the bots here: short intervals, and what
// is outside of it simulated.
const configFile = `
accounts:
  - name: main
    credentials: {type: access_key, access_key_id: "${KEY_ID}", access_key_secret: "${KEY_SECRET}"}
    endpoint: "${CLOUD_URL}"
    requests_per_second: 9
    spaces: [{id: "1001", name: Acme, labels: {tier: gold}}, {id: "1002", name: Bravo}]
    discover: {enabled: true}
poll: {max_age: 1s, min_interval: 200ms, timeout: 2s, missing_after: 2, missing_for: 1s}
nats: {url: "${TEST_NATS_URL:-}", listen: 127.0.0.1:0}
slack: {bot_token: "${SLACK_BOT_TOKEN}", api_url: "${SLACK_URL}"}
http: {listen: 127.0.0.1:0, token: "${NUMWATCH_HTTP_TOKEN}"}
heartbeat_url: "${HEARTBEAT_URL}"
hints: {receipt_key: test-receipt-key-0}
channels:
  siem: {url: "${HEARTBEAT_URL}", allow_private: true}
  prod: {type: alertmanager, urls: ["${HEARTBEAT_URL}"]}
  ding: {type: dingtalk, url: "${HEARTBEAT_URL}/robot/send?access_token=t", allow_private: true}
  lark: {type: feishu, url: "${HEARTBEAT_URL}/open-apis/bot/v2/hook/t", allow_private: true}
  weco: {type: wecom, url: "${HEARTBEAT_URL}/cgi-bin/webhook/send?key=t", allow_private: true}
`

// channels are those of the shipped rules.
var channels = []slacksim.Channel{{ID: "C000000001", Name: "wa-ops"}, {ID: "C000000002", Name: "wa-oncall"}}

// testbed is a folder with a configuration and the shipped rules, and the cloud
// and the Slack that it speaks of. One of the numbers is RED from the start.
type testbed struct {
	dir   string
	env   []string
	cloud *camssim.Server
	slack *slacksim.Server
}

func newTestbed(t *testing.T) *testbed {
	t.Helper()
	w := &testbed{dir: t.TempDir()}
	w.cloud = camssim.New(camssim.Config{Accounts: []camssim.Account{{
		Name: "main", Key: camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret},
		Spaces: []camssim.Space{
			{Id: "1001", Name: "Acme", Numbers: []camssim.Number{number("8613800001111", "RED")}},
			{Id: "1002", Name: "Bravo", Numbers: []camssim.Number{number("6591230001", "GREEN")}},
		},
	}}})
	w.slack = slacksim.New(slacksim.Config{
		Token: botToken, Scopes: manifest(t).Oauth.Scopes.Bot, // nothing beyond what the manifest asks for
		Channels: channels,
		Limits:   slacksim.Limits{Posts: slacksim.Rate{Max: 20, Per: time.Second}},
	})
	w.env = append(os.Environ(),
		"KEY_ID="+keyID, "KEY_SECRET="+keySecret, "CLOUD_URL="+serve(t, w.cloud),
		"SLACK_BOT_TOKEN="+botToken, "SLACK_URL="+serve(t, w.slack)+"/api/", "NUMWATCH_HTTP_TOKEN="+httpToken,
		"HEARTBEAT_URL="+serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})),
	)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(configFile), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "rules.yaml"), read(t, "rules.yaml"), 0o600))
	return w
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func number(id, quality string) camssim.Number {
	return camssim.Number{
		"PhoneNumber": id, "VerifiedName": "Acme Care", "Status": "CONNECTED", "QualityRating": quality,
		"NameStatus": "APPROVED", "MessagingLimitTier": "TIER_10K", "IsOfficial": "N",
	}
}

// read returns a file of the repository.
func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", path))
	require.NoError(t, err)
	return data
}

// process is a program that runs until it is stopped.
type process struct {
	cmd  *exec.Cmd
	out  string // files with what it printed
	err  string
	done chan error
}

// launch starts a program in the testbed's folder.
func (w *testbed) launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Env = w.dir, w.env
	stdout, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	stderr, err := os.CreateTemp(t.TempDir(), "err")
	require.NoError(t, err)
	p.cmd.Stdout, p.cmd.Stderr, p.out, p.err = stdout, stderr, stdout.Name(), stderr.Name()
	require.NoError(t, p.cmd.Start())
	go func() {
		p.done <- p.cmd.Wait()
		close(p.done)
		stdout.Close()
		stderr.Close()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	return p
}

// says waits until a file of the program's output matches.
func says(t *testing.T, file, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	ok := func() bool { found = re.FindStringSubmatch(text(file)); return found != nil }
	require.Eventually(t, ok, patience, look, "%s does not come to match %s", file, pattern)
	return found
}

func text(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// stop signals the program, and wants it to end well.
func (p *process) stop(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
	select {
	case err := <-p.done:
		require.NoError(t, err, text(p.err))
	case <-time.After(patience):
		t.Fatal("it does not end: " + text(p.err))
	}
}

// bot is a running bot.
type bot struct {
	*process
	url, nats string
}

// start runs the bot with the arguments given, and has later commands of this
// testbed find it.
func (w *testbed) start(t *testing.T, args ...string) *bot {
	t.Helper()
	b := &bot{process: w.launch(t, "numwatch", args...)}
	found := says(t, b.err, `msg=started page=(http\S+)/ nats=(\S+)`)
	b.url, b.nats = found[1], found[2]
	w.env = append(w.env, "NUMWATCH_URL="+b.url, "NUMWATCH_NATS_URL="+b.nats)
	return b
}

func (b *bot) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return b.ask(t, http.MethodGet, path, token)
}

// ask asks the bot, as one on another machine who may give the token.
func (b *bot) ask(t *testing.T, method, path, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, nil)
	require.NoError(t, err)
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// command runs a program in the testbed's folder and returns what it printed and
// its exit code.
func (w *testbed) command(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}
