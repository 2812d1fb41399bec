//go:build race

package replica

// slowness is how much slower everything is than without the race detector.
const slowness = 2

const testsAtOnce = "8"
