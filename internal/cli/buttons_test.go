package cli_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/store"
)

// exchange is a Slack with Socket Mode, and the cloud that a bot with buttons
// watches.
type exchange struct {
	cloud *camssim.Server
	slack *slacksim.Server
	dir   string
}

func newExchange(t *testing.T) *exchange {
	x := &exchange{dir: t.TempDir()}
	key := camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret}
	x.cloud = camssim.New(camssim.Config{Accounts: []camssim.Account{{
		Name: "main", Key: key, Spaces: []camssim.Space{{Id: "1001", Numbers: []camssim.Number{healthy("8613800001111", "Acme")}}},
	}}})
	x.slack = slacksim.New(slacksim.Config{Token: slackToken, AppToken: slackAppToken, Channels: []slacksim.Channel{
		crashChannels["quality"], crashChannels["status"], crashChannels["names"], crashChannels["queues"], crashChannels["blind"],
	}})
	slack, cloud := httptest.NewServer(x.slack), httptest.NewServer(x.cloud)
	t.Cleanup(slack.Close)
	t.Cleanup(cloud.Close)
	type object = map[string]any
	config, err := json.Marshal(object{
		"accounts": []object{{
			"name": "main", "endpoint": cloud.URL, "spaces": []object{{"id": "1001"}},
			"credentials": object{"type": "access_key", "access_key_id": key.AccessKeyId, "access_key_secret": key.AccessKeySecret},
		}},
		"poll":  object{"max_age": "1s", "min_interval": "200ms"},
		"nats":  object{"listen": "127.0.0.1:0"},
		"slack": object{"bot_token": slackToken, "app_token": slackAppToken, "api_url": slack.URL + "/api/", "operators": []string{"U1"}},
		"http":  object{"listen": "127.0.0.1:0"},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(x.dir, "config.yaml"), config, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(x.dir, "rules.yaml"), []byte(crashRules), 0o600))
	return x
}

// shown is the first message about the quality of numbers, as Slack shows it.
func (x *exchange) shown() string {
	if m := x.slack.Messages("C0000000001"); len(m) > 0 {
		return string(m[0].Blocks)
	}
	return ""
}

func TestButtonsFromEndToEnd(t *testing.T) {
	x := newExchange(t)
	var id string
	press := func(button, user string) bool {
		return x.slack.Press(user, "C0000000001", "numwatch-"+button, id) == nil
	}
	steps := []func() bool{ // each is tried again and again until it is true
		func() bool { return x.cloud.Stats("main").Served > 1 },
		func() bool { return x.cloud.Update("main", "1001", "8613800001111", "QualityRating", "RED") == nil },
		func() bool {
			if found := regexp.MustCompile(`"value":"(m-[0-9a-f]+)"`).FindStringSubmatch(x.shown()); found != nil {
				id = found[1]
			}
			return id != ""
		},
		func() bool { return press("silence-1d", "U2") },
		func() bool { return len(x.slack.Private()) > 0 },
		func() bool { return press("acknowledge", "U1") },
		func() bool { return press("silence-1h", "U1") },
		func() bool {
			return strings.Contains(x.shown(), "Taken by") && strings.Contains(x.shown(), "silenced by ada until ")
		},
	}
	live(t, x.dir, func() bool {
		for len(steps) > 0 && steps[0]() {
			steps = steps[1:]
		}
		return len(steps) == 0
	})
	require.Equal(t, "U2", x.slack.Private()[0].User)
	require.Contains(t, x.slack.Private()[0].Text, "Nothing was done")
	require.NotContains(t, x.shown(), "numwatch-acknowledge", "it is taken")
	require.Regexp(t, `silenced by ada until \d{4}-\d\d-\d\d`, x.shown())
	require.Len(t, x.slack.Messages("C0000000001"), 1)
}

// Who asks gets an answer that nobody else sees, however the number is written, and its
// buttons work.
func TestQuestionsFromEndToEnd(t *testing.T) {
	x := newExchange(t)
	var answer, refused, unknown slacksim.Private
	ask := func(to *slacksim.Private, user, text string) bool {
		got, err := x.slack.Ask(user, "D0000000001", "/numwatch", text)
		*to = got
		return err == nil
	}
	value := regexp.MustCompile(`"value":"(i-[0-9a-f]+)"`)
	var found []string
	steps := []func() bool{
		func() bool { return x.cloud.Stats("main").Served > 1 },
		func() bool { return x.cloud.Update("main", "1001", "8613800001111", "QualityRating", "RED") == nil },
		func() bool { return x.shown() != "" },
		func() bool {
			if ask(&answer, "U1", "+86 138-0000-1111") {
				found = value.FindStringSubmatch(string(answer.Blocks))
			}
			return found != nil
		},
		func() bool { return ask(&refused, "U2", "open") && ask(&unknown, "U1", "8613800001112") },
		func() bool { return x.slack.Press("U1", "D0000000001", "numwatch-acknowledge", found[1]) == nil },
		func() bool { return strings.Contains(x.shown(), "Taken by") },
		func() bool { return len(x.slack.Private()) >= 4 },
	}
	live(t, x.dir, func() bool {
		for len(steps) > 0 && steps[0]() {
			steps = steps[1:]
		}
		return len(steps) == 0
	})
	require.Contains(t, answer.Text, "8613800001111")
	require.Contains(t, refused.Text, "only the operators may ask")
	require.Contains(t, unknown.Text, "8613800001111", "the nearest")
	told := x.slack.Private()
	require.Equal(t, "U1 Done: Acknowledge.", told[len(told)-1].User+" "+told[len(told)-1].Text)
	require.Len(t, x.slack.Messages("C0000000001"), 1, "nothing is posted")
}

// A digest that was due while no bot ran is posted by the next, and once.
func TestDigestFromEndToEnd(t *testing.T) {
	x := newExchange(t)
	const digests = `
version: 1
channels: {managers: {slack: C0000000001, mode: digest, every: 1h}}
rules: [{name: red, on: QualityRating, to: [RED], severity: high, notify: [managers], summary: "{PhoneNumber} is {New}"}]
`
	require.NoError(t, os.WriteFile(filepath.Join(x.dir, "rules.yaml"), []byte(digests), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(x.dir, "data"), 0o700))
	s, err := store.Open(filepath.Join(x.dir, "data", "numwatch.db"), store.Options{})
	require.NoError(t, err)
	last := time.Now().Add(-150 * time.Minute)
	require.NoError(t, s.Commit(&store.Commit{Messages: []alert.Message{{
		ID: "m-1", Channel: "managers", State: alert.Posted, At: last, Digest: &alert.Digest{From: last, Until: last},
	}}}))
	require.NoError(t, s.Close())
	for range 2 {
		before := x.cloud.Stats("main").Served
		live(t, x.dir, func() bool { return x.cloud.Stats("main").Served > before+2 && x.shown() != "" })
	}
	require.Len(t, x.slack.Messages("C0000000001"), 1)
	require.Equal(t, "Digest: nothing happened in 2 h 30 min, and nothing is open", x.slack.Messages("C0000000001")[0].Text)
}
