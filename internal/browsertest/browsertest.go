// Package browsertest opens pages in Chromium for tests. It imports nothing of
// numwatch; the tests of web and notify/card use it.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// variable names the program; without it, it is looked for on PATH.
const variable = "NUMWATCH_CHROMIUM"

// Open returns the context of a tab in a browser of its own, for chromedp. It fails
// the test where there is no Chromium, and closes the browser when the test ends.
func Open(t *testing.T) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Headless,
	}
	for _, name := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits until the browser has let go of its folder
	return ctx
}

func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv(variable), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.Fail(t, "there is no Chromium: run tools/chromium.sh, or install it (Debian: apt-get install chromium), or name one in "+variable)
	return ""
}
