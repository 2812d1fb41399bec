package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe.min.js
var axe string

// pictureVariable names a folder for pictures of every page; without it none are
// taken.
const pictureVariable = "NUMWATCH_SCREENSHOTS"

// look is how a page is looked at.
type look struct {
	name   string
	scheme string
	width  int64
}

var looks = []look{{"light", "light", 1280}, {"dark", "dark", 1280}, {"phone-light", "light", 360}, {"phone-dark", "dark", 360}}

func (l look) set() step {
	return chromedp.Steps(chromedp.EmulateViewport(l.width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
		return err
	}))
}

// serveTown serves a bot on a port of its own, until the test ends.
func serveTown(t *testing.T, b *bot) string {
	server := httptest.NewServer(New(b.options(t)))
	t.Cleanup(func() {
		close(b.ending)
		server.Close()
	})
	return server.URL
}

// Every page, light and dark, wide and narrow: no error, nothing that an
// accessibility check finds serious, nothing wider than the screen.
func TestPagesInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	tab := openTab(t)
	pages, looks := pagesOf(b), looks
	if testing.Short() {
		pages, looks = map[string]string{"overview": "/"}, looks[:1]
	}
	pages["numbers-none"] = "/numbers?q=nobody"
	pages["number-red"] = "/" + numberPath(b.alerts[0].Subject)
	for name, path := range pages {
		for _, l := range looks {
			t.Run(name+"/"+l.name, func(t *testing.T) {
				tab.do(t, l.set(), chromedp.Navigate(address+path), chromedp.WaitReady("main"))
				takePicture(t, tab, name+"-"+l.name)
				wide := ask(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
				require.LessOrEqual(t, wide, l.width, "the page is wider than the screen")
				requireAccessible(t, tab)
				tab.requireCalm(t)
				require.Contains(t, ask(t, tab, chromedp.Title()), "numwatch", "no name from outside has run as a script")
			})
		}
	}
}

func takePicture(t *testing.T, tab *tab, name string) {
	folder := os.Getenv(pictureVariable)
	if folder == "" {
		return
	}
	picture := ask(t, tab, chromedp.FullScreenshot(100))
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644))
}

// requireAccessible runs axe-core in the page.
func requireAccessible(t *testing.T, tab *tab) {
	t.Helper()
	tab.do(t, chromedp.Evaluate[chromedp.Void](axe))
	found := ask(t, tab, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(
		r.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help, where: v.nodes.slice(0, 4).map((n) => n.html + " " + n.failureSummary)}))))`,
		chromedp.EvalAwaitPromise))
	var violations []struct {
		ID, Impact, Help string
		Where            []string
	}
	require.NoError(t, json.Unmarshal([]byte(found), &violations))
	for _, v := range violations {
		t.Errorf("%s (%s): %s\n%s", v.ID, v.Impact, v.Help, strings.Join(v.Where, "\n"))
	}
}

// What happens while somebody looks is there without a reload, and a hostile
// name is text.
func TestLiveUpdateInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	tab := openTab(t)
	tab.do(t, looks[0].set(), chromedp.Navigate(address+"/"), chromedp.Evaluate[chromedp.Void](`window.untouched = true`))
	tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
	tab.do(t, chromedp.Focus(".chips a"))
	b.happen(hostile)
	tab.eventually(t, `document.querySelector("h1").textContent.startsWith("5 critical")`)

	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.untouched === true`)), "the page was not loaded anew")
	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`document.activeElement.matches(".chips a")`)), "the reader is where he was")
	text, title := ask(t, tab, chromedp.Text("main")), ask(t, tab, chromedp.Title())
	require.Contains(t, text, "6590009999")
	require.Contains(t, text, "onerror=alert(1)", "the name is shown as text")
	require.True(t, strings.HasPrefix(title, "5 critical"), title)
	tab.requireCalm(t)
}

// A page that waits for its reader says so; one that nobody sees holds no
// connection, and catches up when it is seen again.
func TestPausedAndHiddenInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	tab := openTab(t)
	word := func(is string) { tab.eventually(t, `document.querySelector("#live .word").textContent === "`+is+`"`) }
	hide := func(hidden string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "hidden", { configurable: true, value: ` + hidden + ` });
			document.dispatchEvent(new Event("visibilitychange"))`)
	}
	tab.do(t, looks[0].set(), chromedp.Navigate(address+"/numbers"))
	word("live")
	tab.do(t, chromedp.Focus("main input"), chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("input"))`))
	b.happen("New Customer")
	word("paused")
	tab.do(t, chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	word("live")

	tab.do(t, chromedp.Evaluate[chromedp.Void](`const close = EventSource.prototype.close;
		EventSource.prototype.close = function () { window.left = true; close.call(this); }`), hide("true"))
	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.left === true`)))
	tab.do(t, chromedp.Navigate(address+"/"))
	word("live")
	tab.do(t, hide("true"))
	b.happen(hostile)
	tab.do(t, hide("false"))
	tab.eventually(t, `document.querySelector("h1").textContent.startsWith("5 critical")`)
	word("live")
	tab.requireCalm(t)
}

// A form works with the page's strict policy, and what it did is said.
func TestFormInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	tab := openTab(t)
	tab.do(t, looks[0].set(), chromedp.Navigate(address+"/delivery"), chromedp.Click(".dead button"), chromedp.WaitVisible("[data-done]"))
	require.Contains(t, ask(t, tab, chromedp.Text("[data-done]")), "being posted again")
	require.Equal(t, []string{"m-dead"}, b.retried)
	tab.requireCalm(t)
}

// An acknowledgement and silences, as somebody makes them who has given a name
// once.
func TestDecisionsInABrowser(t *testing.T) {
	b := busyBot()
	address, id := serveTown(t, b), b.alerts[0].Incident
	tab := openTab(t)
	button := func(what string) string { return `button[formaction="./alerts/` + id + "/" + what + `"]` }
	done := func(says string) {
		t.Helper()
		tab.do(t, chromedp.WaitVisible(`[data-done*="`+says+`"]`))
	}
	tab.do(t, looks[0].set(), chromedp.Navigate(address+"/alerts?severity=critical"), chromedp.WaitReady("main"), chromedp.Click(button("ack")))
	require.Equal(t, "by", ask(t, tab, chromedp.Evaluate[string](`document.activeElement.name`)), "nothing is done without a name")
	tab.do(t, chromedp.SendKeys("#by", "Ada"), chromedp.Click(button("ack")))
	done("Acknowledged")
	tab.eventually(t, `document.querySelector("main").textContent.includes("acknowledged by Ada at 2026-11-23 12:00 UTC")`)
	require.Contains(t, ask(t, tab, chromedp.Location()), "severity=critical", "one is where one was")
	takePicture(t, tab, "acknowledged")

	tab.do(t, chromedp.Click(button("silence")+`[value="1h"]`))
	done("Silenced")
	tab.eventually(t, `document.querySelector("main").textContent.includes("held by a silence of Ada until 2026-11-23 13:00 UTC")`)

	tab.do(t, chromedp.Navigate(address+"/silences?rule=status-flagged"), chromedp.WaitVisible("#preview"))
	require.Equal(t, "Ada", ask(t, tab, chromedp.Value("#by")), "the name is known")
	require.Contains(t, ask(t, tab, chromedp.Text("#preview")), "covers 2 open alerts")
	tab.do(t, chromedp.SendKeys("#reason", "moving"), chromedp.Click("button.main"))
	done("Silenced")
	require.Len(t, b.inForce(), 2)
	require.Equal(t, "moving", b.inForce()[1].Reason)
	takePicture(t, tab, "silenced")
	requireAccessible(t, tab)
	tab.do(t, chromedp.Click(`button[formaction="./silences/s-2/end"]`))
	done("has ended")
	require.Len(t, b.inForce(), 1)
	tab.requireCalm(t)
}

// By keyboard: the first stop leads to the content, the next are the pages.
func TestKeyboardInABrowser(t *testing.T) {
	b := busyBot()
	tab := openTab(t)
	tab.do(t, looks[0].set(), chromedp.Navigate(serveTown(t, b)+"/numbers"), chromedp.WaitReady("main"))
	var stops []string
	for range 9 {
		tab.do(t, chromedp.KeyEvent("\t"))
		stops = append(stops, ask(t, tab, chromedp.Evaluate[string](`document.activeElement.textContent.trim() || document.activeElement.name`)))
	}
	require.Equal(t, []string{"Skip to the content", "numwatch", "Overview", "Numbers"}, stops[:4])
	require.Equal(t, "q", stops[8])
	tab.do(t, chromedp.KeyEvent("coffee\r"), chromedp.WaitVisible(".reset")) // there is a way back to all
	require.Contains(t, ask(t, tab, chromedp.Location()), "q=coffee")
	tab.requireCalm(t)
}
