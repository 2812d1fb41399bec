// Package bench measures the parts as they work together, each beside the least
// that anybody would need for the same: a bare signed call, a bare commit, a
// bare publish. Ratios come from one run and the same machine. It holds tests
// only: go test -bench . ./internal/bench
package bench
