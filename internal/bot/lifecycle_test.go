package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// diary notes what components do, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// component returns one with one task that ends when it is told to.
func (d *diary) component(name string) component {
	return component{
		name: name, bound: time.Second,
		start: func(context.Context) error { d.add("start " + name); return nil },
		tasks: []task{{name: name, run: func(ctx context.Context) error { <-ctx.Done(); d.add("end " + name); return ctx.Err() }}},
		stop:  func(context.Context) error { d.add("stop " + name); return nil },
	}
}

func TestComponentsStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		once := component{name: "once", tasks: []task{{name: "once", finishes: true, run: func(context.Context) error { return nil }}}, bound: time.Second}
		require.NoError(t, runComponents(ctx, []component{d.component("store"), once, d.component("sinks")}, func() { d.add("stopping") }))
		require.Equal(t, []string{"start store", "start sinks", "stopping", "end sinks", "stop sinks", "end store", "stop store"}, d.lines)
	})
}

func TestWhatFailsEndsEverything(t *testing.T) {
	for text, run := range map[string]func(context.Context) error{
		"http: the listener is gone": func(context.Context) error { return errors.New("the listener is gone") },
		"http: exited unexpectedly":  func(context.Context) error { return nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			failing := component{name: "sinks", tasks: []task{{name: "http", run: run}}, bound: time.Second}
			err := runComponents(t.Context(), []component{d.component("store"), failing, d.component("pollers")}, func() {})
			require.EqualError(t, err, text)
			require.Contains(t, d.lines, "stop store")
		})
	}
}

func TestOnlyWhatStartedIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		hangs := d.component("state")
		hangs.start = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		err := runComponents(t.Context(), []component{d.component("store"), hangs, d.component("sinks")}, func() {})
		require.EqualError(t, err, "starting: state: context deadline exceeded")
		require.Equal(t, []string{"start store", "end store", "stop store"}, d.lines)
	})
}

func TestAStopThatHangsIsNamedAndPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		release := make(chan struct{})
		defer close(release)
		hangs := d.component("sinks")
		hangs.tasks = append(hangs.tasks, task{name: "slack", run: func(context.Context) error { <-release; return nil }})
		refuses := component{name: "notices", stop: func(context.Context) error { return errors.New("no") }, bound: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := runComponents(ctx, []component{d.component("store"), hangs, refuses}, func() {})
		require.EqualError(t, err, "stopping the notices: no\nstopping the sinks: not done within 1s: slack")
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Contains(t, d.lines, "stop store")
	})
}

// Tasks that end while others of their component are still being started, under
// the race detector: again and again, as it takes luck to meet.
func TestTasksMayEndAtOnce(t *testing.T) {
	tasks := make([]task, 20)
	for i := range tasks {
		tasks[i] = task{name: fmt.Sprint(i), finishes: true, run: func(context.Context) error { return nil }}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 500 {
		require.NoError(t, runComponents(ctx, []component{{name: "many", tasks: tasks, bound: time.Minute}}, func() {}))
	}
}
