package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const maxAnswer = 64 << 10

// Answer is what a server answered: of its body at most 64 KiB.
type Answer struct {
	Code   int
	Header http.Header
	Body   []byte
}

// Err says what is wrong with an answer that is not 2xx.
func (a *Answer) Err() error {
	err := fmt.Errorf("it answered %d %s", a.Code, http.StatusText(a.Code))
	switch a.Code / 100 {
	case 2:
		return nil
	case 3:
		return fmt.Errorf("%w: redirects are not followed; set the URL to its target", err)
	default:
		return err
	}
}

// Send sends a body once. No error shows the URL, which may hold a token.
func Send(ctx context.Context, client *http.Client, method, address string, h http.Header, body []byte) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL of the channel is not valid")
	}
	req.Header = h
	req.Header.Set("User-Agent", "numwatch")
	answer, err := client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return nil, e.Err
	} else if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // a part of it says enough
	return &Answer{answer.StatusCode, answer.Header, text}, nil
}
