// Package slack simulates the part of Slack's Web API that numwatch speaks,
// as an http.Handler under /api/: posting and updating messages, reading
// channels back, and Socket Mode with slash commands and buttons, with the rate limits and size limits of the real one and
// faults that can be injected. It shares no code with the notifier, so that
// each tests the other.
package slack

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// The identity that the bot has in the workspace.
const (
	TeamID = "T0SIM00001"
	UserID = "U0SIMBOT01"
	BotID  = "B0SIMBOT01"
)

// socketTicket lets whoever has it read what people do in Slack: a secret.
const socketTicket = "S3CRET-ticket-of-the-socket"

// Server is a simulated workspace. It and all its methods are safe for
// concurrent use.
type Server struct {
	clock  func() time.Time
	log    *slog.Logger
	faults *simfault.Book[Fault]

	mu       sync.Mutex
	token    string
	appToken string
	scopes   map[string]bool
	channels map[string]*channel
	order    []string                    // the channels' ids
	posts    Rate                        // of each channel
	limits   map[string]*simfault.Window // by method
	stamp    stamp                       // the newest given out
	calls    map[string]Stats
	socket   socket
}

// New makes a simulated workspace. Channels need distinct ids; of two that
// share one, the later wins.
func New(c Config) *Server {
	s := &Server{
		clock: c.Clock, log: c.Log, token: c.Token, appToken: c.AppToken,
		faults:   simfault.NewBook[Fault](c.Seed),
		channels: map[string]*channel{},
		posts:    c.Limits.Posts,
		limits:   c.Limits.windows(),
		calls:    map[string]Stats{},
		socket:   socket{acks: map[string]chan json.RawMessage{}, replies: map[string]*responses{}},
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Scopes == nil {
		c.Scopes = allScopes()
	}
	s.SetScopes(c.Scopes...)
	for _, ch := range c.Channels {
		s.SetChannel(ch)
	}
	return s
}

// ServeHTTP answers one call of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/link/":
		s.link(w, r)
		return
	case strings.HasPrefix(r.URL.Path, responseDir):
		s.respond(w, r)
		return
	}
	c, err := readCall(r)
	if err != nil {
		refuse("invalid_form_data").write(w)
		return
	}
	v := s.receive(c)
	if !v.fault.Applied {
		simfault.Sleep(r.Context(), v.fault.Latency)
		if v.fault.Latency > 0 && r.Context().Err() != nil {
			simfault.Drop()
		}
	}
	a := s.answer(c, v)
	if v.fault.Applied {
		simfault.Sleep(r.Context(), v.fault.Latency)
	}
	s.log.Debug("call answered", "method", c.method, "channel", c.channel, "status", a.status,
		"error", a.code, "fault", v.fault.Kind)
	a.write(w)
}

// verdict is what was decided about a call on its arrival.
type verdict struct {
	fault   Fault
	refused *answer
}

// applies reports whether the call is to take effect.
func (v verdict) applies() bool {
	return v.refused == nil && (v.fault.Kind == "" || v.fault.Applied)
}

// receive counts a call, picks the fault that strikes it, checks it and holds
// it against the limits, all at the time of its arrival.
func (s *Server) receive(c *call) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.tally(c.method, func(st *Stats) { st.Calls++ })
	v := verdict{fault: s.strike(c, now)}
	if v.fault.Kind != "" && !v.fault.Applied {
		return v
	}
	if v.refused = s.authorise(c); v.refused == nil {
		v.refused = s.admit(c, now)
	}
	return v
}

func (s *Server) answer(c *call, v verdict) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &answer{}
	switch {
	case v.refused != nil:
		a = v.refused
	case v.applies():
		a = s.perform(c)
	}
	if v.fault.Kind != "" {
		a = v.fault.answer(a)
	}
	s.tally(c.method, func(st *Stats) {
		switch {
		case a.status == http.StatusTooManyRequests:
			st.Limited++
		case a.code == "" && a.status == http.StatusOK && !a.drop && v.fault.Kind == "":
			st.Good++
		}
	})
	return a
}

func (s *Server) perform(c *call) *answer {
	switch c.method {
	case AuthTest:
		return s.authTest()
	case PostMessage:
		return s.post(c)
	case Update:
		return s.update(c)
	case History:
		return s.history(c)
	case Replies:
		return s.replies(c)
	case List:
		return s.list(c)
	case Info:
		return s.info(c)
	case OpenSocket:
		return s.openSocket(c)
	case PostPrivate:
		return s.postPrivately(c)
	}
	return refuse("unknown_method")
}

func (s *Server) authTest() *answer {
	a := good(map[string]any{
		"url": "https://numwatch-sim.slack.example/", "team": "numwatch sim", "team_id": TeamID,
		"user": "numwatch", "user_id": UserID, "bot_id": BotID, "is_enterprise_install": false,
	})
	a.header.Set("X-Oauth-Scopes", s.provided())
	return a
}
