package web

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"numwatch/internal/browsertest"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

type step = chromedp.Action[chromedp.Void]

func TestMain(m *testing.M) { os.Exit(browsertest.Run(m)) }

// look is how a page is looked at.
type look struct {
	name   string
	scheme string
	width  int64
}

var (
	wideLight, wideDark   = look{"light", "light", 1280}, look{"dark", "dark", 1280}
	phoneLight, phoneDark = look{"phone-light", "light", 390}, look{"phone-dark", "dark", 390}
	looks                 = []look{wideLight, wideDark, phoneLight, phoneDark}
)

func (l look) set() step {
	return chromedp.Steps(chromedp.EmulateViewport(l.width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
		return err
	}))
}

// place is where a reader looks from: with which screen, and in which zone.
type place struct {
	look
	zone string
}

// places are those that every browser test looks from.
var places = []place{{wideLight, "UTC"}, {phoneLight, "Asia/Singapore"}, {phoneDark, "America/St_Johns"}}

// clock is how a page says a time there.
func (p place) clock(t *testing.T, at time.Time) string {
	zone, err := time.LoadLocation(p.zone)
	require.NoError(t, err)
	return at.In(zone).Format(time.DateTime)
}

func (p place) set() step {
	return chromedp.Steps(p.look.set(), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: p.zone})
		return err
	}))
}

// fromEverywhere runs a test from each of the places.
func fromEverywhere(t *testing.T, test func(t *testing.T, tab *tab)) {
	for _, p := range places {
		t.Run(p.name+" in "+p.zone, func(t *testing.T) {
			t.Parallel()
			test(t, openTab(t, p))
		})
	}
}

// tab is a tab of the browser, and what went wrong in it.
type tab struct {
	place
	ctx    context.Context
	mu     sync.Mutex
	errors []string
}

func openTab(t *testing.T, p place) *tab {
	b := &tab{place: p, ctx: browsertest.Open(t)}
	require.NoError(t, chromedp.Listen(b.ctx, b.hear))
	b.do(t, p.set(), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error { // as if nobody looked at another tab
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	return b
}

func (b *tab) hear(event any) {
	wrong := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		wrong = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			wrong += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			wrong = fmt.Sprint("console: ", e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			wrong = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if wrong != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errors = append(b.errors, wrong)
	}
}

// patience bounds every step.
const patience = 30 * time.Second

func (b *tab) do(t *testing.T, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for _, one := range steps {
		_, err := tryAgain(ctx, func() (chromedp.Void, error) { return chromedp.Run(ctx, one) })
		require.NoError(t, err)
	}
}

// ask returns what an action finds in the page.
func ask[T any](t *testing.T, b *tab, a chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := tryAgain(ctx, func() (T, error) { return chromedp.Run(ctx, a) })
	require.NoError(t, err)
	return v
}

// interruptions are what Chromium says where the page has replaced an element between its
// being found and its being used, as a live page does, or where the page itself was left:
// nothing was done, and another try finds what is there now.
var interruptions = []string{
	"Could not find node with given id", "No node with given id found", "No node found for given backend id", "Could not find object with given id",
	"Node is detached from document", "Node does not have a layout object", "Node with given id does not belong to the document",
	"Could not compute box model.", "Could not compute content quads.",
	"Cannot find context with specified id", "Cannot find default execution context", "Execution context was destroyed.",
	"Inspected target navigated or closed", "uniqueContextId not found",
}

// tryAgain does something until the page does not interrupt it.
func tryAgain[T any](ctx context.Context, try func() (T, error)) (v T, err error) {
	for {
		v, err = try()
		var said *cdproto.Error
		if !errors.As(err, &said) || !slices.Contains(interruptions, said.Message) || ctx.Err() != nil {
			return v, err
		}
	}
}

func TestWhatThePageInterruptsIsTriedAgain(t *testing.T) {
	tries := 0
	found, err := tryAgain(t.Context(), func() (string, error) {
		tries++
		if tries <= len(interruptions) {
			return "", fmt.Errorf("clicking: %w", &cdproto.Error{Code: -32000, Message: interruptions[tries-1]})
		}
		return "found", nil
	})
	require.NoError(t, err)
	require.Equal(t, "found", found)
	_, err = tryAgain(t.Context(), func() (string, error) { return "", &cdproto.Error{Code: -32000, Message: "DOM Error while querying"} })
	require.ErrorContains(t, err, "querying")
}

// eventually waits until an expression is true in the page.
func (b *tab) eventually(t *testing.T, expression string) {
	t.Helper()
	ask(t, b, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// hover points at the middle of the screen.
func (b *tab) hover(t *testing.T) {
	t.Helper()
	b.do(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, float64(b.width)/2, 450))
}

// rest points at the middle of the page as it is scrolled now, and returns what fails a
// test if the page has been scrolled since, or anything else is under the pointer.
func (b *tab) rest(t *testing.T) (still func(after string)) {
	t.Helper()
	b.hover(t)
	at := func() string {
		return ask(t, b, chromedp.Evaluate[string](`scrollY + " " + document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.textContent`))
	}
	was := at()
	return func(after string) {
		t.Helper()
		require.Equal(t, was, at(), after)
	}
}

// scrollDown leaves the top of the page, where there is more than fits on the screen.
const scrollDown = `scrollTo(0, Math.min(333, document.documentElement.scrollHeight - innerHeight))`

// requireCalm fails if the page has written an error to the console.
func (b *tab) requireCalm(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.errors)
}
