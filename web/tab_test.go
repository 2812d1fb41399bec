package web

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"numwatch/internal/browsertest"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

type step = chromedp.Action[chromedp.Void]

// tab is a tab of a browser of its own, and what went wrong in it.
type tab struct {
	ctx    context.Context
	mu     sync.Mutex
	errors []string
}

func openTab(t *testing.T) *tab {
	b := &tab{ctx: browsertest.Open(t)}
	require.NoError(t, chromedp.Listen(b.ctx, b.hear))
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
	require.NoError(t, chromedp.Do(ctx, steps...))
}

// ask returns what an action finds in the page.
func ask[T any](t *testing.T, b *tab, a chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	require.NoError(t, err)
	return v
}

// eventually waits until an expression is true in the page.
func (b *tab) eventually(t *testing.T, expression string) {
	t.Helper()
	ask(t, b, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// requireCalm fails if the page has written an error to the console.
func (b *tab) requireCalm(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.errors)
}
