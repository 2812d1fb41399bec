package robot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"numwatch/notify"
	"numwatch/notify/card"
)

const maxShown = 200 // runes of the chat's answer

// class says what a failed request is about.
type class uint8

const (
	transient  class = iota // nothing in particular: again after a while
	tooFast                 // the group got too many messages
	refused                 // the robot, its token, or its signature
	badMessage              // this message
)

// sendError is a request that failed.
type sendError struct {
	class class
	code  string        // the chat's own
	wait  time.Duration // until it may be tried again; 0: not known
	err   error         // says what to do as well
}

func (e *sendError) Error() string { return e.err.Error() }

func asError(err error) *sendError {
	if e, ok := errors.AsType[*sendError](err); ok {
		return e
	}
	return &sendError{err: err}
}

// Dialect is the protocol of one vendor's robots.
type Dialect struct {
	Kind string // as in rules.yaml
	pace time.Duration
	max  int // bytes of what compose measures
	// compose makes the body of a request of a text with at most that many bytes, and says
	// how large it is where the vendor's limit counts.
	compose func(m *outgoing, most int) (body map[string]any, size int, err error)
	// sign adds the signature to an address or a body.
	sign func(secret string, at time.Time, query url.Values, body map[string]any)
	// judge says what an answer means; nil: the message was accepted.
	judge func(a *answer) *sendError
}

// outgoing is a message on its way.
type outgoing struct {
	card    *card.Card
	users   []string
	mobiles []string
	all     bool
}

// answer is what all of these chats answer; their codes have two names.
type answer struct {
	ErrCode *int   `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	Code    *int   `json:"code"`
	Msg     string `json:"msg"`
}

func (a *answer) code() (code int, known bool) {
	switch {
	case a.ErrCode != nil:
		return *a.ErrCode, true
	case a.Code != nil:
		return *a.Code, true
	default:
		return 0, false
	}
}

// body is a message that fits, however long its texts are.
func (d *Dialect) body(m *outgoing) (map[string]any, error) {
	for most := d.max; ; most = most * 3 / 4 {
		body, size, err := d.compose(m, most)
		if err != nil || size <= d.max {
			return body, err
		}
	}
}

// request posts a message once.
func (r *Robot) request(ctx context.Context, c *card.Card) error {
	d, m := r.o.Dialect, &outgoing{card: c}
	m.users, m.mobiles, m.all = people(c.Mention)
	content, err := d.body(m)
	if err != nil {
		return &sendError{class: badMessage, err: err}
	}
	address, err := url.Parse(r.o.URL)
	if err != nil {
		return &sendError{class: refused, err: errors.New("the URL of the channel is not valid")}
	}
	query := address.Query()
	if r.o.Secret != "" && d.sign != nil {
		d.sign(r.o.Secret, time.Now(), query, content)
		address.RawQuery = query.Encode()
	}
	body, err := json.Marshal(content)
	if err != nil {
		return &sendError{class: badMessage, err: fmt.Errorf("encoding a message: %w", err)}
	}
	ctx, cancel := untilStopped(ctx)
	defer cancel()
	answer, err := notify.Send(ctx, r.client, http.MethodPost, address.String(), http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body)
	if err != nil {
		return &sendError{err: err}
	}
	return d.understand(answer)
}

// untilStopped lets a request under way end well when the program stops.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(stopsWithin, cancel)
		context.AfterFunc(out, func() { t.Stop() })
	})
	return out, func() { stop(); cancel() }
}

// understand says what an answer means.
func (d *Dialect) understand(resp *notify.Answer) error {
	var a answer
	decoded := json.Unmarshal(resp.Body, &a) == nil
	code, known := a.code()
	switch {
	case decoded && known && code == 0 && resp.Code < 300:
		return nil
	case decoded && known && code != 0:
		e := d.judge(&a)
		e.code = strconv.Itoa(code)
		return e
	case resp.Code == http.StatusTooManyRequests, resp.Code >= 500:
		return &sendError{err: resp.Err()}
	case resp.Code >= 300:
		return &sendError{class: refused, err: fmt.Errorf("%w: check the url of the channel", resp.Err())}
	default:
		return &sendError{err: errors.New("its answer is not a robot's: check the url of the channel")}
	}
}

// says words what a chat answered, and what to do about it.
func says(code int, text, advice string) error {
	said := fmt.Sprintf("it answered %d %s", code, card.Plain(text, maxShown))
	if advice != "" {
		said += ": " + advice
	}
	return errors.New(said)
}
