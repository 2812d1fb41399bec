//go:build !race

package replica

const slowness = 1

// testsAtOnce is more than there are processors: nearly all of the time is spent waiting for leases and elections to end.
const testsAtOnce = "16"
