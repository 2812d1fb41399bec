package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/store"
)

var pages = []string{"docs/operations.md", "docs/slack.md", "docs/nats.md"}

// block is a fenced block of a page: its language, what else stands there, and
// its lines.
type block struct {
	language, mark string
	text           string
}

var fence = regexp.MustCompile("(?ms)^ *```(\\w+) ?([^\n]*)\n(.*?)^ *```$")

func blocks(text string) []block {
	var all []block
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		all = append(all, block{m[1], m[2], m[3]})
	}
	return all
}

// tables returns the rows of all tables of a page, by the head of their first
// column.
func tables(text string) map[string][][]string {
	all := map[string][][]string{}
	head := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = ""
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case head == "":
			head = cells[0]
		case strings.Trim(cells[0], "-") != "":
			all[head] = append(all[head], cells)
		}
	}
	return all
}

// The commands of a page, in their order, do what it says: those of blocks that
// are marked run succeed, of those marked fails the last one does not, start
// and stop are about the bot itself, background and follow about programs that
// run on.
func TestCommandsOfPages(t *testing.T) {
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			r := runner{w: newTestbed(t)}
			if !strings.Contains(string(read(t, page)), "```console start") {
				r.b = r.w.start(t, "run")
			}
			ran := 0
			for _, b := range blocks(string(read(t, page))) {
				if b.language == "console" && b.mark != "" {
					r.run(t, b)
					ran++
				}
			}
			require.Positive(t, ran)
		})
	}
}

type runner struct {
	w *testbed
	b *bot
}

func (r *runner) run(t *testing.T, b block) {
	lines := strings.Split(strings.TrimSpace(b.text), "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case b.mark == "start":
			r.b = r.w.start(t, strings.Fields(line)[1:]...)
		case b.mark == "stop":
			r.b.stop(t, syscall.SIGTERM)
		case b.mark == "background":
			p := r.w.launch(t, "sh", "-c", "exec "+line)
			says(t, p.out, `\S`)
			p.stop(t, syscall.SIGTERM)
		case b.mark == "follow":
			p := r.w.launch(t, "sh", "-c", "exec "+line)
			says(t, p.out, `numwatch`)
			p.stop(t, syscall.SIGINT)
		default:
			require.Contains(t, []string{"run", "fails"}, b.mark, line)
			want := 0
			if b.mark == "fails" && i == len(lines)-1 {
				want = 1
			}
			out, code := r.w.command(t, "sh", "-c", line)
			require.Equal(t, want, code, "%s\n%s", line, out)
		}
	}
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	callOf     = regexp.MustCompile(`(?:^|/|numwatch )numwatch ([a-z]+)`)
	listedHelp = regexp.MustCompile(`(?m)^  ([a-z]+)`)
	settingOf  = regexp.MustCompile(`^(accounts\[\]|poll|store|nats|slack|http|log)\.([a-z_.]+)$`)
	askedPath  = regexp.MustCompile(`^(GET|POST) (/\S+)$`)
)

// codeOf returns the texts of a page that are set as code.
func codeOf(text string) []string {
	var all []string
	for _, m := range inlineCode.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, m[1])
	}
	for _, b := range blocks(text) {
		if b.language == "console" {
			all = append(all, strings.Split(b.text, "\n")...)
		}
	}
	return all
}

// Every command that a page names is one of the program's.
func TestPagesNameCommands(t *testing.T) {
	w := newTestbed(t)
	help, _ := w.command(t, "numwatch", "--help")
	known := map[string]bool{}
	for _, m := range listedHelp.FindAllStringSubmatch(help, -1) {
		known[m[1]] = true
	}
	require.Contains(t, known, "status")
	for _, page := range pages {
		for _, code := range codeOf(string(read(t, page))) {
			if strings.HasPrefix(code, "/numwatch ") { // in Slack
				continue
			}
			for _, m := range callOf.FindAllStringSubmatch(code, -1) {
				require.Contains(t, known, m[1], "%s: %s", page, code)
			}
		}
	}
}

// Every setting that a page names is a key of config.yaml, and every path that
// it names is served.
func TestPagesNameSettingsAndPaths(t *testing.T) {
	settings := documentedSettings(t)
	w := newTestbed(t)
	b := w.start(t, "run")
	for _, page := range pages {
		for _, code := range codeOf(string(read(t, page))) {
			if m := settingOf.FindStringSubmatch(code); m != nil {
				require.Contains(t, settings, strings.TrimSuffix(strings.Replace(code, "[].", ".", 1), "_file"), page)
			}
			if m := askedPath.FindStringSubmatch(code); m != nil {
				status, _ := b.ask(t, m[1], m[2], httpToken)
				require.Equal(t, 200, status, "%s: %s", page, code)
				without := 401
				if m[2] == "/healthz" || m[2] == "/readyz" {
					without = 200
				}
				status, _ = b.ask(t, m[1], m[2], "")
				require.Equal(t, without, status, "the page says for what the token is asked from elsewhere: %s", code)
			}
		}
	}
}

// The schema that the page on upgrades speaks of is the store's.
func TestPageKnowsTheSchema(t *testing.T) {
	require.Contains(t, string(read(t, "docs/operations.md")), fmt.Sprintf("the version of its schema, which is %d.", store.SchemaVersion))
}

// documentedSettings are the keys in the tables of the configuration's reference,
// which a test of internal/config holds to the code, and the sections of them;
// without [] and _file.
func documentedSettings(t *testing.T) map[string]bool {
	known := map[string]bool{}
	for _, row := range tables(string(read(t, "docs/configuration.md")))["key"] {
		name := inlineCode.FindStringSubmatch(row[0])[1]
		name = strings.TrimSuffix(strings.Replace(name, "[].", ".", 1), "_file")
		for ; name != ""; name = name[:max(strings.LastIndexByte(name, '.'), 0)] {
			known[name] = true
		}
	}
	require.Greater(t, len(known), 40)
	return known
}

// Every message that a page explains is one that the program has.
func TestPagesExplainRealMessages(t *testing.T) {
	texts := programText(t)
	explained := 0
	for _, page := range pages {
		all := tables(string(read(t, page)))
		for _, row := range slices.Concat(all["message"], all["Slack's code"]) {
			message := inlineCode.FindStringSubmatch(row[0])
			require.NotNil(t, message, "%s: %s", page, row[0])
			for part := range strings.SplitSeq(message[1], "…") {
				if part = strings.Trim(part, " :"); len(part) > 3 && !servers(part) {
					require.True(t, strings.Contains(texts, part), "%s: no such message: %s", page, message[1])
					explained++
				}
			}
		}
	}
	require.Greater(t, explained, 40)
}

// servers reports whether a message is not numwatch's own but NATS's.
func servers(message string) bool {
	return message == "Authorization Violation" || message == "Permissions Violation"
}

// programText is the program as it is built, which holds the texts of its
// messages: this test's binary runs it.
func programText(t *testing.T) string {
	path, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(binary)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links lead somewhere.
func TestLinksOfPages(t *testing.T) {
	for _, page := range append(slices.Clone(pages), "docs/ui.md") {
		for _, m := range link.FindAllStringSubmatch(string(read(t, page)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
				_, err := os.Stat(filepath.Join("../..", file))
				require.NoError(t, err, "%s links to %s", page, m[1])
			}
			if anchor != "" {
				require.Contains(t, anchors(string(read(t, file))), anchor, "%s links to %s", page, m[1])
			}
		}
	}
}

func anchors(text string) []string {
	var all []string
	for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			title = strings.ToLower(strings.TrimSpace(title))
			title = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(title, "")
			all = append(all, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return all
}
