package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe.min.js
var axe string

// pictureVariable names a folder for pictures of every page; without it none are
// taken.
const pictureVariable = "NUMWATCH_SCREENSHOTS"

// serveTown serves a bot on a port of its own, until the test ends.
func serveTown(t *testing.T, b *bot) string {
	server := httptest.NewServer(New(b.options(t)))
	t.Cleanup(func() {
		close(b.ending)
		server.Close()
	})
	return server.URL
}

// Every page, light and dark, wide and narrow: no error, nothing that an accessibility
// check finds serious, nothing wider than the screen. All times are in the reader's zone,
// which is named once. Reading it again moves nothing.
func TestPagesInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	pages := pagesOf(b)
	if testing.Short() {
		pages = map[string]string{"overview": "/"}
	}
	pages["numbers-none"] = "/numbers?q=nobody"
	pages["number-red"] = "/" + numberPath(b.alerts[0].Subject)
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		for name, path := range pages {
			t.Run(name, func(t *testing.T) {
				tab.do(t, tab.set(), chromedp.Navigate(address+path), chromedp.WaitReady("main"))
				tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
				requireOneZone(t, tab)
				requireFits(t, tab, tab.look)
				requireAccessible(t, tab)
				takePicture(t, tab, name+"-"+tab.name)

				tab.do(t, chromedp.Evaluate[chromedp.Void](scrollDown))
				still := tab.rest(t)
				tab.do(t, chromedp.Evaluate[chromedp.Void](`refresh(true)`, chromedp.EvalAwaitPromise))
				still("read again")
				for _, l := range beside[tab.look] {
					tab.do(t, l.set())
					requireFits(t, tab, l)
					if l.scheme != tab.scheme {
						requireContrast(t, tab)
					}
					takePicture(t, tab, name+"-"+l.name)
				}
				tab.requireCalm(t)
				require.Contains(t, ask(t, tab, chromedp.Title()), "numwatch", "no name from outside has run as a script")
			})
		}
	})
}

// beside is how a page is looked at without being opened anew: in the other colours, and
// somewhat wider or narrower.
var beside = map[look][]look{
	wideLight:  {wideDark, {"wide", "light", 1440}},
	phoneLight: {{"small", "light", 360}},
}

// What does not fit: on a phone what scrolls sideways (lines of a file may), a number or a
// heading that is broken or cut, a tab that one is on and does not see.
const misfits = `(async () => {
	let found = misfits();
	for (let i = 0; found.length && i < 100; i++) {
		await new Promise((again) => setTimeout(again, 50));
		found = misfits();
	}
	return found;
	function misfits() {
		const found = [];
		if (document.documentElement.scrollWidth > innerWidth) found.push("the page is wider than the screen");
		if (innerWidth > 390) return found;
		for (const e of document.querySelectorAll(".scroll")) if (e.scrollWidth > e.clientWidth + 1) found.push(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby"));
		for (const e of document.querySelectorAll(".number, a.sort")) if (e.getClientRects().length > 1) found.push("broken: " + e.textContent);
		for (const e of document.querySelectorAll("main button")) if (e.offsetParent && e.scrollWidth > e.clientWidth + 1) found.push("cut: " + e.textContent);
		for (const e of document.querySelectorAll("thead th")) if (e.offsetParent && e.scrollWidth > e.clientWidth + 1) found.push("cut: " + e.textContent);
		const tab = document.querySelector("nav [aria-current]").getBoundingClientRect();
		if (tab.left < 0 || tab.right > innerWidth) found.push("the tab is out of view");
		return found;
	}
})()`

// requireFits fails if the page does not fit the screen: tables are cards on a phone, and
// nothing has to be pushed aside. It asks again for some seconds, because a page answers a
// change of width only when it is drawn next.
func requireFits(t *testing.T, tab *tab, l look) {
	t.Helper()
	require.Empty(t, ask(t, tab, chromedp.Evaluate[[]string](misfits, chromedp.EvalAwaitPromise)), l.name)
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

// requireAccessible runs axe-core in the page, and requireContrast only its check of
// colours.
func requireAccessible(t *testing.T, tab *tab) { t.Helper(); runAxe(t, tab, "") }

func requireContrast(t *testing.T, tab *tab) {
	t.Helper()
	runAxe(t, tab, `runOnly: ["color-contrast"]`)
}

func runAxe(t *testing.T, tab *tab, only string) {
	t.Helper()
	if !ask(t, tab, chromedp.Evaluate[bool](`"axe" in window`)) {
		tab.do(t, chromedp.Evaluate[chromedp.Void](axe))
	}
	found := ask(t, tab, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"], selectors: false, iframes: false, `+only+`}).then((r) => JSON.stringify(
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
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		b := busyBot()
		tab.do(t, chromedp.Navigate(serveTown(t, b)+"/"), chromedp.Evaluate[chromedp.Void](`window.untouched = true`))
		tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
		tab.do(t, chromedp.Focus(".chips a"))
		b.happen(hostile)
		tab.eventually(t, `document.querySelector("h1").textContent.startsWith("12 need attention")`)

		require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.untouched === true`)), "the page was not loaded anew")
		require.True(t, ask(t, tab, chromedp.Evaluate[bool](`document.activeElement.matches(".chips a")`)), "the reader is where he was")
		text, title := ask(t, tab, chromedp.Text("main")), ask(t, tab, chromedp.Title())
		require.Contains(t, text, "6590009999")
		require.Contains(t, text, "onerror=alert(1)", "the name is shown as text")
		require.True(t, strings.HasPrefix(title, "12 need attention"), title)
		tab.requireCalm(t)
	})
}

// A page that waits for its reader says so; one that nobody sees holds no
// connection, and catches up when it is seen again.
func TestPausedAndHiddenInABrowser(t *testing.T) {
	fromEverywhere(t, pauseAndHide)
}

func pauseAndHide(t *testing.T, tab *tab) {
	b := busyBot()
	address := serveTown(t, b)
	word := func(is string) { tab.eventually(t, `document.querySelector("#live .word").textContent === "`+is+`"`) }
	hide := func(hidden string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "hidden", { configurable: true, value: ` + hidden + ` });
			document.dispatchEvent(new Event("visibilitychange"))`)
	}
	tab.do(t, chromedp.Navigate(address+"/numbers"))
	word("live")
	tab.do(t, chromedp.Focus("main input"), chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("input"))`), chromedp.Evaluate[chromedp.Void](scrollDown))
	still := tab.rest(t)
	b.happen("New Customer")
	word("paused")
	still("while the page waits")
	tab.do(t, chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	word("live")
	still("after it was read again")

	tab.do(t, chromedp.Evaluate[chromedp.Void](`const close = EventSource.prototype.close;
		EventSource.prototype.close = function () { window.left = true; close.call(this); }`), hide("true"))
	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.left === true`)))
	tab.do(t, chromedp.Navigate(address+"/"))
	word("live")
	tab.do(t, hide("true"))
	b.happen(hostile)
	tab.do(t, hide("false"))
	tab.eventually(t, `document.querySelector("h1").textContent.startsWith("12 need attention")`)
	word("live")
	tab.requireCalm(t)
}

// A page whose bot is gone says so, and since when; it is as before once the bot is back.
func TestABotThatIsGoneInABrowser(t *testing.T) {
	fromEverywhere(t, loseTheBot)
}

func loseTheBot(t *testing.T, tab *tab) {
	b := busyBot()
	var away atomic.Bool
	h := New(b.options(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(b.ending) })
	shown := func(is string) {
		t.Helper()
		tab.eventually(t, `!document.getElementById("gone").hidden === `+is+` && document.body.classList.contains("old") === `+is+` && document.title.startsWith("No connection") === `+is)
	}
	live := func() {
		t.Helper()
		tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
	}
	tab.do(t, chromedp.Navigate(server.URL+"/numbers"))
	live()
	shown("false")
	tab.do(t, chromedp.Evaluate[chromedp.Void](scrollDown))
	still := tab.rest(t)
	away.Store(true)
	server.CloseClientConnections()
	shown("true")
	require.Regexp(t, `No connection since \d\d:\d\d:\d\d\. This is old`, ask(t, tab, chromedp.Text("#gone")))
	takePicture(t, tab, "gone-"+tab.name)
	away.Store(false)
	shown("false")
	live() // until then the longer word may take a line more, for which the browser scrolls
	still("once the bot is back")
}

// A form works with the page's strict policy, and what it did is said.
func TestFormInABrowser(t *testing.T) {
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		b := busyBot()
		tab.do(t, chromedp.Navigate(serveTown(t, b)+"/delivery"), chromedp.Evaluate[chromedp.Void](`document.querySelector(".dead button").scrollIntoView({block: "center"})`))
		y := ask(t, tab, chromedp.Evaluate[float64](`scrollY`))
		tab.do(t, chromedp.Click(".dead button"), chromedp.WaitVisible("[data-done]"))
		require.Contains(t, ask(t, tab, chromedp.Text("[data-done]")), "being posted again")
		require.Equal(t, []string{"m-dead"}, b.retried)
		require.InDelta(t, y, ask(t, tab, chromedp.Evaluate[float64](`scrollY`)), 1)
		tab.requireCalm(t)
	})
}

// An acknowledgement and silences, as somebody makes them who has given a name
// once.
func TestDecisionsInABrowser(t *testing.T) {
	fromEverywhere(t, decide)
}

func decide(t *testing.T, tab *tab) {
	b := busyBot()
	address, id := serveTown(t, b), b.alerts[0].Incident
	button := func(what string) string { return `button[formaction="./alerts/` + id + "/" + what + `"]` }
	done := func(says string) {
		t.Helper()
		tab.do(t, chromedp.WaitVisible(`[data-done*="`+says+`"]`))
	}
	tab.do(t, chromedp.Navigate(address+"/alerts?severity=critical"), chromedp.WaitReady("main"), chromedp.Click(button("ack")))
	require.Nil(t, b.alerts[0].Ack, "nothing is done without a name")
	tab.do(t, chromedp.WaitVisible("#ask-name input"), chromedp.SendKeys("#ask-name input", "Ada\r"))
	done("Acknowledged")
	tab.eventually(t, `document.querySelector("main").textContent.includes("acknowledged by Ada at `+tab.clock(t, noon)+`")`)
	require.Contains(t, ask(t, tab, chromedp.Location()), "severity=critical", "one is where one was")
	takePicture(t, tab, "acknowledged-"+tab.name)

	silence := button("silence") + `[value="1h"]`
	tab.do(t, chromedp.Click("#of-"+id+" summary"), chromedp.WaitVisible(silence),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).scrollIntoView({block: "end"})`, silence)), chromedp.Click(silence)) // above the notice
	done("Silenced")
	tab.eventually(t, `document.querySelector("main").textContent.includes("held by a silence of Ada until `+tab.clock(t, noon.Add(time.Hour))+`")`)

	tab.do(t, chromedp.Navigate(address+"/silences?rule=status-flagged"), chromedp.WaitVisible("#preview"))
	require.Equal(t, "Ada", ask(t, tab, chromedp.Value("#by")), "the name is known")
	require.Contains(t, ask(t, tab, chromedp.Text("#preview")), "covers 2 open alerts")
	tab.do(t, chromedp.SendKeys("#reason", "moving"), chromedp.Click("button.main"))
	done("Silenced")
	require.Len(t, b.inForce(), 2)
	require.Equal(t, "moving", b.inForce()[1].Reason)
	takePicture(t, tab, "silenced-"+tab.name)
	requireAccessible(t, tab)
	tab.do(t, chromedp.Evaluate[chromedp.Void](`window.untouched = true`), chromedp.Click(`button[formaction="./silences/s-2/end"]`))
	done("has ended")
	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.untouched === true`)), "the page was not loaded anew")
	require.Len(t, b.inForce(), 1)
	tab.requireCalm(t)
}

// By keyboard: the first stop leads to the content, the next are the pages.
func TestKeyboardInABrowser(t *testing.T) {
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		b := busyBot()
		b.rules.Refused = nil // which every page would lead to
		tab.do(t, chromedp.Navigate(serveTown(t, b)+"/numbers"), chromedp.WaitReady("main"))
		var stops []string
		for range 12 {
			tab.do(t, chromedp.KeyEvent("\t"))
			stops = append(stops, ask(t, tab, chromedp.Evaluate[string](`document.activeElement.textContent.trim() || document.activeElement.name`)))
		}
		require.Equal(t, []string{"Skip to the content", "numwatch", "Overview", "Numbers"}, stops[:4])
		require.Contains(t, stops[10:], "q")
		tab.do(t, chromedp.Focus("main [name=q]"), chromedp.KeyEvent("coffee\r"), chromedp.WaitVisible(".reset")) // there is a way back to all
		require.Contains(t, ask(t, tab, chromedp.Location()), "q=coffee")
		tab.requireCalm(t)
	})
}
