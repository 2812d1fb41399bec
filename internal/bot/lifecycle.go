package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// component is one line of the table by which the bot starts and stops. Started
// in order, components stop in reverse, because later ones need earlier ones to
// finish their work.
type component struct {
	name  string
	start func(context.Context) error // returns when the next component may start; nil: nothing to wait for
	tasks []task                      // run in the background, from then on until the component stops
	stop  func(context.Context) error // comes after the tasks have ended; may be nil
	bound time.Duration               // of starting, and of stopping
}

// task is a goroutine of a component. It must not return before its context
// ends, unless it is one that finishes: that is a failure, and ends the process.
type task struct {
	name     string
	run      func(context.Context) error
	finishes bool
}

// lifecycle runs components.
type lifecycle struct {
	ctx     context.Context
	failed  context.CancelCauseFunc // ends ctx
	running []*runningComponent
}

type runningComponent struct {
	component
	cancel context.CancelFunc
	done   chan struct{} // closed once all tasks have returned

	mu   sync.Mutex
	left []string // names of the tasks that run
	errs []error
}

// runComponents starts the components, waits for the end of ctx or the failure of
// a task, and stops what it has started. The error names each step that failed.
func runComponents(ctx context.Context, components []component, stopping func()) error {
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	l := &lifecycle{ctx: ctx, failed: failed}
	for _, c := range components {
		if err := l.start(c); err != nil {
			return errors.Join(fmt.Errorf("starting: %s: %w", c.name, err), l.stop())
		}
	}
	<-ctx.Done()
	stopping()
	return l.stop()
}

func (l *lifecycle) start(c component) error {
	if c.start != nil {
		ctx, cancel := context.WithTimeout(l.ctx, c.bound)
		defer cancel()
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	// Its tasks outlive ctx: they run until their turn to stop has come.
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.ctx))
	r := &runningComponent{component: c, cancel: cancel, done: make(chan struct{})}
	var tasks sync.WaitGroup
	for _, t := range c.tasks {
		r.left = append(r.left, t.name)
	}
	for _, t := range c.tasks {
		tasks.Go(func() { l.work(ctx, r, t) })
	}
	go func() { tasks.Wait(); close(r.done) }()
	l.running = append(l.running, r)
	return nil
}

func (l *lifecycle) work(ctx context.Context, r *runningComponent, t task) {
	err := t.run(ctx)
	stopped := ctx.Err() != nil
	switch {
	case stopped && errors.Is(err, context.Canceled):
		err = nil
	case err == nil && !stopped && !t.finishes:
		err = errors.New("exited unexpectedly")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", t.name, err)
		l.failed(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
	r.left = slices.DeleteFunc(r.left, func(name string) bool { return name == t.name })
}

// stop stops the running components, the last one first.
func (l *lifecycle) stop() (err error) {
	for _, r := range slices.Backward(l.running) {
		err = errors.Join(err, r.end(context.WithoutCancel(l.ctx)))
	}
	return err
}

func (r *runningComponent) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.bound)
	defer cancel()
	r.cancel()
	var late error
	select {
	case <-r.done:
	case <-ctx.Done():
		r.mu.Lock()
		late = fmt.Errorf("stopping the %s: not done within %s: %s", r.name, r.bound, strings.Join(r.left, ", "))
		r.mu.Unlock()
	}
	r.mu.Lock()
	err := errors.Join(append(r.errs, late)...)
	r.mu.Unlock()
	if r.component.stop != nil {
		if failed := r.component.stop(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("stopping the %s: %w", r.name, failed))
		}
	}
	return err
}
