package deploytest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/notify/jetstream"
)

// ownServer runs NATS with the accounts and permissions of docs/nats.md, and
// returns where the bot and a consumer find it.
func ownServer(t *testing.T) (bot, consumer string) {
	t.Helper()
	var conf string
	for _, b := range blocks(string(read(t, "docs/nats.md"))) {
		if b.mark == "nats.conf" {
			conf = b.text
		}
	}
	require.NotEmpty(t, conf)
	t.Setenv("NUMWATCH_PASSWORD", "bots")
	t.Setenv("CRM_PASSWORD", "consumers")
	file := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	o, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	o.Host, o.Port, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, true
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	address := s.Addr().String()
	return "nats://numwatch:bots@" + address, "nats://crm:consumers@" + address
}

// The bot, and the programs of the page, work with the permissions that the page
// gives, on the stream that it describes.
func TestServerOfYourOwn(t *testing.T) {
	asBot, asConsumer := ownServer(t)
	w := newTestbed(t)
	w.env = append(w.env, "TEST_NATS_URL="+asBot)
	b := w.start(t, "run")
	nc, err := nats.Connect(asConsumer)
	require.NoError(t, err)
	defer nc.Close()
	t.Run("stream", func(t *testing.T) { streamAsDescribed(t, nc) })
	t.Run("subjects", func(t *testing.T) { subjectsAsDescribed(t, nc) })
	t.Run("tail", func(t *testing.T) {
		p := w.launch(t, "numwatch", "tail", "--nats", asConsumer, "--all")
		says(t, p.out, `quality-red`)
		p.stop(t, syscall.SIGINT)
	})
	t.Run("programs", func(t *testing.T) {
		w.env = append(w.env, "NATS_URL="+asConsumer)
		want := map[string]string{"open": `1 open: firing: Quality RED: 8613800001111`, "worker": `numwatch\.v1\.alert\.critical\.quality-red`}
		for name, program := range programs(t) {
			p := w.launch(t, program)
			says(t, p.out, want[name])
		}
	})
	b.stop(t, syscall.SIGTERM)
	require.NotContains(t, text(b.err), "Permissions Violation")
}

func stream(t *testing.T, nc *nats.Conn) natsjs.Stream {
	t.Helper()
	js, err := natsjs.New(nc)
	require.NoError(t, err)
	var s natsjs.Stream
	there := func() bool { s, err = js.Stream(t.Context(), "NUMWATCH"); return err == nil }
	require.Eventually(t, there, patience, look, "there is no stream")
	return s
}

func streamAsDescribed(t *testing.T, nc *nats.Conn) {
	c := stream(t, nc).CachedInfo().Config
	rows := map[string]string{}
	for _, row := range tables(string(read(t, "docs/nats.md")))["setting"] {
		rows[row[0]] = row[1]
	}
	require.Equal(t, "`"+strings.Join(c.Subjects, " ")+"`", rows["subjects"])
	require.Equal(t, "file, limits", rows["storage, retention"])
	require.Equal(t, natsjs.FileStorage, c.Storage)
	require.Equal(t, natsjs.LimitsPolicy, c.Retention)
	require.Equal(t, natsjs.DiscardOld, c.Discard)
	require.Contains(t, rows["discard"], "old")
	require.Equal(t, 30*24*time.Hour, c.MaxAge)
	require.Contains(t, rows["max age"], "30 days by default")
	require.EqualValues(t, -1, c.MaxBytes)
	require.Contains(t, rows["max bytes"], "no limit")
	require.Equal(t, 30*time.Second, c.Duplicates)
	require.Equal(t, "30 seconds", rows["duplicate window"])
	require.Equal(t, c.AllowDirect, rows["direct get"] == "yes")
}

// Every subject in the stream has one of the page's forms, and each form is met.
func subjectsAsDescribed(t *testing.T, nc *nats.Conn) {
	forms := map[string]*regexp.Regexp{}
	for _, row := range tables(string(read(t, "docs/nats.md")))["subject"] {
		form := strings.Trim(row[0], "`")
		if form == jetstream.SubjectHeartbeat || strings.HasPrefix(form, jetstream.SubjectHint) {
			continue
		}
		pattern := regexp.MustCompile(`<[a-z]+>`).ReplaceAllString(regexp.QuoteMeta(form), `[A-Za-z0-9_-]+`)
		forms[form] = regexp.MustCompile("^" + pattern + "$")
	}
	require.Len(t, forms, 3)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	consumer, err := stream(t, nc).OrderedConsumer(ctx, natsjs.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	met := map[string]bool{}
	for len(met) < len(forms) {
		m, err := messages.Next(natsjs.NextContext(ctx))
		require.NoError(t, err, "met only %v", met)
		form := ""
		for f, re := range forms {
			if re.MatchString(m.Subject()) {
				form = f
			}
		}
		require.NotEmpty(t, form, "%s has none of the forms of the page", m.Subject())
		met[form] = true
	}
}

var programName = regexp.MustCompile(`^// Command (\w+) `)

// programs builds the programs that the page shows.
func programs(t *testing.T) map[string]string {
	t.Helper()
	built := map[string]string{}
	for _, b := range blocks(string(read(t, "docs/nats.md"))) {
		if b.language != "go" {
			continue
		}
		name := programName.FindStringSubmatch(b.text)[1]
		dir := t.TempDir()
		source := filepath.Join(dir, "main.go")
		require.NoError(t, os.WriteFile(source, []byte(b.text), 0o600))
		built[name] = filepath.Join(dir, name)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", built[name], source)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.Len(t, built, 2)
	return built
}
