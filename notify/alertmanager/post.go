package alertmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/notify"
)

const (
	timeout   = 15 * time.Second // of a whole request
	maxAlerts = 200              // in one request
	maxBody   = 512 << 10        // bytes: half of what proxies commonly take
	maxAnswer = 64 << 10
	maxShown  = 300 // runes of an answer

	path = "/api/v2/alerts"
)

// errRefused says that an Alertmanager did not take some of the alerts of a request. It
// took the others.
var errRefused = errors.New("it refuses alerts")

// Login is how to log in. At most one of Username and Token is given.
type Login struct {
	Username, Password string
	Token              string // bearer
}

func newClient(may func() error) *http.Client {
	return &http.Client{
		Transport: notify.Gated(notify.NewTransport(), may), Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call sends a request below an address of an Alertmanager.
func call(ctx context.Context, client *http.Client, login Login, method, address, at string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(address, "/")+at, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL is not valid")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "numwatch")
	switch {
	case login.Token != "":
		req.Header.Set("Authorization", "Bearer "+login.Token)
	case login.Username != "":
		req.SetBasicAuth(login.Username, login.Password)
	}
	answer, err := client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	} else if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // the status says enough
	return judge(answer, text)
}

// judge says what an answer means.
func judge(answer *http.Response, text []byte) error {
	code := answer.StatusCode
	err := fmt.Errorf("it answered %d %s", code, http.StatusText(code))
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusBadRequest && kind == "application/json": // else it is not the API that says so
		return fmt.Errorf("%w: %s", errRefused, alert.Cut(alert.Plain(string(text)), maxShown))
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: redirects are not followed; set the URL to its target", err)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: check username and password, or token", err)
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: the URL must be the one below which %s is", err, path)
	}
	return err
}

// Check asks an Alertmanager for its status, and posts nothing.
func Check(ctx context.Context, address string, login Login) error {
	client := newClient(nil)
	defer client.CloseIdleConnections()
	return call(ctx, client, login, http.MethodGet, address, "/api/v2/status", nil)
}
