package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Whatever of the demo fails, all of it ends and says why.
func TestAPartThatFailsEndsTheDemo(t *testing.T) {
	broken := errors.New("broken")
	fails := func(context.Context) error { return broken }
	works := func(ctx context.Context) error { <-ctx.Done(); return nil }
	ends := func(context.Context) error { return nil }
	type part = func(context.Context) error
	for name, parts := range map[string][3]part{
		"the bot": {fails, works, works}, "the cloud": {works, fails, works}, "the scenario": {works, works, fails},
		"the bot, once the scenario is over": {fails, works, ends},
	} {
		synctest.Test(t, func(t *testing.T) { // a hang would be a deadlock here
			require.ErrorIs(t, together(t.Context(), parts[0], parts[1], parts[2]), broken, name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, together(ctx, works, works, works))
	})
}
