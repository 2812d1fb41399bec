package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "numwatch/"

// A listed package, as go list shows it.
type listed struct {
	path    string   // below the module: "rules", "internal/watch"; "" is main
	imports []string // of the files that are not tests
	tests   []string // of the tests
	dir     string
	files   []string // that are not tests
}

func list(t *testing.T) []listed {
	t.Helper()
	const format = `{{.ImportPath}}|{{join .Imports ","}}|{{join .TestImports ","}},{{join .XTestImports ","}}|{{.Dir}}|{{join .GoFiles ","}}`
	var stderr strings.Builder
	cmd := exec.Command("go", "list", "-f", format, "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []listed
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		require.Len(t, cells, 5)
		packages = append(packages, listed{
			path:    strings.TrimPrefix(strings.TrimPrefix(cells[0], "numwatch"), "/"),
			imports: split(cells[1]), tests: split(cells[2]), dir: cells[3], files: split(cells[4]),
		})
	}
	require.NotEmpty(t, packages)
	return packages
}

func split(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

// own returns the packages of this module among some imports.
func own(imports []string) []string {
	var own []string
	for _, i := range imports {
		if path, ok := strings.CutPrefix(i, module); ok {
			own = append(own, path)
		}
	}
	return own
}

// foreign returns those that are neither of this module nor of the standard
// library, whose first element has no dot.
func foreign(imports []string) []string {
	return slices.DeleteFunc(slices.Clone(imports), func(i string) bool {
		first, _, _ := strings.Cut(i, "/")
		return !strings.Contains(first, ".")
	})
}

var (
	vocabulary = []string{"phone", "alert"}
	peers      = []string{"poller", "diff", "rules", "store", "notify", "web"}
	simulators = []string{"internal/sim/cams", "internal/sim/slack", "internal/sim/webhook", "internal/sim/alertmanager", "internal/sim/robot", "internal/sim/fault"}
	rooms      = []string{"poller/cams", "poller/health", "poller/schedule", "poller/ratelimit"} // of the poller
	pure       = []string{"phone", "alert", "diff", "rules", "rules/rulefile", "rules/lint", "notify/audience", "poller/schedule", "poller/health"}
)

// allowed says which of this module's packages each may import; those that are
// not in it (bot, the commands, tools, main) may import any below them.
func allowed() map[string][]string {
	arrows := map[string][]string{
		"phone":               {},
		"phone/phonetest":     {"phone"},
		"alert":               {"phone"},
		"internal/diagnostic": {},
		"internal/yamldoc":    {"phone", "internal/diagnostic"},
		"internal/config":     {"phone", "diff", "internal/yamldoc", "internal/diagnostic"},
		"internal/watch":      slices.Concat(vocabulary, peers, rooms),
		"internal/reason":     append(slices.Clone(vocabulary), "notify", "poller/cams"),
		"internal/hints":      append(slices.Clone(vocabulary), "web/api"),
		"internal/view":       append(slices.Clone(vocabulary), "store"),
	}
	for _, p := range peers {
		arrows[p] = vocabulary
	}
	arrows["web"] = append(slices.Clone(vocabulary), "internal/view", "web/api", "web/guard", "web/display", "web/names", "web/operator", "web/server")
	arrows["web/display"] = append(slices.Clone(vocabulary), "internal/view", "web/api")
	arrows["web/api"] = vocabulary
	arrows["web/guard"] = append(slices.Clone(vocabulary), "web/api", "web/display")
	arrows["web/names"] = append(slices.Clone(vocabulary), "internal/view", "internal/diagnostic")
	arrows["web/operator"] = append(slices.Clone(vocabulary), "internal/view")
	arrows["web/server"] = []string{}
	arrows["web/standby"] = []string{"web/api", "web/guard", "web/server"}
	arrows["poller"] = slices.Concat(vocabulary, rooms)
	arrows["poller/cams"] = append(slices.Clone(vocabulary), "poller/ratelimit")
	arrows["poller/schedule"] = []string{"phone"}
	arrows["poller/health"] = []string{"phone"}
	arrows["poller/ratelimit"] = []string{}
	arrows["alert/alerttest"] = vocabulary
	arrows["rules"] = append(slices.Clone(vocabulary), "internal/diagnostic")
	arrows["rules/rulefile"] = append(slices.Clone(vocabulary), "rules", "internal/diagnostic", "internal/yamldoc")
	arrows["rules/lint"] = append(slices.Clone(vocabulary), "rules", "rules/rulefile", "internal/diagnostic")
	arrows["notify/wording"] = vocabulary
	arrows["notify/card"] = append(slices.Clone(vocabulary), "notify/digest", "notify/wording")
	arrows["notify/digest"] = append(slices.Clone(vocabulary), "notify")
	arrows["notify/audience"] = vocabulary
	arrows["notify/robot"] = slices.Concat(vocabulary, []string{"notify", "notify/audience", "notify/card", "notify/wording"})
	arrows["notify/jetstream"] = append(slices.Clone(vocabulary), "notify", "internal/reconnect")
	arrows["internal/reconnect"] = []string{}
	arrows["notify/alertmanager"] = append(slices.Clone(vocabulary), "notify")
	arrows["notify/webhook"] = append(slices.Clone(vocabulary), "notify")
	arrows["notify/slack"] = slices.Concat(vocabulary, []string{"notify", "notify/audience", "notify/card", "notify/digest", "notify/wording"})
	arrows["internal/rulelab/backtest"] = append(slices.Clone(vocabulary), "rules", "notify/slack")
	arrows["internal/rulelab/explain"] = append(slices.Clone(vocabulary), "rules", "store")
	arrows["internal/rulelab/timeline"] = slices.Concat(vocabulary, []string{"rules", "diff", "store", "poller", "poller/cams", "poller/health", "internal/watch", "notify/slack", "internal/yamldoc", "internal/diagnostic"})
	arrows["store"] = append(slices.Clone(vocabulary), "store/internal/dbfile")
	arrows["store/maintain"] = append(slices.Clone(vocabulary), "store", "store/internal/dbfile")
	arrows["store/storetest"] = []string{}
	arrows["internal/browsertest"], arrows["internal/golden"], arrows["internal/natstest"] = []string{}, []string{}, []string{}
	arrows["internal/replica"] = append(slices.Clone(vocabulary), "store", "store/maintain", "internal/reconnect")
	arrows["store/internal/dbfile"] = []string{}
	for _, p := range simulators {
		arrows[p] = []string{"internal/sim/fault", "internal/yamldoc"} // what the two share is theirs alone
	}
	return arrows
}

func TestImportArrows(t *testing.T) {
	arrows := allowed()
	for _, p := range list(t) {
		may, ruled := arrows[p.path]
		if !ruled {
			continue
		}
		for _, i := range own(p.imports) {
			require.Contains(t, may, i, "%s must not import %s", p.path, i)
		}
		mayInTests := slices.Concat(may, simulators, []string{p.path, "phone/phonetest", "alert/alerttest", "store/storetest", "internal/sim/simtest", "internal/browsertest", "internal/golden", "internal/natstest", "internal/bench/goals", "rules/rulefile"})
		if strings.HasPrefix(p.path, "poller") {
			mayInTests = append(mayInTests, rooms...)
		}
		if strings.HasPrefix(p.path, "internal/rulelab/") { // they compare with what a real loop does
			mayInTests = append(mayInTests, "diff", "poller", "poller/cams", "poller/health", "store", "rules/lint", "internal/watch")
		}
		if p.path == "web" {
			mayInTests = append(mayInTests, "store") // behind the view
		}
		for _, i := range own(p.tests) {
			require.Contains(t, mayInTests, i, "the tests of %s must not import %s", p.path, i)
		}
	}
}

// Only bot and cli know everybody, only cli knows bot, and only main knows cli. Tests of rules drive a loop
// of their own, and a replay follows what the loop does.
func TestNobodyImportsTheTop(t *testing.T) {
	for _, p := range list(t) {
		if p.path == "" || strings.HasPrefix(p.path, "internal/cli") {
			continue
		}
		for _, i := range own(p.imports) {
			require.False(t, strings.HasPrefix(i, "internal/cli"), "%s must not import %s", p.path, i)
			require.NotEqual(t, "internal/bot", i, "%s must not import the bot", p.path)
			if !slices.Contains([]string{"internal/bot", "internal/rulelab/timeline"}, p.path) {
				require.NotEqual(t, "internal/watch", i, "%s must not import the loop", p.path)
			}
		}
	}
}

// The race detector passes over packages that import none of these (see race in the Makefile).
func TestGoroutinesAreWhereTheRaceDetectorLooks(t *testing.T) {
	shares := []string{"context", "sync", "sync/atomic", "testing/synctest", "golang.org/x/sync/errgroup"}
	for _, p := range list(t) {
		if slices.ContainsFunc(append(p.imports, p.tests...), func(i string) bool { return slices.Contains(shares, i) }) {
			continue
		}
		for _, file := range p.files {
			tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.dir, file), nil, 0)
			require.NoError(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				_, goes := n.(*ast.GoStmt)
				require.False(t, goes, "%s starts a goroutine, and the race detector does not look at %s", file, p.path)
				return true
			})
		}
	}
}

// A folder that holds more is about more than one subject.
func TestFoldersAreSmall(t *testing.T) {
	const most = 15
	for _, p := range list(t) {
		require.LessOrEqual(t, len(p.files), most, "%s has more than %d Go files besides tests", p.path, most)
	}
}

// Whoever looks for the place of a change finds every package on the map.
func TestEveryPackageIsOnTheMap(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	for _, p := range list(t) {
		if p.path != "" && p.path != "examples" {
			require.Contains(t, string(page), "`"+p.path+"`", "docs/architecture.md has no row for %s", p.path)
		}
	}
}

// A glossary that nobody can keep in mind explains nothing: at most 30 words, each once.
func TestGlossaryIsShort(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	_, glossary, found := strings.Cut(string(page), "\n## Glossary\n")
	require.True(t, found)
	words := map[string]bool{}
	for line := range strings.Lines(glossary) {
		if word, ok := strings.CutPrefix(line, "| "); ok {
			word, _, _ = strings.Cut(word, " |")
			require.False(t, words[word], "%s stands twice", word)
			words[word] = true
		}
	}
	delete(words, "word")
	require.NotEmpty(t, words)
	require.LessOrEqual(t, len(words), 30)
}

func TestOutsideLibraries(t *testing.T) {
	may := map[string][]string{"rules": {"github.com/expr-lang/expr"}, "rules/lint": nil, "phone": nil, "alert": nil, "diff": nil, "internal/config": nil}
	for _, s := range simulators {
		may[s] = nil
	}
	may["internal/sim/slack"] = []string{"github.com/gorilla/websocket"}
	for _, p := range list(t) {
		libraries, ruled := may[p.path]
		if !ruled {
			continue
		}
		for _, i := range foreign(p.imports) {
			ok := slices.ContainsFunc(libraries, func(l string) bool { return i == l || strings.HasPrefix(i, l+"/") })
			require.True(t, ok, "%s must not import %s", p.path, i)
		}
	}
}

// What is pure does no I/O and is told the time.
func TestPurePackages(t *testing.T) {
	seen := 0
	for _, p := range list(t) {
		if !slices.Contains(pure, p.path) {
			continue
		}
		seen++
		for _, i := range p.imports {
			root, _, _ := strings.Cut(i, "/")
			io := root == "os" || root == "log" || root == "net" && i != "net/url" || i == "io/ioutil" || i == "syscall"
			require.False(t, io, "%s must not import %s", p.path, i)
		}
		for _, file := range p.files {
			for _, call := range clockCalls(t, filepath.Join(p.dir, file)) {
				t.Errorf("%s asks for the time itself: %s", p.path, call)
			}
		}
	}
	require.Positive(t, seen)
}

// clockCalls finds the uses of time.Now and what else reads or waits on the
// clock.
func clockCalls(t *testing.T, name string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	banned := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := use.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(banned, use.Sel.Name) {
			found = append(found, files.Position(use.Pos()).String()+": time."+use.Sel.Name)
		}
		return true
	})
	return found
}
