package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The methods that the simulator knows.
const (
	AuthTest    = "auth.test"
	PostMessage = "chat.postMessage"
	PostPrivate = "chat.postEphemeral"
	Update      = "chat.update"
	History     = "conversations.history"
	Replies     = "conversations.replies"
	List        = "conversations.list"
	Info        = "conversations.info"
	OpenSocket  = "apps.connections.open"
)

const maxBody = 4 << 20

// call is a request taken apart: a form, and the token in it or in a header.
type call struct {
	method  string
	token   string
	channel string
	host    string     // at which the simulator was called
	args    url.Values // without the token
}

func readCall(r *http.Request) (*call, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("reading arguments: %w", err)
	}
	c := &call{
		method: strings.TrimPrefix(r.URL.Path, "/api/"), token: r.Form.Get("token"), channel: r.Form.Get("channel"), host: r.Host, args: r.Form,
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && c.token == "" {
		c.token = bearer
	}
	c.args.Del("token")
	return c, nil
}

// flag reads a boolean argument.
func (c *call) flag(name string) bool {
	v := strings.ToLower(c.args.Get(name))
	return v == "1" || v == "true"
}

// authorise checks the token and its scopes; nil means they are good.
func (s *Server) authorise(c *call) *answer {
	if c.token == "" {
		return refuse("not_authed")
	}
	want := s.token
	if c.method == OpenSocket { // the one that takes a token of the app
		if want = s.appToken; !strings.HasPrefix(c.token, "xapp-") {
			return refuse("not_allowed_token_type")
		}
	}
	if c.token != want {
		return refuse("invalid_auth")
	}
	if need := scopeOf(c.method); need != "" && !s.scopes[need] {
		return failure("missing_scope", map[string]any{"needed": need, "provided": s.provided()})
	}
	return nil
}

func scopeOf(method string) string {
	switch method {
	case PostMessage, PostPrivate, Update:
		return "chat:write"
	case History, Replies:
		return "channels:history"
	case List, Info:
		return "channels:read"
	}
	return ""
}

func allScopes() []string { return []string{"chat:write", "channels:history", "channels:read"} }

func (s *Server) provided() string {
	return strings.Join(slices.Sorted(maps.Keys(s.scopes)), ",")
}

// answer is a response as it will go over the wire.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // the error, "" if the call was good
	drop   bool   // send nothing, close the connection
}

func respond(doc map[string]any) *answer {
	body, err := json.Marshal(doc)
	if err != nil { // nothing in doc can fail to marshal
		return &answer{status: http.StatusInternalServerError, header: http.Header{}}
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	return &answer{status: http.StatusOK, header: h, body: body}
}

func good(doc map[string]any) *answer {
	doc["ok"] = true
	return respond(doc)
}

// failure is an error of the API: HTTP 200 and ok false.
func failure(code string, more map[string]any) *answer {
	doc := map[string]any{"ok": false, "error": code}
	for k, v := range more {
		doc[k] = v
	}
	a := respond(doc)
	a.code = code
	return a
}

func refuse(code string) *answer { return failure(code, nil) }

// limited is the answer to a call beyond a limit.
func limited(wait time.Duration) *answer {
	a := refuse("ratelimited")
	a.status = http.StatusTooManyRequests
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	a.header.Set("Retry-After", strconv.Itoa(seconds))
	return a
}
