package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// stage is a set of goroutines that are stopped together. The bot has several,
// stopped in the reverse order of their start, because later ones need the
// earlier ones to finish their work. A goroutine that fails ends the process.
type stage struct {
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	group  *errgroup.Group
	failed context.CancelCauseFunc
}

// newStage returns a stage whose goroutines outlive the end of ctx: they run
// until stop. What fails in it is reported through failed.
func newStage(ctx context.Context, name string, failed context.CancelCauseFunc) *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &stage{name: name, ctx: ctx, cancel: cancel, group: &errgroup.Group{}, failed: failed}
}

// start runs what in a goroutine of the stage. What must not return before the
// stage is stopped; if it does, that is a failure even without an error.
func (s *stage) start(what string, run func(context.Context) error) {
	s.group.Go(func() error {
		err := run(s.ctx)
		if s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
		switch {
		case err != nil:
			err = fmt.Errorf("%s: %w", what, err)
			s.failed(err)
		case s.ctx.Err() == nil:
			err = fmt.Errorf("%s: ended by itself", what)
			s.failed(err)
		}
		return err
	})
}

// once runs something in the background that ends by itself.
func (s *stage) once(run func(context.Context)) {
	s.group.Go(func() error {
		run(s.ctx)
		return nil
	})
}

// stop ends the stage's goroutines and waits for them, at most for the given
// time.
func (s *stage) stop(within time.Duration) error {
	s.cancel()
	done := make(chan error, 1)
	go func() { done <- s.group.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(within):
		return fmt.Errorf("stopping the %s: not done within %s", s.name, within)
	}
}
