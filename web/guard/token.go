package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"numwatch/alert"
)

// Role is what a caller may do. Each role includes those before it; the configuration
// names them in the same order.
type Role int

// The roles.
const (
	View  Role = iota // read
	Act               // acknowledge, silence, drill, and have messages sent again
	Admin             // reload the rules, accept that spaces are gone, copy the store
)

func (r Role) String() string { return [...]string{"view", "act", "admin"}[r] }

// Reach is what a route shows or changes.
type Reach int

// A route is about the spaces that its caller may see, and nothing else, or about the
// whole bot: then callers that may see only some spaces are refused.
const (
	OwnSpaces Reach = iota
	WholeBot
)

// Token admits whoever presents it.
type Token struct {
	Name   string // who acts with it; "": it is shared, and says nothing about who acts
	Secret string
	Role   Role
	Labels map[string]string // of the spaces that it may see; none: everything
	// UserHeader is the header in which a proxy, which alone knows the token, names its
	// user; "": there is no proxy.
	UserHeader string
}

// token is a Token by the sum of its secret: comparing sums keeps the secret's length
// from showing in the time taken.
type token struct {
	Token
	sum [sha256.Size]byte
}

func newToken(t Token) token {
	sum := sha256.Sum256([]byte(t.Secret))
	t.Secret = ""
	return token{t, sum}
}

// Caller is who makes a request.
type Caller struct {
	Name   string // proven by the token, or by the proxy that knows it; "": unknown
	Role   Role
	Labels map[string]string // of the spaces that it may see; none: everything
}

// maxUser is how many characters of a user's name are taken.
const maxUser = 80

// callerWith returns the caller that presents a secret. All tokens are compared, so
// that timing does not reveal a near match.
func callerWith(tokens []token, secret string, header http.Header) (c Caller, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for i := range tokens {
		t := &tokens[i]
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) != 1 {
			continue
		}
		c, ok = Caller{Name: t.Name, Role: t.Role, Labels: t.Labels}, true
		if t.UserHeader != "" {
			user := alert.Cut(strings.TrimSpace(alert.Plain(header.Get(t.UserHeader))), maxUser)
			if user == "" || len(header.Values(t.UserHeader)) > 1 {
				return Caller{}, false // the proxy does not say who it is, or passes on what its client says as well
			}
			c.Name = user
		}
	}
	return c, ok
}

// refused says why a caller may not use a route, "" where it may.
func (c Caller) refused(role Role, about Reach) string {
	switch {
	case c.Role < role:
		return fmt.Sprintf("this needs a token with the role %s; this one has %s (http.tokens of the configuration)", role, c.Role)
	case about == WholeBot && len(c.Labels) > 0:
		return "this concerns the whole bot, and this token covers only the spaces with its labels (http.tokens of the configuration)"
	default:
		return ""
	}
}
