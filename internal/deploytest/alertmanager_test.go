package deploytest

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	alertmanagersim "numwatch/internal/sim/alertmanager"
)

const alertmanagerRules = `
version: 1
defaults: {notify: [pager]}
channels: {pager: {alertmanager: prod}}
rules:
  - name: quality-low
    on: QualityRating
    to: [YELLOW, RED]
    severity: critical
    summary: "Quality of {VerifiedName} is {New}"
    action: "Pause marketing."
    runbook: https://wiki.example.com/red
`

// hostile is a name with which a customer might try to break out of a label, a template, a
// line or a message, and plain is what people are shown of it.
const (
	hostile = "\"}{{ .Labels }}\n<!channel>\u202e\x00 \\ 客服"
	plain   = "\"}{{ .Labels }} <!channel> \\ 客服"
)

// notifications is what an Alertmanager tells the receivers of its configuration.
type notifications struct {
	mu  sync.Mutex
	got map[string][]notification // by receiver
}

// notification is what Alertmanager posts to a webhook.
type notification struct {
	Status string
	Alerts []postedAlert
}

// postedAlert is an alert in a notification, and in Alertmanager's API.
type postedAlert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	UpdatedAt           time.Time // not in notifications
	GeneratorURL        string
}

func (n *notifications) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var one notification
	if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
		one.Status = err.Error()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	to := strings.Trim(r.URL.Path, "/")
	n.got[to] = append(n.got[to], one)
}

// of returns the status and the number of each notification to a receiver.
func (n *notifications) of(receiver string) (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range n.got[receiver] {
		for _, a := range one.Alerts {
			all = append(all, one.Status+" "+a.Labels["number"])
		}
	}
	return all
}

func (n *notifications) last(receiver string) postedAlert {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[receiver][len(n.got[receiver])-1].Alerts[0]
}

// realAlertmanager builds the one that tools/alertmanager pins, and returns its program. Its
// many dependencies compile quicker without optimisation.
func realAlertmanager(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "alertmanager")
	build := exec.CommandContext(t.Context(), "go", "build", "-gcflags=github.com/...=-N -l", "-ldflags=-s -w", "-o", program, "github.com/prometheus/alertmanager/cmd/alertmanager")
	build.Dir = "../../tools/alertmanager"
	out, err := build.CombinedOutput()
	require.NoError(t, err, "building Alertmanager: %s", out)
	return program
}

// withReceivers is a configuration of Alertmanager that tells its receivers by webhook, soon.
func withReceivers(t *testing.T, config, webhook string) string {
	t.Helper()
	var c map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(config), &c))
	delete(c, "global")
	route := c["route"].(map[string]any)
	route["group_wait"], route["group_interval"] = "0s", "200ms"
	var receivers []any
	for _, r := range c["receivers"].([]any) {
		name := r.(map[string]any)["name"]
		receivers = append(receivers, map[string]any{"name": name, "webhook_configs": []any{map[string]any{"url": webhook + "/" + name.(string)}}})
	}
	c["receivers"] = receivers
	out, err := yaml.Marshal(c)
	require.NoError(t, err)
	return string(out)
}

// startAlertmanager starts it in the testbed's folder, and returns its address.
func (w *testbed) startAlertmanager(t *testing.T, program, config string) (*process, string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "alertmanager.yml"), []byte(config), 0o600))
	p := w.launch(t, program, "--config.file=alertmanager.yml", "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	address := "http://" + says(t, p.err, `msg="Listening on" address=(\S+)`)[1]
	require.Eventually(t, func() bool {
		answer, err := http.Get(address + "/-/ready")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	}, patience, look)
	return p, address
}

// A real Alertmanager understands what numwatch posts as docs/alertmanager.md says, with the
// routes of its example; and the simulated one holds the same at every step.
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	const red, other = "8613800001111", "6591230001"
	page := string(read(t, "docs/alertmanager.md"))
	i := slices.IndexFunc(blocks(page), func(b block) bool { return strings.HasPrefix(b.text, "# alertmanager.yml\n") })
	example := blocks(page)[i].text
	w, told, sim := newTestbed(t), &notifications{got: map[string][]notification{}}, alertmanagersim.New(alertmanagersim.Config{})
	program := realAlertmanager(t)
	p, _ := w.startAlertmanager(t, program, example) // it is valid as it stands
	p.stop(t, syscall.SIGTERM)
	_, address := w.startAlertmanager(t, program, withReceivers(t, example, serve(t, told)))

	config := strings.NewReplacer(
		`prod: {type: alertmanager, urls: ["${HEARTBEAT_URL}"]}`, `prod: {type: alertmanager, urls: ["`+address+`", "`+serve(t, sim)+`"]}`,
		`labels: {tier: gold}`, `labels: {tier: gold, cost-center: "7", alertname: mine}`,
		`http: {listen: 127.0.0.1:0,`, `http: {public_url: "https://numwatch.example.com", listen: 127.0.0.1:0,`,
	).Replace(configFile)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "rules.yaml"), []byte(alertmanagerRules), 0o600))
	n := number(red, "GREEN")
	n["VerifiedName"] = hostile
	require.NoError(t, w.cloud.SetNumber("main", "1001", n))
	quality := func(space, number, value string) {
		require.NoError(t, w.cloud.Update("main", space, number, "QualityRating", value))
	}
	// fires waits until both Alertmanagers have the same alerts, and those are as they should be.
	fires := func(what string, ok func(all map[string]postedAlert) bool) {
		t.Helper()
		var all, simulated map[string]postedAlert
		require.Eventually(t, func() bool {
			all, simulated = firing(t, address), map[string]postedAlert{}
			for _, a := range sim.Firing() {
				simulated[a.Labels["number"]] = postedAlert{
					Labels: a.Labels, Annotations: a.Annotations, GeneratorURL: a.GeneratorURL,
					StartsAt: a.StartsAt.Truncate(time.Millisecond), // as the API has it
				}
			}
			return ok(all) && same(all, simulated)
		}, patience, look, "%s: has %v and the simulated one %v", what, &all, &simulated)
	}
	command := func(line string) string {
		t.Helper()
		out, code := w.command(t, "numwatch", strings.Fields(line)...)
		require.Zero(t, code, out)
		return out
	}

	b := w.start(t, "run")
	says(t, b.err, `msg=watching`)
	require.Contains(t, command("check"), "answers; numwatch drill posts an alert")
	quality("1001", red, "YELLOW")
	require.Eventually(t, func() bool { return len(told.of("mail")) == 1 && len(told.of("pagerduty")) == 1 }, patience, look, "it opens")
	opened := told.last("pagerduty")
	require.Equal(t, opened, told.last("mail"))
	require.Equal(t, map[string]string{
		"alertname": "quality-low", "severity": "critical", "account": "main", "space": "1001", "number": red, "field": "QualityRating",
		"tier": "gold", "cost_center": "7", "label_alertname": "mine",
	}, opened.Labels)
	require.Equal(t, map[string]string{
		"summary": "Quality of " + plain + " is YELLOW", "action": "Pause marketing.", "runbook": "https://wiki.example.com/red",
	}, opened.Annotations)
	require.Contains(t, opened.GeneratorURL, "https://numwatch.example.com/alerts?state=all&incident=i-")
	require.True(t, opened.EndsAt.IsZero(), "it fires")

	quality("1001", red, "RED")
	fires("it gets worse", func(all map[string]postedAlert) bool {
		return len(all) == 1 && all[red].Annotations["summary"] == "Quality of "+plain+" is RED" && all[red].StartsAt.Equal(opened.StartsAt.Truncate(time.Millisecond))
	})

	// What it has goes on to be posted if it is silenced; what it does not have, is not.
	for _, space := range []string{"1001", "1002"} {
		command("silence add space=" + space + " --for 1h --by ada --yes")
	}
	before := firing(t, address)[red].UpdatedAt
	b.stop(t, syscall.SIGTERM)
	b = w.start(t, "run") // it posts again all that is open
	fires("it is repeated", func(all map[string]postedAlert) bool { return all[red].UpdatedAt.After(before) })
	quality("1002", other, "RED")
	var open struct {
		Alerts []struct {
			Number struct{ PhoneNumber string }
			Alert  struct{ Id string }
		}
	}
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(command("alerts -o json")), &open))
		return len(open.Alerts) == 2
	}, patience, look)
	for _, a := range open.Alerts {
		command("ack " + a.Alert.Id + " --by ada") // and so it has seen both
	}
	fires("it is acknowledged", func(all map[string]postedAlert) bool {
		return len(all) == 1 && all[red].Annotations["acknowledged_by"] == "ada"
	})

	var silenced struct{ Silences []struct{ Id string } }
	require.NoError(t, json.Unmarshal([]byte(command("silence list -o json")), &silenced))
	require.Len(t, silenced.Silences, 2)
	for _, s := range silenced.Silences {
		command("silence end " + s.Id + " --by ada")
	}
	fires("the silence ends", func(all map[string]postedAlert) bool { return len(all) == 2 })
	quality("1001", red, "GREEN")
	require.Eventually(t, func() bool { return len(told.of("pagerduty")) == 2 && len(told.of("mail")) == 3 }, patience, look, "it ends")
	require.Equal(t, []string{"firing " + red, "resolved " + red}, told.of("pagerduty"), "nothing is told for what is repeated or got worse")
	require.Equal(t, []string{"firing " + red, "firing " + other, "resolved " + red}, told.of("mail"))
	ended := told.last("pagerduty")
	require.Equal(t, "recovered, now GREEN", ended.Annotations["closing"])
	require.True(t, ended.EndsAt.After(ended.StartsAt) && ended.EndsAt.Before(time.Now()))
	require.Equal(t, opened.Labels, ended.Labels)
	fires("one is left", func(all map[string]postedAlert) bool { return len(all) == 1 && all[other].Labels != nil })
	require.Empty(t, sim.Wrong())
	b.stop(t, syscall.SIGTERM)
	require.NotContains(t, text(b.err), "refuses")
}

// firing returns what an Alertmanager has active, by number.
func firing(t *testing.T, address string) map[string]postedAlert {
	t.Helper()
	answer, err := http.Get(address + "/api/v2/alerts?active=true")
	require.NoError(t, err)
	defer answer.Body.Close()
	var all []postedAlert
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&all))
	by := map[string]postedAlert{}
	for _, a := range all {
		by[a.Labels["number"]] = a
	}
	return by
}

// same compares what two Alertmanagers have, but for the times of their own.
func same(one, other map[string]postedAlert) bool {
	text := func(all map[string]postedAlert) string {
		bare := map[string]postedAlert{}
		for number, a := range all {
			a.EndsAt, a.UpdatedAt = time.Time{}, time.Time{}
			bare[number] = a
		}
		b, _ := json.Marshal(bare)
		return string(b)
	}
	return text(one) == text(other)
}
