package deploytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
)

// The containers find each other by the names that their configuration has, and each has a volume of its own.
func TestComposeOfReplicas(t *testing.T) {
	file := strictly[struct {
		composeFile `yaml:",inline"`
		Bot         any `yaml:"x-numwatch"`
		NATS        any `yaml:"x-nats"`
	}](t, "deploy/compose-replicas.yaml")
	i := dockerfile(t)
	c := configured(t, "deploy/compose-replicas/config.yaml", read(t, "deploy/compose-replicas/config.yaml"), append(secretNames(t), "REPLICA"))
	require.Equal(t, "http://x:8080", c.Replicas.Advertise, "x stands for every variable")
	require.Equal(t, "x", c.Replicas.ID)
	require.Equal(t, i.volume, filepath.Dir(c.Store.Path))
	t.Setenv("NUMWATCH_NATS_TOKEN", "secret")
	o, err := server.ProcessConfigFile("../../deploy/compose-replicas/nats.conf")
	require.NoError(t, err)
	require.True(t, o.SyncAlways)
	require.Equal(t, "secret", o.Authorization)
	var urls, routes []string
	for n := 1; n <= 3; n++ {
		name := fmt.Sprintf("nats-%d", n)
		s := file.Services[name]
		require.Equal(t, []string{"--config", "/etc/nats/nats.conf", "--name", name}, s.Command)
		require.Equal(t, []string{"./compose-replicas/nats.conf:/etc/nats/nats.conf:ro", name + ":" + o.StoreDir}, s.Volumes)
		urls = append(urls, fmt.Sprintf("nats://%s:%d", name, o.Port))
		routes = append(routes, fmt.Sprintf("nats://%s:%d", name, o.Cluster.Port))
	}
	require.Equal(t, strings.Join(urls, ","), c.NATS.URL.Reveal())
	for n, route := range o.Routes {
		require.Equal(t, routes[n], route.String())
	}
	for n := 1; n <= 2; n++ {
		name := fmt.Sprintf("numwatch-%d", n)
		s := file.Services[name]
		require.Equal(t, map[string]string{"REPLICA": name}, s.Environment)
		require.Equal(t, []string{"./compose-replicas:" + filepath.Dir(i.config) + ":ro", fmt.Sprintf("data-%d:%s", n, i.volume)}, s.Volumes)
	}
	require.Len(t, file.Services, 5)
	for name, s := range file.Services {
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		for _, p := range s.Ports {
			require.Regexp(t, `^127\.0\.0\.1:`, p, "published beyond this machine")
		}
		for _, v := range s.Volumes {
			if volume, _, _ := strings.Cut(v, ":"); !strings.HasPrefix(volume, ".") {
				require.Contains(t, file.Volumes, volume)
			}
		}
	}
}

// firstSteps are the files and commands of docs/replicas.md for somebody who tries replicas on one machine, by what they are.
// Ports are free ones instead of those of the page.
func firstSteps(t *testing.T) map[string]string {
	t.Helper()
	steps := map[string]string{}
	ports := map[string]string{}
	for _, b := range blocks(string(read(t, "docs/replicas.md"))) {
		if b.mark == "" {
			continue
		}
		steps[b.mark] = regexp.MustCompile(`(127\.0\.0\.1:|PORT=|-p )\d{4}\b`).ReplaceAllStringFunc(b.text, func(found string) string {
			before, port := found[:len(found)-4], found[len(found)-4:]
			if ports[port] == "" {
				ports[port] = fmt.Sprint(natstest.FreePort(t))
			}
			return before + ports[port]
		})
	}
	return steps
}

// Three servers, two bots, and the one that leads is killed: the other one posts the alert of a change made meanwhile, once.
func TestFirstStepsWithReplicas(t *testing.T) {
	t.Parallel()
	steps := firstSteps(t)
	w := newTestbed(t)
	for _, name := range []string{"nats.conf", "config.yaml"} {
		require.NotEmpty(t, steps[name])
	}
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "nats.conf"), []byte(steps["nats.conf"]), 0o600))
	shortLease := strings.Replace(steps["config.yaml"], "replicas: {", "replicas: {lease: 3s, ", 1)
	require.NotEqual(t, steps["config.yaml"], shortLease)
	rest := regexp.MustCompile(`(?m)^(nats|http): .*\n`).ReplaceAllString(configFile, "")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(rest+shortLease), 0o600))
	launch := func(step string) (all []*process) {
		for line := range strings.Lines(steps[step]) {
			if line = strings.TrimSuffix(strings.TrimSpace(line), "&"); line != "" {
				all = append(all, w.launch(t, "sh", "-c", "exec "+line))
			}
		}
		return all
	}
	require.Len(t, launch("servers"), 3)
	bots := launch("bots")
	require.Len(t, bots, 2)

	var list string
	shows := func(pattern string) func() bool {
		re := regexp.MustCompile(pattern)
		return func() bool {
			list, _ = w.command(t, "sh", "-c", strings.Split(steps["list"], "\n")[0])
			return re.MatchString(list)
		}
	}
	require.Eventually(t, shows(`(?s)(one|two) +leader.*(one|two) +standby|(one|two) +standby.*(one|two) +leader`), time.Minute, 100*time.Millisecond, "%s\n%s", &list, text(bots[0].err))
	require.Eventually(t, func() bool { return w.posts(t, "8613800001111") > 0 }, patience, look)

	// Whichever is asked knows who leads; the one that is asked later has to be the other one.
	killed, url := bots[0], 1
	if regexp.MustCompile(`two +leader`).MatchString(list) {
		killed, url = bots[1], 0
	}
	require.NoError(t, killed.cmd.Process.Kill())
	require.NoError(t, w.cloud.Update("main", "1002", "6591230001", "QualityRating", "RED"))
	steps["list"] = strings.Split(steps["list"], "\n")[url]
	require.Eventually(t, shows([]string{`one +leader`, `two +leader`}[url]), time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool { return w.posts(t, "6591230001") > 0 }, time.Minute, look)
	time.Sleep(2 * time.Second) // for one that is too many
	require.Equal(t, 1, w.posts(t, "6591230001"))
}

// posts counts the messages in the channels of the rules that say of a number that its quality is bad.
func (w *testbed) posts(t *testing.T, number string) (n int) {
	t.Helper()
	for _, channel := range channels {
		posts := 0
		for _, m := range w.slack.Messages(channel.ID) {
			said, err := json.Marshal(m)
			require.NoError(t, err)
			if strings.Contains(string(said), number) && strings.Contains(string(said), "RED") {
				posts++
			}
		}
		n = max(n, posts)
	}
	return n
}
