package slack

import (
	"net/http"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// Kind names what goes wrong. The empty kind is a fault of latency alone.
type Kind string

// What can go wrong.
const (
	RateLimited Kind = "rate-limited" // HTTP 429 with Fault.RetryAfter
	Refuse      Kind = "refuse"       // ok false with Fault.Code
	ServerError Kind = "server-error" // HTTP 500, or Fault.Status, without JSON
	HTMLPage    Kind = "html-page"    // an HTML page with HTTP 200
	Drop        Kind = "drop"         // the connection is closed without an answer
)

// Fault is something that goes wrong, with the calls that it strikes. The
// oldest fault that matches strikes.
type Fault struct {
	Kind Kind
	// Method and Channel (its id) narrow the calls; empty means any.
	Method, Channel string
	// Count, For and Probability bound the fault; zero values do not.
	Count       int
	For         time.Duration
	Probability float64

	// Applied lets the call take effect although its answer is spoiled. With
	// latency alone it decides what a client that gave up has caused: the call
	// takes effect before the wait instead of after it.
	Applied    bool
	Latency    time.Duration
	Code       string        // of Refuse
	Status     int           // of ServerError; 0: 500
	RetryAfter time.Duration // of RateLimited, in whole seconds; 0: 1 s, below 0: no header
}

// Inject adds a fault from now on. The function returned ends it.
func (s *Server) Inject(f Fault) (end func()) {
	bounds := simfault.Bounds{Count: f.Count, For: f.For, Probability: f.Probability}
	return s.faults.Add(f, bounds, s.clock())
}

// ClearFaults ends every fault.
func (s *Server) ClearFaults() { s.faults.Clear() }

func (s *Server) strike(c *call, now time.Time) Fault {
	id := c.channel
	if ch := s.find(c.channel); ch != nil {
		id = ch.ID
	}
	f, _ := s.faults.Take(now, func(f Fault) bool {
		return (f.Method == "" || f.Method == c.method) && (f.Channel == "" || f.Channel == id)
	})
	return f
}

// answer is what the client gets in place of the true answer.
func (f Fault) answer(truth *answer) *answer {
	switch f.Kind {
	case RateLimited:
		a := limited(f.RetryAfter)
		if f.RetryAfter < 0 {
			a.header.Del("Retry-After")
		}
		return a
	case Refuse:
		return refuse(f.Code)
	case ServerError:
		status := http.StatusInternalServerError
		if f.Status != 0 {
			status = f.Status
		}
		return page("text/plain; charset=utf-8", status, http.StatusText(status)+"\n")
	case HTMLPage:
		return page("text/html; charset=utf-8", http.StatusOK, "<!DOCTYPE html><html><title>Slack</title>Something went wrong.</html>\n")
	case Drop:
		return &answer{drop: true}
	}
	return truth
}

func page(contentType string, status int, body string) *answer {
	h := http.Header{}
	h.Set("Content-Type", contentType)
	return &answer{status: status, header: h, body: []byte(body), code: "not_json"}
}

func (a *answer) write(w http.ResponseWriter) {
	if a.drop {
		simfault.Drop()
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that has gone away is no concern of ours
}
