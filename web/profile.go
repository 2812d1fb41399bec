package web

import (
	"net/http"
	"net/http/pprof"
)

// profiles are the routes of Go's profiles, for clients on this machine only,
// who need the token as well where one is set: they show what is in memory. A
// profile over time must end before the write time-out:
// /debug/pprof/profile?seconds=10.
func (g guard) profiles() []route {
	return []route{
		{"GET /debug/pprof/", g.here(pprof.Index)},
		{"GET /debug/pprof/profile", g.here(pprof.Profile)},
		{"GET /debug/pprof/symbol", g.here(pprof.Symbol)},
		{"GET /debug/pprof/trace", g.here(pprof.Trace)},
	}
}

// here serves clients on this machine that may be served at all.
func (g guard) here(next http.HandlerFunc) http.Handler {
	return g.api(func(w http.ResponseWriter, r *http.Request) {
		if !g.local(r) {
			fail(w, http.StatusForbidden, "profiles are for clients on the bot's own machine, where http.public_url names no other")
			return
		}
		next(w, r)
	})
}
