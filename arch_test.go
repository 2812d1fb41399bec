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
	simulators = []string{"internal/sim/cams", "internal/sim/slack", "internal/sim/fault"}
	rooms      = []string{"poller/cams", "poller/health", "poller/schedule", "poller/ratelimit"} // of the poller
	pure       = []string{"phone", "alert", "diff", "rules", "rules/rulefile", "rules/lint", "poller/schedule", "poller/health"}
)

// allowed says which of this module's packages each may import; those that are
// not in it (bot, the commands, tools, main) may import any below them.
func allowed() map[string][]string {
	arrows := map[string][]string{
		"phone":               {},
		"phone/phonetest":     {"phone"},
		"alert":               {"phone"},
		"internal/diagnostic": {},
		"internal/yamldoc":    {"internal/diagnostic"},
		"internal/config":     {"phone", "diff", "internal/yamldoc", "internal/diagnostic"},
		"internal/watch":      slices.Concat(vocabulary, peers, rooms),
		"internal/view":       append(slices.Clone(vocabulary), "store"),
	}
	for _, p := range peers {
		arrows[p] = vocabulary
	}
	arrows["web"] = append(slices.Clone(vocabulary), "internal/view", "web/api", "web/guard")
	arrows["web/api"] = vocabulary
	arrows["web/guard"] = []string{"web/api"}
	arrows["poller"] = slices.Concat(vocabulary, rooms)
	arrows["poller/cams"] = append(slices.Clone(vocabulary), "poller/ratelimit")
	arrows["poller/schedule"] = []string{"phone"}
	arrows["poller/health"] = []string{"phone"}
	arrows["poller/ratelimit"] = []string{}
	arrows["alert/alerttest"] = vocabulary
	arrows["rules"] = append(slices.Clone(vocabulary), "internal/diagnostic")
	arrows["rules/rulefile"] = append(slices.Clone(vocabulary), "rules", "internal/diagnostic", "internal/yamldoc")
	arrows["rules/lint"] = append(slices.Clone(vocabulary), "rules", "rules/rulefile", "internal/diagnostic")
	arrows["notify/card"] = vocabulary
	arrows["notify/jetstream"] = append(slices.Clone(vocabulary), "notify")
	arrows["notify/slack"] = slices.Concat(vocabulary, []string{"notify", "notify/card"})
	arrows["internal/rulelab/backtest"] = append(slices.Clone(vocabulary), "rules", "internal/watch", "notify/slack")
	arrows["internal/rulelab/explain"] = append(slices.Clone(vocabulary), "rules", "store")
	arrows["internal/rulelab/timeline"] = slices.Concat(vocabulary, []string{"rules", "diff", "store", "poller", "poller/cams", "poller/health", "internal/watch", "notify/slack", "internal/yamldoc", "internal/diagnostic"})
	arrows["store"] = append(slices.Clone(vocabulary), "store/internal/dbfile")
	arrows["store/maintain"] = append(slices.Clone(vocabulary), "store", "store/internal/dbfile")
	arrows["store/storetest"] = []string{}
	arrows["internal/browsertest"], arrows["internal/golden"] = []string{}, []string{}
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
		mayInTests := slices.Concat(may, simulators, []string{p.path, "phone/phonetest", "alert/alerttest", "store/storetest", "internal/sim/simtest", "internal/browsertest", "internal/golden", "internal/bench/goals", "rules/rulefile"})
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
			if !slices.Contains([]string{"internal/bot", "internal/rulelab/timeline", "internal/rulelab/backtest"}, p.path) {
				require.NotEqual(t, "internal/watch", i, "%s must not import the loop", p.path)
			}
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

func TestOutsideLibraries(t *testing.T) {
	may := map[string][]string{"rules": {"github.com/expr-lang/expr"}, "rules/lint": nil, "phone": nil, "alert": nil, "diff": nil, "internal/config": nil}
	for _, s := range simulators {
		may[s] = nil
	}
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
