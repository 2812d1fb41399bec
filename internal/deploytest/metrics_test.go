package deploytest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// metric is what a scrape, or the page that describes it, says of a metric.
type metric struct {
	kind   string
	labels []string // sorted
	about  string   // of the page alone
}

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	sampleLine = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`)
	labelOf    = regexp.MustCompile(`([a-z_]+)="`)
)

// scraped reads the text that Prometheus reads.
func scraped(text string) map[string]metric {
	all := map[string]metric{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		all[m[1]] = metric{kind: m[2]}
	}
	for _, m := range sampleLine.FindAllStringSubmatch(text, -1) {
		name := family(all, m[1])
		labels := slices.Clone(all[name].labels)
		for _, l := range labelOf.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" && !slices.Contains(labels, l[1]) {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		all[name] = metric{kind: all[name].kind, labels: labels}
	}
	return all
}

// family returns the metric that a series belongs to.
func family(all map[string]metric, series string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(series, suffix); ok && all[name].kind == "histogram" {
			return name
		}
	}
	return series
}

// described reads the table of metrics on a page.
func described(t *testing.T, page string) map[string]metric {
	all := map[string]metric{}
	for _, row := range tables(string(read(t, page)))["metric"] {
		var labels []string
		for l := range strings.SplitSeq(row[2], ",") {
			if l = strings.TrimSpace(l); l != "" {
				labels = append(labels, l)
			}
		}
		slices.Sort(labels)
		all[strings.Trim(row[0], "`")] = metric{kind: row[1], labels: labels, about: row[3]}
	}
	require.NotEmpty(t, all)
	return all
}

// The metrics of a bot that runs as the systemd unit runs it are those of the
// page, the dashboard and the alerts.
func TestMetrics(t *testing.T) {
	w := newTestbed(t)
	b := w.start(t, unitArguments(t, w.dir)...)
	want := described(t, "docs/operations.md")
	own := func() map[string]metric {
		_, text := b.get(t, "/metrics", httpToken)
		all := scraped(text)
		maps.DeleteFunc(all, func(name string, _ metric) bool { return !strings.HasPrefix(name, "numwatch_") })
		return all
	}
	var got map[string]metric
	whole := func() bool { got = own(); return len(got) >= len(want) && len(got["numwatch_slack_parked"].labels) > 0 }
	require.Eventually(t, whole, patience, look, "docs/operations.md describes metrics that do not come up: %v", missing(want, own()))
	for name, m := range want {
		m.about = ""
		require.Equal(t, m, got[name], name)
	}
	require.Empty(t, missing(got, want), "docs/operations.md lacks metrics")

	_, text := b.get(t, "/metrics", httpToken)
	e := expressions{known: scraped(text), described: want}
	for name, m := range described(t, "docs/replicas.md") { // which a test of internal/replica compares
		e.known[name], e.described[name] = m, m
	}
	t.Run("dashboard", func(t *testing.T) { e.dashboard(t) })
	t.Run("alerts", func(t *testing.T) { e.alerts(t) })
}

func missing(of, in map[string]metric) []string {
	var names []string
	for name := range of {
		if _, ok := in[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// expressions holds PromQL to what a bot has.
type expressions struct{ known, described map[string]metric }

var (
	selector  = regexp.MustCompile(`\b((?:numwatch|process|go)_[a-z_]+|up)\b(?:\{([^}]*)\})?`)
	matcher   = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	grouping  = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
	reference = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)`)
)

// check wants the metrics, labels and values of an expression to exist. It
// returns the labels that its result can have.
func (e expressions) check(t *testing.T, expr string) []string {
	t.Helper()
	labels := []string{"job", "instance"}
	found := selector.FindAllStringSubmatch(expr, -1)
	require.NotEmpty(t, found, expr)
	for _, m := range found {
		if m[1] != "up" { // Prometheus' own
			require.Contains(t, e.known, family(e.known, m[1]), expr)
		}
		of := append([]string{"job", "instance"}, e.known[family(e.known, m[1])].labels...)
		labels = append(labels, of...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			require.Contains(t, of, l[1], expr)
			e.value(t, family(e.known, m[1]), l[1], l[2], expr)
		}
	}
	if by := grouping.FindStringSubmatch(expr); by != nil {
		for l := range strings.SplitSeq(by[1], ",") {
			require.Contains(t, append(labels, "le"), strings.TrimSpace(l), expr)
		}
	}
	return labels
}

// value wants an outcome that is asked for to be one that the page lists.
func (e expressions) value(t *testing.T, name, label, values, expr string) {
	t.Helper()
	if label != "outcome" {
		return
	}
	for v := range strings.SplitSeq(values, "|") {
		require.Contains(t, e.described[name].about, "`"+v+"`", expr)
	}
}

func (e expressions) dashboard(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, "deploy/grafana-dashboard.json"), &board))
	require.NotEmpty(t, board.Panels)
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range board.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			require.Less(t, x, 24, p.Title)
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies over another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		require.True(t, p.Type == "row" || len(p.Targets) > 0, p.Title)
		for _, target := range p.Targets {
			labels := e.check(t, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			for _, l := range reference.FindAllStringSubmatch(target.LegendFormat, -1) {
				require.Contains(t, labels, l[1], p.Title)
			}
		}
	}
}

func (e expressions) alerts(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
				Annotations      map[string]string
			}
		}
	}
	decodeStrictly(t, "deploy/prometheus-alerts.yaml", &file)
	names := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			require.False(t, names[r.Alert], "%s is there twice", r.Alert)
			names[r.Alert] = true
			if r.For != "" {
				_, err := time.ParseDuration(r.For)
				require.NoError(t, err, r.Alert)
			}
			labels := e.check(t, r.Expr)
			require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], r.Alert)
			for _, l := range reference.FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
				require.Contains(t, labels, l[1], r.Alert)
			}
		}
	}
	require.NotEmpty(t, names)
}
