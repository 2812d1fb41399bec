// Package webhook simulates a webhook receiver: strict about the signature of Standard
// Webhooks, about time and form, and with faults on demand. It shares no code with the
// sink and imports the standard library; tests and `numwatch sim webhook` use it.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config is what a receiver expects.
type Config struct {
	Secret string // whsec_…; "": requests are not signed
	Log    *slog.Logger
}

// Event is an event that was accepted.
type Event struct {
	ID      string
	Type    string
	Subject string
	At      time.Time
	Body    []byte
}

// Fault is how a receiver behaves for a number of requests.
type Fault struct {
	Code       int           // of the answer; 0: the connection breaks off before the event is taken
	RetryAfter string        // the header
	Slow       time.Duration // before the answer
	Took       bool          // it accepted the event, but the answer was lost
}

// Receiver is an http.Handler, and safe for concurrent use.
type Receiver struct {
	config Config

	mu     sync.Mutex
	faults []Fault
	taken  []Event
	asked  int
	wrong  []string
}

// New returns a receiver.
func New(c Config) *Receiver {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Receiver{config: c}
}

// Fail makes the next requests fail, one by each of the faults.
func (s *Receiver) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Heal drops the faults that have not happened yet.
func (s *Receiver) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Taken returns the events in the order in which they were taken, repeated ones too.
func (s *Receiver) Taken() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// Asked is how many requests there were.
func (s *Receiver) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Wrong lists what was wrong with requests.
func (s *Receiver) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// ServeHTTP takes an event. It panics with http.ErrAbortHandler to break a connection.
func (s *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := s.read(r)
	f := s.note(event, err)
	if f.Slow > 0 {
		select {
		case <-time.After(f.Slow):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // nobody waits any more
		}
	}
	switch {
	case f.Code == 0:
		panic(http.ErrAbortHandler)
	case f.RetryAfter != "":
		w.Header().Set("Retry-After", f.RetryAfter)
	case f.Code >= 300 && f.Code < 400:
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(f.Code)
}

// note records a request and decides on the answer.
func (s *Receiver) note(event Event, err error) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err != nil {
		s.wrong = append(s.wrong, err.Error())
		s.config.Log.Warn("refused", "err", err)
		return Fault{Code: http.StatusBadRequest}
	}
	f := Fault{Code: http.StatusNoContent, Took: true}
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	if f.Took {
		s.taken = append(s.taken, event)
		s.config.Log.Info("taken", "id", event.ID, "type", event.Type, "subject", event.Subject, "body", string(event.Body))
	}
	return f
}

// tolerance is how old or new a request may be, as Standard Webhooks advises.
const tolerance = 5 * time.Minute

func (s *Receiver) read(r *http.Request) (Event, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return Event{}, fmt.Errorf("reading the body: %w", err)
	}
	id, timestamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	switch at, err := strconv.ParseInt(timestamp, 10, 64); {
	case r.Method != http.MethodPost:
		return Event{}, errors.New("the method is " + r.Method)
	case id == "":
		return Event{}, errors.New("there is no webhook-id")
	case err != nil:
		return Event{}, errors.New("there is no webhook-timestamp")
	case math.Abs(time.Since(time.Unix(at, 0)).Seconds()) > tolerance.Seconds():
		return Event{}, errors.New("the webhook-timestamp is too old or too new")
	case r.Header.Get("Content-Type") != "application/cloudevents+json":
		return Event{}, errors.New("the Content-Type is " + r.Header.Get("Content-Type"))
	case s.config.Secret != "" && !s.signed(r.Header.Get("webhook-signature"), id+"."+timestamp+"."+string(body)):
		return Event{}, errors.New("no signature fits")
	case s.config.Secret == "" && r.Header.Get("webhook-signature") != "":
		return Event{}, errors.New("it is signed, and nobody knows the secret")
	}
	var event struct{ SpecVersion, ID, Type, Subject string }
	if err := json.Unmarshal(body, &event); err != nil {
		return Event{}, fmt.Errorf("the body is no JSON: %w", err)
	}
	if event.SpecVersion != "1.0" || event.ID != id {
		return Event{}, fmt.Errorf("the body is no CloudEvent %s", id)
	}
	return Event{ID: id, Type: event.Type, Subject: event.Subject, At: time.Now(), Body: body}, nil
}

func (s *Receiver) signed(header, content string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.config.Secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, content) // a hash takes everything
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(strings.Fields(header), want)
}
