// Package bench measures the parts as they work together, each against the minimum
// for the same work: a bare signed call, a bare commit, a bare publish. Ratios
// come from one run and the same machine. It holds tests only: go test -bench .
// ./internal/bench
package bench
