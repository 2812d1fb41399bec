// Package guard decides who is served over HTTP: by token, by where a client is, and by
// the name that it asks for. It imports web/api for the form of errors; web wraps every
// route in it.
package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"

	"numwatch/web/api"
)

// Guard decides who is served. With a token, whoever knows it; metrics are
// also free for clients on this machine, and the probes for everybody. Without
// one the bot listens on loopback only: clients of this machine are served, if
// they mean it, and whoever comes through a proxy only where the site is open. The Host header must be one of this machine's own names or the
// public one, so that a web page elsewhere cannot reach the bot through a name
// that it controls (DNS rebinding).
//
// Where people reach the page under a name that is not this machine's, a proxy
// speaks for them, and not every proxy says so: then no client is taken for one
// of this machine.
type Guard struct {
	token  [sha256.Size]byte
	free   bool   // no token is set
	open   bool   // and whoever comes through a proxy needs none
	public string // the name in the public URL, "": unknown
	cross  *http.CrossOriginProtection
}

// New returns a guard. Without a token only clients of this machine are served, and those
// of a proxy here where the site is open; publicURL is how browsers reach the pages
// through a proxy, and may be empty.
func New(token, publicURL string, open bool) Guard {
	g := Guard{token: sha256.Sum256([]byte(token)), free: token == "", open: open, cross: http.NewCrossOriginProtection()}
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

// MetricsAccess serves what clients on this machine need no token for.
func (g Guard) MetricsAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.Local(r) && !g.Admits(r) {
			g.refuse(w, "Bearer")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// API serves programs.
func (g Guard) API(next http.HandlerFunc) http.Handler { return g.admitted("Bearer", next) }

// Page serves browsers, which ask for the token as the password.
func (g Guard) Page(next http.HandlerFunc) http.Handler {
	return g.admitted(browserChallenge, next)
}

// SecretData serves what contains callback URLs in full: without a token not even
// what a proxy on this machine passes on.
func (g Guard) SecretData(next http.HandlerFunc) http.Handler {
	return g.API(func(w http.ResponseWriter, r *http.Request) {
		if g.free && !g.Local(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			api.Fail(w, http.StatusUnauthorized, "this request may come through a proxy (http.public_url is set, or its headers say so), so it needs http.token in the configuration")
			return
		}
		next(w, r)
	})
}

// LocalOnly serves clients on this machine that may be served at all.
func (g Guard) LocalOnly(next http.HandlerFunc) http.Handler {
	return g.API(func(w http.ResponseWriter, r *http.Request) {
		if !g.Local(r) {
			api.Fail(w, http.StatusForbidden, "profiles are served only on the bot's own machine, and not if http.public_url names another host")
			return
		}
		next(w, r)
	})
}

func (g Guard) admitted(challenge string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.Admits(r) {
			g.refuse(w, challenge)
			return
		}
		next(w, r)
	})
}

// RefusePage answers a browser that may not be served.
func (g Guard) RefusePage(w http.ResponseWriter) { g.refuse(w, browserChallenge) }

func (g Guard) refuse(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	text := "the token is missing or wrong (http.token of the configuration)"
	if g.free {
		text = "this request comes from another machine, or through a proxy (http.public_url is set, or its headers say so): " +
			"set http.token in the configuration, or http.open: true to serve everybody who reaches the proxy"
	}
	api.Fail(w, http.StatusUnauthorized, text)
}

// Admits reports whether a client may be served at all.
func (g Guard) Admits(r *http.Request) bool {
	if g.free {
		return g.Local(r) || g.open && fromLoopback(r)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, token, ok = r.BasicAuth()
	}
	// Comparing sums keeps the token's length from showing in the time taken.
	sum := sha256.Sum256([]byte(token))
	return ok && subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
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
