// Package robot simulates the groups of DingTalk, Feishu and WeCom that custom robots post
// to: strict about tokens, signatures, limits, sizes and forms, and with faults on demand. It
// shares no code with the sink and imports the standard library; tests and `numwatch sim`
// use it.
package robot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The kinds of groups.
const (
	DingTalk = "dingtalk"
	Feishu   = "feishu"
	WeCom    = "wecom"
)

// Config is what a group expects.
type Config struct {
	Kind     string
	Token    string   // in the address
	Secret   string   // ""; requests are not signed
	Keywords []string // one of which a message must hold; none: any message
	Log      *slog.Logger
	Taken    func(Message) // hears of each message that is taken; must be quick. Nil: nobody does
}

// Message is a message that was accepted.
type Message struct {
	At       time.Time
	Title    string
	Color    string // of the title; "" where there is none
	Text     string // all that is parsed as markdown
	Plain    string // all that is not
	Mentions []string
	Links    []string // all that a client makes links of, buttons too
}

// Fault is how a group fails one request.
type Fault struct {
	Code   int // of HTTP; 0: the connection breaks off
	Answer int // the vendor's own code, in a body with Code 200
	Took   bool
}

// Group is an http.Handler, and safe for concurrent use.
type Group struct {
	config  Config
	dialect dialect

	mu     sync.Mutex
	faults []Fault
	taken  []Message
	asked  []time.Time // requests that count
	silent time.Time   // it takes nothing before this
	codes  map[int]int // how often it answered so
}

// dialect is how one vendor behaves.
type dialect struct {
	path   string
	key    string // of the token in the query; "": it ends the path
	limits []limit
	silent time.Duration // where there were too many
	// read judges a request; a code other than 0 refuses it.
	read   func(c *Config, r *http.Request, body []byte) (Message, refusal)
	answer func(code int, text string) map[string]any
	many   refusal // for what comes too fast
	lost   refusal // for a wrong token
	word   refusal // for a message without a keyword
}

type limit struct {
	most int
	per  time.Duration
}

type refusal struct {
	code int
	text string
}

// New returns a group.
func New(c Config) *Group {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Group{config: c, dialect: map[string]dialect{DingTalk: dingtalk, Feishu: feishu, WeCom: wecom}[c.Kind], codes: map[int]int{}}
}

// Path is the address of the robot on this server.
func (g *Group) Path() string {
	if g.dialect.key == "" {
		return g.dialect.path + g.config.Token
	}
	return g.dialect.path + "?" + g.dialect.key + "=" + g.config.Token
}

// Fail makes the next requests fail, one by each of the faults.
func (g *Group) Fail(faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, faults...)
}

// Heal drops the faults that have not happened yet, and a silence.
func (g *Group) Heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults, g.silent = nil, time.Time{}
}

// Taken returns the accepted messages in the order in which they came.
func (g *Group) Taken() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.taken)
}

// Answers is how often it answered with each of its codes; 0 is success.
func (g *Group) Answers() map[int]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.codes)
}

const maxBody = 1 << 20

// ServeHTTP takes a message. It panics with http.ErrAbortHandler to break a connection.
func (g *Group) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	g.mu.Lock()
	answer, status := g.take(r, body)
	g.codes[answer.code]++
	g.mu.Unlock()
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(g.dialect.answer(answer.code, answer.text)) // the client may have gone
}

// take is called with the lock held.
func (g *Group) take(r *http.Request, body []byte) (answer refusal, status int) {
	d := &g.dialect
	token, given := strings.CutPrefix(r.URL.Path, d.path)
	if d.key != "" && token == "" {
		token = r.URL.Query().Get(d.key)
	}
	switch {
	case r.Method != http.MethodPost:
		return refusal{-2, "the method is " + r.Method}, http.StatusMethodNotAllowed
	case !given || token != g.config.Token:
		return g.dialect.lost, http.StatusOK
	case !g.inTime():
		return g.dialect.many, http.StatusOK
	}
	m, answer := g.dialect.read(&g.config, r, body)
	if answer.code == 0 && !g.holdsKeyword(&m) {
		answer = g.dialect.word
	}
	if answer.code != 0 {
		g.config.Log.Warn("refused", "code", answer.code, "text", answer.text)
		return answer, http.StatusOK
	}
	f := Fault{Code: http.StatusOK, Took: true}
	if len(g.faults) > 0 {
		f, g.faults = g.faults[0], g.faults[1:]
	}
	if f.Took {
		m.At = time.Now()
		g.taken = append(g.taken, m)
		if g.config.Taken != nil {
			g.config.Taken(m)
		}
		g.config.Log.Info("taken", "title", m.Title, "mentions", m.Mentions, "text", m.Text)
	}
	if f.Answer != 0 {
		return refusal{f.Answer, "a fault that was asked for"}, http.StatusOK
	}
	return refusal{}, f.Code
}

// inTime counts a request, and reports whether it is within the limits.
func (g *Group) inTime() bool {
	now := time.Now()
	if now.Before(g.silent) {
		return false
	}
	g.asked = append(g.asked, now)
	for _, l := range g.dialect.limits {
		n := 0
		for _, at := range g.asked {
			if at.After(now.Add(-l.per)) {
				n++
			}
		}
		if n > l.most {
			g.silent = now.Add(g.dialect.silent)
			return false
		}
	}
	return true
}

func (g *Group) holdsKeyword(m *Message) bool {
	return len(g.config.Keywords) == 0 || slices.ContainsFunc(g.config.Keywords, func(word string) bool {
		return strings.Contains(m.Title+"\n"+m.Text+"\n"+m.Plain, word)
	})
}

// known checks that a body has these members only.
func known(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decoding a message: %w", err)
	}
	return nil
}
