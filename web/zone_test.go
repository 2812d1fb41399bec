package web

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// What a page says of times, wherever it does: in texts, in labels and where one points.
const everyText = `document.body.innerText + "\n" + [...document.querySelectorAll("[title], [aria-label], svg title, svg text, input")].map((e) =>
	[e.id === "zone" ? "" : e.title, e.getAttribute("aria-label"), e.localName === "title" || e.localName === "text" ? e.textContent : "", e.value].join("\n")).join("\n")`

// requireOneZone fails if a page does not say all times in the reader's own zone, which it
// names once.
func requireOneZone(t *testing.T, tab *tab) {
	t.Helper()
	text := ask(t, tab, chromedp.Evaluate[string](everyText))
	require.Contains(t, text, "As of "+tab.clock(t, noon))
	require.Len(t, regexp.MustCompile(tab.zone).FindAllString(text, -1), 1, "it names its zone once")
	if tab.zone != "UTC" {
		require.NotRegexp(t, `\bUTC\b`, text)
	}
}

// A chart counts back from now in the reader's zone too.
func TestTicksOfAChartInABrowser(t *testing.T) {
	b := busyBot()
	address := serveTown(t, b)
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		tab.do(t, chromedp.Navigate(address+"/"), chromedp.WaitReady("main"))
		want := tab.clock(t, noon.Add(30*time.Minute))[len("2026-11-23 "):][:len("12:30")]
		require.Equal(t, want, ask(t, tab, chromedp.Evaluate[string](`document.querySelector(".chart .tick").textContent`)), "24 hours before 12:30 UTC")
		tab.requireCalm(t)
	})
}

// A time that is typed is of the reader's zone, and so is one that is shown in a form.
func TestTimesOfFormsInABrowser(t *testing.T) {
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		b := busyBot()
		until := time.Date(2026, 12, 1, 7, 30, 0, 0, time.UTC)
		tab.do(t, chromedp.Navigate(serveTown(t, b)+"/silences?rule=quality-red&until=2026-12-01T07:30"), chromedp.WaitReady("main"))
		require.Equal(t, tab.clock(t, until), strings.Replace(ask(t, tab, chromedp.Value("#until")), "T", " ", 1)+":00")
		say := map[string]string{"America/St_Johns": "This time does not exist in America/St_Johns: after 01:59 comes 03:00."}[tab.zone] // where clocks skip an hour
		require.Equal(t, say, ask(t, tab, chromedp.Evaluate[string](`(() => { const from = document.getElementById("from"), type = (value) => {
			from.value = value; from.dispatchEvent(new Event("input", { bubbles: true })); return from.validationMessage; };
			const said = type("2027-03-14T02:30"); return type("2027-03-14T03:30") + type("") + said; })()`)))
		tab.do(t, chromedp.SendKeys("#by", "Ada"), chromedp.SendKeys("#reason", "moving"), chromedp.Click("button.main"), chromedp.WaitVisible("[data-done]"))
		require.Equal(t, until, b.inForce()[0].Until)
		if tab.zone != "UTC" {
			tab.do(t, chromedp.Click("#zone"), chromedp.WaitVisible(`#zone[title^="All times are in UTC. Show"]`)) // as chosen, from now on
		}
		tab.eventually(t, `document.querySelector(".asof time").textContent.startsWith("2026-11-23 12:00:00")`)
		tab.requireCalm(t)
	})
}
