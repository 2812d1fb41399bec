// Package cams simulates the cloud API that numwatch polls, as an
// http.Handler: ChatappSyncPhoneNumber and ListInstance with a signature check
// and a rate limit of its own, faults that can be injected, and scenarios of
// changes over time. It shares no code with the poller, so that each tests the
// other.
package cams

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// The operations that the simulator answers.
const (
	SyncPhoneNumber = "ChatappSyncPhoneNumber"
	ListInstance    = "ListInstance"
	HealthStatus    = "GetWhatsappHealthStatus"
)

// Server is a simulated cloud. It and all its methods are safe for concurrent
// use.
type Server struct {
	clock      func() time.Time
	log        *slog.Logger
	limit      int
	count      bool
	retryAfter bool
	faults     *simfault.Book[Fault]

	mu       sync.Mutex
	chance   *rand.Rand
	nonces   nonces
	pusher   *pusher // nil: nothing is pushed
	accounts map[string]*tenant
	byKey    map[string]*tenant
	unknown  tally // requests that name no known key
}

// New makes a simulated cloud. Accounts need distinct names and AccessKeyIds;
// of two that share one, the later wins.
func New(c Config) *Server {
	s := &Server{
		clock:      c.Clock,
		log:        c.Log,
		limit:      cmp.Or(c.Limit, DefaultLimit),
		count:      c.CountRefused,
		retryAfter: c.RetryAfter,
		faults:     simfault.NewBook[Fault](c.Seed),
		chance:     rand.New(rand.NewPCG(c.Seed, 0x1d)),
		nonces:     newNonces(),
		accounts:   map[string]*tenant{},
		byKey:      map[string]*tenant{},
		unknown:    newTally(),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Push != nil {
		s.pusher = newPusher(*c.Push, c.Seed)
	}
	for _, a := range c.Accounts {
		s.addAccount(a)
	}
	return s
}

func (s *Server) addAccount(a Account) {
	limit := cmp.Or(a.Limit, s.limit)
	acc := &tenant{
		name:   a.Name,
		key:    a.Key,
		spaces: map[string]*Space{},
		tally:  newTally(),
		limits: map[string]*simfault.Window{
			SyncPhoneNumber: simfault.NewWindow(limit, time.Second),
			ListInstance:    simfault.NewWindow(limit, time.Second),
			HealthStatus:    simfault.NewWindow(healthLimit, time.Second),
		},
	}
	for _, sp := range a.Spaces {
		acc.putSpace(sp)
	}
	s.accounts[a.Name] = acc
	s.byKey[a.AccessKeyId] = acc
}

// ServeHTTP answers one request of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := readRequest(r)
	if err != nil {
		http.Error(w, "unreadable request", http.StatusBadRequest)
		return
	}
	v := s.receive(req)
	simfault.Sleep(r.Context(), v.latency)
	a := s.answer(req, v)
	w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat)) // else this machine's clock stands there
	s.log.Debug("request answered", "account", v.name(), "action", req.action, "space", req.space,
		"status", a.status, "code", a.code, "fault", v.fault.Kind, "request_id", v.requestID)
	a.write(w)
}

// verdict is what was decided about a request on its arrival.
type verdict struct {
	account   *tenant // nil if the key is unknown
	fault     Fault
	latency   time.Duration
	refused   *refusal
	requestID string
}

func (v *verdict) name() string {
	if v.account == nil {
		return ""
	}
	return v.account.name
}

// receive counts a request, picks the faults that strike it, checks it and
// holds it against the limit, all at the time of its arrival.
func (s *Server) receive(req *request) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	v := verdict{account: s.byKey[req.auth.keyID], requestID: s.requestID()}
	s.tallyOf(v.account).count(req, now)
	v.fault, v.latency = s.strike(req, v.name(), now)
	if v.fault.Kind == DropBefore {
		return v
	}
	if v.refused = s.check(req, v.account, now); v.refused == nil {
		v.refused = s.admit(req, v.account, now)
	}
	return v
}

func (s *Server) admit(req *request, acc *tenant, now time.Time) *refusal {
	window := acc.limits[req.action]
	wait, ok := window.Admit(now)
	if ok {
		return nil
	}
	if s.count {
		window.Count(now)
	}
	if !s.retryAfter {
		wait = 0
	}
	r := refuse(throttling)
	r.retryAfter = wait
	return r
}

// requestID makes an id in the form of the real ones. Call it with the lock held.
func (s *Server) requestID() string {
	a, b := s.chance.Uint64(), s.chance.Uint64()
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}
