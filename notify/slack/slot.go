package slack

import (
	"context"
	"time"
)

// lookAgain is how long a channel counts as closed to searches before that is
// tried again: somebody may have given the app the scope.
const lookAgain = time.Minute

// enter is called before a post, or a reply, that is to be kept as being sent,
// and leave once its outcome is kept. Where the channel can be searched, neither
// does anything. Where it cannot, whatever was on its way when the process was
// killed is posted again, so that all such channels go one at a time: a kill
// then makes one duplicate at most. Channels enter in the order in which they
// came. It reports false when ctx ended first.
func (o *outlet) enter(ctx context.Context, target string) (leave func(), ok bool) {
	if o.canSearch(ctx, target) {
		return func() {}, true
	}
	select {
	case o.s.blind <- struct{}{}:
		return func() { <-o.s.blind }, true
	case <-ctx.Done():
		return nil, false
	}
}

// canSearch asks Slack once for each target, and where the answer is no, or none
// at all, from time to time.
func (o *outlet) canSearch(ctx context.Context, target string) bool {
	switch now := time.Now(); {
	case o.searchable == target:
		return true
	case now.Before(o.lookAt):
		return false
	default:
		o.lookAt = now.Add(lookAgain)
	}
	yes, err := o.s.poster.Searchable(ctx, target)
	if err != nil {
		o.note("find", err)
	}
	if yes {
		o.searchable, o.lookAt = target, time.Time{}
	}
	return yes
}
