package notify

import (
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after that many failures in a row: twice as
// long after each, up to max, with jitter.
func Backoff(failures int, first, max time.Duration) time.Duration {
	return Jitter(min(max, first<<min(failures, 16)))
}

// Jitter returns between half of d and d, so that clients that wait for the same
// thing do not retry together.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
