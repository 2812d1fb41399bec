// Package operator is what people ask a bot to do, and what a caller that sees only some spaces
// may ask. It imports phone, alert and internal/view; web asks, and internal/bot does it.
package operator

import (
	"context"
	"fmt"

	"numwatch/alert"
	"numwatch/internal/view"
)

// Operator does what people ask for. Its errors are alert.ErrNotFound and
// alert.ErrRejected where it is the request's fault.
type Operator interface {
	Ack(ctx context.Context, id, by string) (alert.Alert, error)
	Unack(ctx context.Context, id, by string) (alert.Alert, error)
	Silence(ctx context.Context, s alert.Silence) (alert.Silence, error)
	EndSilence(ctx context.Context, id, by string) error
	// Drill sends what a rule would say, marked as a drill. The space is an id,
	// or "".
	Drill(ctx context.Context, rule, space, by string) (alert.Alert, error)
}

// Confine returns an operator that acts only within the spaces of a scope.
func Confine(o Operator, scope view.Scope) Operator { return confined{o, scope} }

type confined struct {
	Operator
	scope view.Scope
}

func (c confined) Ack(ctx context.Context, id, by string) (alert.Alert, error) {
	return c.decide(ctx, id, by, c.Operator.Ack)
}

func (c confined) Unack(ctx context.Context, id, by string) (alert.Alert, error) {
	return c.decide(ctx, id, by, c.Operator.Unack)
}

func (c confined) decide(ctx context.Context, id, by string, do func(ctx context.Context, id, by string) (alert.Alert, error)) (alert.Alert, error) {
	if _, ok := c.scope.Alert(id); !ok {
		return alert.Alert{}, fmt.Errorf("%w: alert %s", alert.ErrNotFound, id)
	}
	a, err := do(ctx, id, by)
	return *c.scope.Seen(&a), err
}

func (c confined) Silence(ctx context.Context, s alert.Silence) (alert.Silence, error) {
	if !c.scope.Confine(&s.Match) {
		return alert.Silence{}, fmt.Errorf("%w: this token sees no space with these labels", alert.ErrRejected)
	}
	return c.Operator.Silence(ctx, s)
}

func (c confined) EndSilence(ctx context.Context, id, by string) error {
	if _, ok := c.scope.Silence(id); !ok {
		return fmt.Errorf("%w: silence %s", alert.ErrNotFound, id)
	}
	return c.Operator.EndSilence(ctx, id, by)
}

func (c confined) Drill(context.Context, string, string, string) (alert.Alert, error) {
	return alert.Alert{}, fmt.Errorf("%w: a drill concerns the whole bot", alert.ErrRejected)
}
