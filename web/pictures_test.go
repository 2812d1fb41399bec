package web

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

const (
	docs   = "../docs"
	images = docs + "/images"
	// drawVariable has the pictures of docs/ui.md drawn anew: make pictures.
	drawVariable = "NUMWATCH_PICTURES"
	// maxImages is how many bytes the pictures of the documentation may have together.
	maxImages = 1_500_000
)

// picturedBot is a bot whose pages explain themselves: without hostile names, and with
// silences.
func picturedBot() *bot {
	b := busyBot()
	b.pictured = true
	b.rules.Refused, b.rules.Compared = nil, nil
	b.numbers[0].Number.Set(phone.VerifiedName, "Harbour Coffee")
	b.alerts = slices.DeleteFunc(b.alerts, func(a alert.Alert) bool { return a.Change.New == hostile })
	b.messages = slices.DeleteFunc(b.messages, func(m alert.Message) bool {
		return m.State != alert.Dead && !slices.ContainsFunc(b.alerts, func(a alert.Alert) bool { return a.ID == m.Alerts[0].Alert })
	})
	b.events = slices.DeleteFunc(b.events, func(e alert.Event) bool {
		return e.Change.New == hostile || e.Change.Number != nil && e.Change.Number.Get(phone.VerifiedName) == hostile
	})
	b.status.Accounts[0].Discovery.Error = ""
	b.silences = []alert.Silence{
		{ID: "s-1", Match: alert.Matcher{Rule: "limit-lowered", Labels: map[string]string{"tier": "silver"}}, By: "Wei Ling", Reason: "lowered on purpose while the templates are reviewed", From: noon.Add(-time.Hour), Until: noon.Add(3 * time.Hour)},
		{ID: "s-2", Match: alert.Matcher{Rule: "routing-changed"}, By: "Ada", Reason: "the hooks move to the new region", From: noon.Add(10 * time.Hour), Until: noon.Add(12 * time.Hour), Planned: true},
	}
	return b
}

// picturedPages are the pages of docs/ui.md, by the name of their pictures.
func picturedPages(b *bot) map[string]string {
	pages := pagesOf(b)
	pages["alerts"], pages["number"] = "/alerts", "/"+numberPath(b.alerts[0].Subject)
	return pages
}

// The pages of docs/ui.md are pictured anew with the variable; without it one of them is, so
// that it is known that they can be.
func TestPicturesInABrowser(t *testing.T) {
	b := picturedBot()
	address := serveTown(t, b)
	tab := openTab(t, places[0])
	pages, draw := picturedPages(b), os.Getenv(drawVariable) == "write"
	if !draw {
		pages = map[string]string{"overview": pages["overview"]}
	}
	for name, path := range pages {
		for _, l := range looks {
			tab.do(t, l.set(), chromedp.Navigate(address+path), chromedp.WaitReady("main"))
			tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
			picture := ask(t, tab, webP)
			require.NotEmpty(t, picture, name)
			if draw {
				require.NoError(t, os.WriteFile(filepath.Join(images, name+"-"+l.name+".webp"), picture, 0o644))
			}
		}
	}
	tab.requireCalm(t)
}

// webP takes a picture of what is on the screen.
var webP chromedp.Action[[]byte] = func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
	quality := int64(30) // text stays crisp
	shot, err := cdp.Call(ctx, target, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormatWebp, Quality: &quality})
	if err != nil {
		return nil, err
	}
	return shot.Data, nil
}

// docs/ui.md has every page by its name and in every look, the pictures that it, the README
// and the pages about Slack and Chinese name are there, and none is there that they do not
// name.
func TestPicturesOfTheDocumentation(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	ui, readme := read(docs+"/ui.md"), read("../README.md")
	named := regexp.MustCompile(`\bimages/([a-z-]+\.(?:webp|png))`)
	shown := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(ui+readme+read(docs+"/slack.md")+read(docs+"/language.md"), -1) {
		shown[m[1]] = true
		_, err := os.Stat(filepath.Join(images, m[1]))
		require.NoError(t, err, "make pictures draws it")
	}
	all, err := os.ReadDir(images)
	require.NoError(t, err)
	var bytes int64
	for _, file := range all {
		require.True(t, shown[file.Name()], "%s is shown nowhere", file.Name())
		info, err := file.Info()
		require.NoError(t, err)
		bytes += info.Size()
	}
	require.Less(t, bytes, int64(maxImages))

	b := picturedBot()
	h := New(b.options(t))
	for name, path := range picturedPages(b) {
		for _, l := range looks {
			require.Contains(t, ui, "images/"+name+"-"+l.name+".webp")
		}
		require.Equal(t, 200, request{path: path}.to(h).Code, name)
	}
	front := request{path: "/"}.to(h).Body.String()
	_, tabs, _ := strings.Cut(front, `<nav aria-label="Pages">`)
	tabs, _, _ = strings.Cut(tabs, "</nav>")
	found := regexp.MustCompile(`<li><a href="[^"]*"[^>]*>([A-Za-z]+)`).FindAllStringSubmatch(tabs, -1)
	require.Len(t, found, 8)
	for _, m := range found {
		require.Contains(t, ui, "\n## "+m[1]+"\n", "as the tab is called")
	}
}
