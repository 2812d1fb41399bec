package web

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// By keys alone: to a row, acknowledged, silenced, to the search, where they are letters.
func TestKeysInABrowser(t *testing.T) {
	fromEverywhere(t, actByKeys)
}

func actByKeys(t *testing.T, tab *tab) {
	b := openStorm(t, tab, "?group=none")
	key := func(keys string) { tab.do(t, chromedp.KeyEvent(keys)) }
	at := func() string {
		return ask(t, tab, chromedp.Evaluate[string](`document.activeElement.closest("li[data-key]")?.dataset.key || ""`))
	}
	order := ask(t, tab, chromedp.Evaluate[[]string](`[...document.querySelectorAll("#list li")].map((e) => e.dataset.key)`))
	tab.do(t, chromedp.SendKeys("#by", "Ada"), chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	key("j")
	key("j")
	key("j")
	require.Equal(t, order[2], at())
	key("k")
	require.Equal(t, order[1], at())
	key("a")
	tab.eventually(t, `document.querySelectorAll("#list li")[1].textContent.includes("taken by Ada")`)
	require.Equal(t, order[1], at(), "one stays at the row")
	key("s")
	tab.eventually(t, `document.querySelectorAll("#list li")[1].textContent.includes("silenced")`)
	require.Len(t, b.inForce(), 1)
	key("j")
	key("x")
	key("j")
	key("x")
	tab.eventually(t, `document.getElementById("selected").textContent === "2 selected"`)
	key("a")
	tab.eventually(t, `document.querySelector("#said").textContent.includes("2 incidents")`)
	tab.eventually(t, `document.getElementById("selected").textContent === "all"`)
	// As a keyboard does it: a driven browser would also type the slash into the field.
	tab.do(t, chromedp.Evaluate[chromedp.Void](`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}))`))
	key("ja?")
	require.Equal(t, "ja?", ask(t, tab, chromedp.Evaluate[string](`document.querySelector("main input[type=search]").value`)))
	tab.do(t, chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	key("?")
	require.True(t, ask(t, tab, chromedp.Evaluate[bool](`document.getElementById("keys").open`)))
	requireAccessible(t, tab)
	tab.requireCalm(t)
}

// An address with a parameter that no page knows says so; the page is there all the same.
func TestUnknownParametersAreSaid(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	for name, path := range pagesOf(b) {
		if name == "silences" {
			path = "/silences?"
		}
		join := "?"
		if len(path) > 0 && (path[len(path)-1] == '?' || name == "alerts") {
			join = "&"
		}
		w := request{path: path + join + "severty=high"}.to(h)
		require.Equal(t, 200, w.Code, name)
		require.Contains(t, w.Body.String(), `unknown parameter &#34;severty&#34;: it is ignored`, name)
	}
	require.NotContains(t, request{path: "/alerts?state=all&who=nobody&group=rule&page=1&severity=high&rule=x&q=y"}.to(h).Body.String(), "In the address")
}
