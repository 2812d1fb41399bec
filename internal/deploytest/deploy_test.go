package deploytest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"numwatch/internal/config"
	"numwatch/rules/rulefile"
)

// strictly decodes a YAML document of deploy into a type that knows only the
// keys that are used there.
func strictly[T any](t *testing.T, file string) (v T) {
	t.Helper()
	decodeStrictly(t, file, &v)
	return v
}

func decodeStrictly(t *testing.T, file string, v any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, file)))
	d.KnownFields(true)
	require.NoError(t, d.Decode(v), file)
}

// image is what the Dockerfile promises.
type image struct {
	user, volume, binary string
	ports                []string
	config, rules        string
}

func dockerfile(t *testing.T) image {
	text := string(read(t, "Dockerfile"))
	line := func(pattern string) string {
		m := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringSubmatch(text)
		require.NotNil(t, m, pattern)
		return m[1]
	}
	i := image{user: line(`USER (\d+):\d+`), volume: line(`VOLUME (\S+)`), ports: strings.Fields(line(`EXPOSE (.+)`))}
	zones := line(`ENV ZONEINFO=(\S+)`) // there is no package of them in the image
	require.Contains(t, text, "zoneinfo.zip "+zones+"\n")
	var entry, command []string
	require.NoError(t, json.Unmarshal([]byte(line(`ENTRYPOINT (.+)`)), &entry))
	require.NoError(t, json.Unmarshal([]byte(line(`CMD (.+)`)), &command))
	i.binary, i.config, i.rules = entry[0], flag(t, command, "--config"), flag(t, command, "--rules")
	return i
}

func flag(t *testing.T, arguments []string, name string) string {
	t.Helper()
	at := slices.Index(arguments, name)
	require.True(t, at >= 0 && at+1 < len(arguments), "%s has no %s", arguments, name)
	return arguments[at+1]
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:-)?`)

// configured parses a configuration of deploy with every variable set that the
// example of the secrets names.
func configured(t *testing.T, file string, data []byte, secrets []string) *config.Config {
	t.Helper()
	var environ []string
	for _, name := range secrets {
		value := "x"
		switch name {
		case "SLACK_BOT_TOKEN":
			value = "xoxb-x"
		case "SLACK_APP_TOKEN":
			value = "xapp-x"
		}
		environ = append(environ, name+"="+value)
	}
	for _, m := range variable.FindAllStringSubmatch(string(data), -1) {
		require.Contains(t, secrets, m[1], "%s wants a variable that no example names", file)
	}
	c, err := config.Parse(file, data, environ, os.ReadFile)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	return c
}

// secretNames are the variables of the example for Compose and systemd.
func secretNames(t *testing.T) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_]+)=(.*)$`).FindAllStringSubmatch(string(read(t, "deploy/numwatch.env.example")), -1) {
		names = append(names, m[1])
		require.Empty(t, m[2], "the example holds a secret")
	}
	require.NotEmpty(t, names)
	return names
}

// The rules that people are to copy are good.
func TestShippedRules(t *testing.T) {
	set, err := rulefile.Load("rules.yaml", read(t, "rules.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, set.Rules())
}

type composeFile struct {
	Name     string
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Build           struct{ Context string }
	Image           string
	Command         []string
	Restart         string
	EnvFile         string `yaml:"env_file"`
	Environment     map[string]string
	Volumes, Ports  []string
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	StopGracePeriod string   `yaml:"stop_grace_period"`
	Healthcheck     struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	}
	Logging struct {
		Driver  string
		Options map[string]string
	}
}

func TestCompose(t *testing.T) {
	file, i := strictly[composeFile](t, "deploy/compose.yaml"), dockerfile(t)
	for name, s := range file.Services {
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		for _, p := range s.Ports {
			require.Regexp(t, `^127\.0\.0\.1:`, p, "published beyond this machine")
		}
	}
	bot, nats := file.Services["numwatch"], file.Services["nats"]
	require.Equal(t, []string{"./compose:" + path.Dir(i.config) + ":ro", "data:" + i.volume}, bot.Volumes)
	require.Equal(t, path.Dir(i.config), path.Dir(i.rules))
	require.Contains(t, string(read(t, "deploy/.gitignore")), bot.EnvFile)
	require.Equal(t, "numwatch", bot.Image)

	c := configured(t, "deploy/compose/config.yaml", read(t, "deploy/compose/config.yaml"), secretNames(t))
	require.Equal(t, i.volume, path.Dir(c.Store.Path))
	require.Equal(t, "nats://nats:4222", c.NATS.URL.Reveal())
	_, port, _ := strings.Cut(c.HTTP.Listen, ":")
	require.Contains(t, i.ports, port)
	require.Equal(t, []string{"127.0.0.1:" + port + ":" + port}, bot.Ports)

	t.Setenv("NUMWATCH_NATS_TOKEN", "secret")
	o, err := server.ProcessConfigFile("../../deploy/compose/nats.conf")
	require.NoError(t, err)
	require.Equal(t, "secret", o.Authorization)
	require.Equal(t, 4222, o.Port)
	require.True(t, o.JetStream)
	require.Contains(t, nats.Volumes, "nats:"+o.StoreDir)
	require.Equal(t, 8222, o.HTTPPort)
}

func TestExampleOfSecretsServesKubernetesToo(t *testing.T) {
	var secret struct {
		APIVersion string `yaml:"apiVersion"`
		Kind, Type string
		Metadata   metadata
		StringData map[string]string `yaml:"stringData"`
	}
	decodeStrictly(t, "deploy/kubernetes/secret.example.yaml", &secret)
	var names []string
	for name, value := range secret.StringData {
		names = append(names, name)
		require.Empty(t, value, "the example holds a secret")
	}
	require.ElementsMatch(t, secretNames(t), names)
}

// unitArguments are what systemd runs the bot with, for a configuration in
// another folder.
func unitArguments(t *testing.T, dir string) []string {
	m := regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`).FindStringSubmatch(string(read(t, "deploy/systemd/numwatch.service")))
	require.NotNil(t, m)
	require.Equal(t, dockerfile(t).binary, m[1])
	return strings.Fields(strings.ReplaceAll(m[2], "/etc/numwatch/", dir+"/"))
}

// What docs/operations.md says of the unit is so.
func TestSystemd(t *testing.T) {
	settings := map[string][]string{}
	for line := range strings.Lines(string(read(t, "deploy/systemd/numwatch.service"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		settings[name] = append(settings[name], value)
	}
	page := string(read(t, "docs/operations.md"))
	require.Contains(t, page, "useradd --system --home-dir "+settings["WorkingDirectory"][0])
	require.Contains(t, page, "/usr/sbin/nologin "+settings["User"][0])
	require.Contains(t, page, strings.TrimPrefix(settings["EnvironmentFile"][0], "-"))
	require.Equal(t, "/var/lib/"+settings["StateDirectory"][0], settings["WorkingDirectory"][0])
	for _, on := range []string{"NoNewPrivileges", "ProtectHome", "PrivateDevices", "MemoryDenyWriteExecute", "RestrictSUIDSGID"} {
		require.Equal(t, []string{"yes"}, settings[on], on)
	}
	require.Equal(t, []string{""}, settings["CapabilityBoundingSet"])
	require.Equal(t, []string{"strict"}, settings["ProtectSystem"])
	require.NotContains(t, settings, "ProcSubset", "the process's metrics need /proc/stat")
}

// The policy allows what the poller calls, and nothing else.
func TestRAMPolicy(t *testing.T) {
	var policy struct {
		Version   string
		Statement []struct {
			Effect, Resource string
			Action           []string
		}
	}
	d := json.NewDecoder(strings.NewReader(string(read(t, "deploy/ram-policy.json"))))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&policy))
	require.Equal(t, "1", policy.Version)
	require.Len(t, policy.Statement, 1)
	require.Equal(t, "Allow", policy.Statement[0].Effect)

	// What a bot that also looks for spaces asks of the cloud.
	w := newTestbed(t)
	var mu sync.Mutex
	var called []string
	w.env = append(w.env, "CLOUD_URL="+serve(t, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if action := "cams:" + r.Header.Get("x-acs-action"); !slices.Contains(called, action) {
			called = append(called, action)
		}
		mu.Unlock()
		w.cloud.ServeHTTP(out, r)
	})))
	w.start(t, "run")
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(called) >= len(policy.Statement[0].Action)
	}, patience, look)
	mu.Lock()
	defer mu.Unlock()
	require.ElementsMatch(t, called, policy.Statement[0].Action)
}

type slackManifest struct {
	Display struct {
		Name, Description string
		Color             string `yaml:"background_color"`
	} `yaml:"display_information"`
	Features struct {
		BotUser struct {
			Name   string `yaml:"display_name"`
			Always bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		Commands []struct {
			Command, Description string
			Hint                 string `yaml:"usage_hint"`
			Escape               bool   `yaml:"should_escape"`
		} `yaml:"slash_commands"`
	}
	Oauth struct{ Scopes struct{ Bot []string } } `yaml:"oauth_config"`
	Set   struct {
		Org           bool `yaml:"org_deploy_enabled"`
		Socket        bool `yaml:"socket_mode_enabled"`
		Rotation      bool `yaml:"token_rotation_enabled"`
		Interactivity struct {
			On bool `yaml:"is_enabled"`
		}
	} `yaml:"settings"`
}

func manifest(t *testing.T) slackManifest {
	return strictly[slackManifest](t, "deploy/slack-manifest.yaml")
}

// The manifest asks for the scopes that docs/slack.md explains, and for buttons.
func TestSlackManifest(t *testing.T) {
	m := manifest(t)
	var explained []string
	for _, row := range tables(string(read(t, "docs/slack.md")))["scope"] {
		explained = append(explained, strings.Trim(row[0], "`"))
	}
	require.ElementsMatch(t, explained, m.Oauth.Scopes.Bot)
	for _, scope := range m.Oauth.Scopes.Bot {
		require.Contains(t, string(read(t, "README.md")), "`"+scope+"`")
	}
	require.True(t, m.Set.Socket)
	require.True(t, m.Set.Interactivity.On)
	require.Len(t, m.Features.Commands, 1)
	require.Equal(t, "/numwatch", m.Features.Commands[0].Command)
	require.Contains(t, m.Oauth.Scopes.Bot, "commands")
}
