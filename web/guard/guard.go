// Package guard decides who is served over HTTP, and what they may do: by token, by the
// client's address, and by the Host that it asks for. It imports web/api and web/display
// for the form of errors; web and web/standby wrap every route in it.
package guard

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"numwatch/web/api"
	"numwatch/web/display"
)

// Guard decides who is served. With tokens, whoever knows one of them; metrics are
// also free for clients on this machine, and the probes for everybody. Without
// any the bot listens on loopback only: clients of this machine are served, if
// they mean it, and whoever comes through a proxy only where the site is open. The Host header must be one of this machine's own names or the
// public one, so that a web page elsewhere cannot reach the bot through a name
// that it controls (DNS rebinding).
//
// Where people reach the page under a name that is not this machine's, a proxy
// speaks for them, and not every proxy says so: then no client is taken for one
// of this machine.
type Guard struct {
	tokens []token
	free   bool   // no token is set
	open   bool   // and whoever comes through a proxy needs none
	public string // the name in the public URL, "": unknown
	cross  *http.CrossOriginProtection
}

// New returns a guard. Without tokens only clients of this machine are served, and those
// of a proxy here where the site is open; publicURL is how browsers reach the pages
// through a proxy, and may be empty.
func New(tokens []Token, publicURL string, open bool) Guard {
	g := Guard{free: len(tokens) == 0, open: open, cross: http.NewCrossOriginProtection()}
	for _, t := range tokens {
		g.tokens = append(g.tokens, newToken(t))
	}
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		g.public = u.Hostname()
		// Fails only for an origin without scheme or host, and this has both
		// or is not served to browsers.
		_ = g.cross.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	return g
}

const (
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	browserChallenge = `Basic realm="numwatch: any name, the token as password", charset="UTF-8"`
)

// Wrap wraps the whole site: headers that every answer has, the check of
// Host, and no changes on behalf of another site's page.
func (g Guard) Wrap(next http.Handler) http.Handler {
	next = g.cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Without a referrer browsers send no origin with a form either.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if g.free && !g.knownHost(r.Host) {
			http.Error(w, "unknown Host header: use localhost, or set http.public_url or http.token", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Handler serves a caller that has been admitted.
type Handler func(http.ResponseWriter, *http.Request, Caller)

// MetricsAccess serves what clients on this machine need no token for. It tells about all
// spaces.
func (g Guard) MetricsAccess(next http.Handler) http.Handler {
	guarded := g.API(View, WholeBot, func(w http.ResponseWriter, r *http.Request, _ Caller) { next.ServeHTTP(w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Local(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// Readyz answers everybody, because an orchestrator's probe knows no token, but says why
// numwatch is not ready only to those who may know.
func (g Guard) Readyz(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := ready()
		switch {
		case err == nil:
			_, _ = io.WriteString(w, "ready\n")
		case g.Local(r) || g.May(r, View, WholeBot):
			http.Error(w, "not ready: "+display.Line(err.Error()), http.StatusServiceUnavailable)
		default:
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	}
}

// API serves programs.
func (g Guard) API(role Role, about Reach, next Handler) http.Handler {
	return g.admitted("Bearer", role, about, next)
}

// Page serves browsers, which ask for the token as the password.
func (g Guard) Page(role Role, about Reach, next Handler) http.Handler {
	return g.admitted(browserChallenge, role, about, next)
}

// SecretData serves what contains callback URLs in full: without a token, not even
// to a proxy on this machine.
func (g Guard) SecretData(next Handler) http.Handler {
	return g.API(Admin, WholeBot, func(w http.ResponseWriter, r *http.Request, c Caller) {
		if g.free && !g.Local(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			api.Fail(w, http.StatusUnauthorized, "this request may come through a proxy (http.public_url is set, or its headers say so), so it needs http.token in the configuration")
			return
		}
		next(w, r, c)
	})
}

// LocalOnly serves clients on this machine that may do everything.
func (g Guard) LocalOnly(next http.HandlerFunc) http.Handler {
	return g.API(Admin, WholeBot, func(w http.ResponseWriter, r *http.Request, _ Caller) {
		if !g.Local(r) {
			api.Fail(w, http.StatusForbidden, "profiles are served only on the bot's own machine, and not if http.public_url names another host")
			return
		}
		next(w, r)
	})
}

func (g Guard) admitted(challenge string, role Role, about Reach, next Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := g.Caller(r)
		if !ok {
			g.refuse(w, challenge)
			return
		}
		if why := c.refused(role, about); why != "" {
			api.Fail(w, http.StatusForbidden, why)
			return
		}
		next(w, r, c)
	})
}

// RefusePage answers a browser that may not be served.
func (g Guard) RefusePage(w http.ResponseWriter) { g.refuse(w, browserChallenge) }

func (g Guard) refuse(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	text := "the token is missing or wrong (http.token and http.tokens of the configuration)"
	if g.free {
		text = "this request comes from another machine, or through a proxy (http.public_url is set, or its headers say so): " +
			"set http.token in the configuration, or http.open: true to serve everybody who reaches the proxy"
	}
	api.Fail(w, http.StatusUnauthorized, text)
}

// Caller says who makes a request; false: it is not to be served.
func (g Guard) Caller(r *http.Request) (Caller, bool) {
	if g.free {
		return Caller{Role: Admin}, g.Local(r) || g.open && fromLoopback(r)
	}
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, secret, ok = r.BasicAuth()
	}
	if !ok {
		return Caller{}, false
	}
	return callerWith(g.tokens, secret, r.Header)
}

// May reports whether a client is served with at least a role, and about what.
func (g Guard) May(r *http.Request, role Role, about Reach) bool {
	c, ok := g.Caller(r)
	return ok && c.refused(role, about) == ""
}

func (g Guard) knownHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return isThisMachine(name) ||
		g.public != "" && strings.EqualFold(name, g.public)
}

// Local reports whether the client itself runs on this machine, as opposed to
// one that a proxy here speaks for.
func (g Guard) Local(r *http.Request) bool {
	if g.public != "" && !isThisMachine(g.public) {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return fromLoopback(r)
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && isLoopback(host)
}

func isThisMachine(name string) bool { return strings.EqualFold(name, "localhost") || isLoopback(name) }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
