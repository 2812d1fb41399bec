package slack

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	Update      = "chat.update"
	History     = "conversations.history"
	Replies     = "conversations.replies"
	List        = "conversations.list"
	Info        = "conversations.info"
	OpenSocket  = "apps.connections.open"
)

const maxBody = 4 << 20

// call is a request taken apart. Arguments come from the query, a form or a
// JSON object alike.
type call struct {
	method  string
	token   string
	channel string
	args    url.Values // without the token
}

func readCall(r *http.Request) (*call, error) {
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		method = ""
	}
	args, err := readArgs(r)
	if err != nil {
		return nil, err
	}
	c := &call{method: method, token: args.Get("token"), channel: args.Get("channel"), args: args}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && c.token == "" {
		c.token = bearer
	}
	args.Del("token")
	return c, nil
}

func readArgs(r *http.Request) (url.Values, error) {
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r.Body, maxBody), r.Body}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
			err := r.ParseMultipartForm(maxBody)
			return r.Form, err
		}
		err := r.ParseForm()
		return r.Form, err
	}
	var object map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&object); err != nil && !errors.Is(err, io.EOF) { // a call without arguments has no body
		return nil, fmt.Errorf("reading arguments: %w", err)
	}
	args := r.URL.Query()
	for name, raw := range object {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		args.Set(name, text)
	}
	return args, nil
}

// flag reads a boolean argument.
func (c *call) flag(name string) bool {
	v := strings.ToLower(c.args.Get(name))
	return v == "1" || v == "true"
}

// authorise checks the token and its scopes; nil means they are good.
func (s *Server) authorise(c *call) *answer {
	if c.token == "" {
		a := refuse("not_authed")
		return &a
	}
	if c.method == OpenSocket {
		return s.authoriseApp(c)
	}
	if subtle.ConstantTimeCompare([]byte(c.token), []byte(s.token)) != 1 {
		a := refuse("invalid_auth")
		return &a
	}
	if need := scopeOf(c.method); need != "" && !s.scopes[need] {
		a := failure("missing_scope", map[string]any{"needed": need, "provided": strings.Join(s.provided(), ",")})
		return &a
	}
	return nil
}

// authoriseApp checks a token of the app, not of its bot.
func (s *Server) authoriseApp(c *call) *answer {
	switch {
	case !strings.HasPrefix(c.token, "xapp-"):
		a := refuse("not_allowed_token_type")
		return &a
	case subtle.ConstantTimeCompare([]byte(c.token), []byte(s.appToken)) != 1:
		a := refuse("invalid_auth")
		return &a
	}
	return nil
}

func scopeOf(method string) string {
	switch method {
	case PostMessage, Update:
		return "chat:write"
	case History, Replies:
		return "channels:history"
	case List, Info:
		return "channels:read"
	}
	return ""
}

func allScopes() []string { return []string{"chat:write", "channels:history", "channels:read"} }

func (s *Server) provided() []string {
	var out []string
	for scope := range s.scopes {
		out = append(out, scope)
	}
	slices.Sort(out)
	return out
}

// answer is a response as it will go over the wire.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // the error, "" if the call was good
	drop   bool   // send nothing, close the connection
}

func respond(doc map[string]any) answer {
	body, err := json.Marshal(doc)
	if err != nil { // nothing in doc can fail to marshal
		return answer{status: http.StatusInternalServerError, header: http.Header{}}
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	return answer{status: http.StatusOK, header: h, body: body}
}

func good(doc map[string]any) answer {
	doc["ok"] = true
	return respond(doc)
}

// failure is an error of the API: HTTP 200 and ok false.
func failure(code string, more map[string]any) answer {
	doc := map[string]any{"ok": false, "error": code}
	for k, v := range more {
		doc[k] = v
	}
	a := respond(doc)
	a.code = code
	return a
}

func refuse(code string) answer { return failure(code, nil) }

// limited is the answer to a call beyond a limit.
func limited(wait time.Duration) answer {
	a := refuse("ratelimited")
	a.status = http.StatusTooManyRequests
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	a.header.Set("Retry-After", strconv.Itoa(seconds))
	return a
}
