// Package browsertest opens pages in Chromium for tests. It imports nothing of
// numwatch; the tests of web and notify/card use it.
package browsertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// variable names the program; without it, it is looked for on PATH.
const variable = "NUMWATCH_CHROMIUM"

// shared is the browser of a package's tests: to start one takes longer than most tests.
var shared struct {
	sync.Mutex
	ctx    context.Context // nil before the first test opens it
	folder string
}

// Run runs the tests of a package, and ends the browser that they share. TestMain of a
// package whose tests call Open exits with what it returns.
func Run(m *testing.M) int {
	defer end()
	return m.Run()
}

// Open returns the context of a tab for chromedp, which shares no cookies and no storage
// with other tabs. It fails the test where there is no Chromium, and closes the tab when
// the test ends.
func Open(t *testing.T) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.ctx == nil {
		require.NoError(t, start())
	}
	ctx, cancel := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

func start() error {
	path, err := program()
	if err != nil {
		return err
	}
	if shared.folder, err = os.MkdirTemp("", "browsertest"); err != nil {
		return err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(shared.folder), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Headless,
	}
	for _, name := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars",
		"disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(shared.folder))
	}
	shared.ctx = ctx
	return nil
}

func end() {
	shared.Lock()
	defer shared.Unlock()
	if shared.ctx != nil {
		_ = chromedp.Cancel(shared.ctx) // waits until the browser has let go of its folder
		_ = os.RemoveAll(shared.folder)
	}
}

func program() (string, error) {
	for _, name := range []string{os.Getenv(variable), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: run tools/chromium.sh, or install it (Debian: apt-get install chromium), or name one in " + variable)
}
