// Package alertmanager keeps an Alertmanager informed of what fires, by its API v2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). It shows
// state: every alert that is open is posted when it changes and again every minute, and
// ends there by itself if numwatch is gone for five minutes; that an alert has ended is
// posted until the Alertmanager acknowledges it. A cursor over the log says up to where
// ends are acknowledged. Each address is a sink of its own.
// It imports alert, phone and notify; internal/bot calls it.
package alertmanager

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

const (
	// Component is what begins the name of an Alertmanager as a part of the bot.
	Component = "alertmanager:"

	endsWait   = "Alerts that end meanwhile are posted once it does"
	alertsPath = "/api/v2/alerts"
	maxShown   = 300 // runes of an answer
)

// Options configures a sink. Everything is needed but where it says so.
type Options struct {
	Follower notify.FollowerOptions
	URL      string // scheme, host and path alone
	Login    Login
	Alerts   func() []*alert.Alert // as they stand, closed ones too
	Space    func(phone.SpaceKey) phone.Space
	Link     string // public address of the pages; may be empty
}

// Login is how to log in. At most one of Username and Token is given.
type Login struct {
	Username, Password, Token string // Token: bearer
}

// ComponentOf is the name of an address as a part of the bot, and of its checkpoint.
func ComponentOf(channel, address string) string {
	if u, err := url.Parse(address); err == nil {
		address = u.Host + u.Path
	}
	return Component + channel + ":" + strings.TrimSuffix(address, "/")
}

// Sink keeps one address informed. Its methods are safe for concurrent use.
type Sink struct {
	*notify.Follower
	o Options
	// Of Run alone.
	whole time.Time            // when all that is open was posted
	told  map[string]string    // by alert: what revision of it was posted
	ended map[key]*alert.Alert // ends that are not acknowledged: of each alert the last
	read  uint64               // the event up to which ended is known
}

// New returns a sink that does nothing until Run.
func New(o Options) *Sink {
	f := notify.NewFollower(o.Follower, "ok", "failed", "refused")
	return &Sink{Follower: f, o: o, ended: map[key]*alert.Alert{}, read: f.Cursor.Seq()}
}

// Run posts until ctx ends. It then stores its position.
func (s *Sink) Run(ctx context.Context) error { return s.Follow(ctx, s.step, endsWait) }

// post posts alerts in requests of a bounded size. What is refused would be refused again.
func (s *Sink) post(ctx context.Context, due []posted) error {
	for len(due) > 0 {
		body, n := encode(due)
		s.Trace("alertmanager:before")
		err := call(ctx, s.Client, s.o.Login, http.MethodPost, s.o.URL+alertsPath, body)
		s.Trace("alertmanager:after")
		switch {
		case errors.Is(err, errRefused):
			s.Count("refused", 1)
			s.Logger.ErrorContext(ctx, "an Alertmanager refuses alerts", "sink", s.Name, "err", err)
			s.Refused(ctx, fmt.Sprintf("%s: %v. It accepted the others in the request; the log names all such answers", s.Name, err))
		case err != nil:
			s.Count("failed", 1)
			return err
		default:
			s.Count("ok", 1)
		}
		due = due[n:]
	}
	return nil
}

// errRefused says that some of the alerts of a request were not accepted.
var errRefused = errors.New("it refuses alerts")

// call sends a request, and says what its answer means.
func call(ctx context.Context, client *http.Client, login Login, method, address string, body []byte) error {
	h := http.Header{"Content-Type": {"application/json"}}
	switch {
	case login.Token != "":
		h.Set("Authorization", "Bearer "+login.Token)
	case login.Username != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login.Username+":"+login.Password)))
	}
	answer, err := notify.Send(ctx, client, method, address, h, body)
	if err != nil {
		return err
	}
	err = answer.Err()
	ofAPI := strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") // not of a proxy
	switch code := answer.Code; {
	case code == http.StatusBadRequest && ofAPI:
		return fmt.Errorf("%w: %s", errRefused, alert.Cut(alert.Plain(string(answer.Body)), maxShown))
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: check username and password, or token", err)
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: the URL must be the one below which %s is", err, alertsPath)
	}
	return err
}

// Check asks an Alertmanager for its status, and posts nothing.
func Check(ctx context.Context, address string, login Login) error {
	client := notify.NewClient(true, nil)
	defer client.CloseIdleConnections()
	return call(ctx, client, login, http.MethodGet, address+"/api/v2/status", nil)
}
