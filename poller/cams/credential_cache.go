package cams

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// key signs one request.
type key struct{ id, secret, token string }

// secrets lists what must not be shown of the key.
func (k key) secrets() []string { return []string{k.secret, k.token} }

// credentialCache returns keys. The vendor's providers cache keys, but are not
// safe for concurrent use, take no context, and some never recover from a first
// failure: so they are guarded, waited for no longer than ctx allows, and built
// anew after a failure.
type credentialCache struct {
	from    Credentials
	free    chan struct{}                 // holds one token: whoever has it may use provider
	current providers.CredentialsProvider // nil: to be built
}

func newCredentialCache(from Credentials) (*credentialCache, error) {
	current, err := from.build()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	c := &credentialCache{from: from, current: current, free: make(chan struct{}, 1)}
	c.release()
	return c, nil
}

// get returns the key to sign with, asking the provider once.
func (c *credentialCache) get(ctx context.Context) (key, error) {
	select {
	case <-ctx.Done():
		return key{}, ctx.Err()
	case <-c.free:
	}
	if c.from.static() {
		defer c.release()
		return c.ask()
	}
	type reply struct {
		key key
		err error
	}
	replies := make(chan reply, 1)
	go func() { // ends when the provider returns; release is what wait waits for
		defer c.release()
		got, err := c.ask()
		replies <- reply{got, err}
	}()
	select {
	case <-ctx.Done():
		return key{}, ctx.Err()
	case r := <-replies:
		return r.key, r.err
	}
}

func (c *credentialCache) release() { c.free <- struct{}{} }

func (c *credentialCache) ask() (key, error) {
	var err error
	if c.current == nil {
		if c.current, err = c.from.build(); err != nil {
			c.current = nil
			return key{}, err
		}
	}
	given, err := c.current.GetCredentials()
	if err == nil {
		got := key{given.AccessKeyId, given.AccessKeySecret, given.SecurityToken}
		if got.id != "" && got.secret != "" {
			return got, nil
		}
		err = errors.New("the provider returned an empty key")
	}
	c.current = nil
	return key{}, err
}

// forget has the provider built anew for the next request: its key was rejected
// and may have been replaced at its source.
func (c *credentialCache) forget(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.free:
		c.current = nil
		c.release()
	}
}

// wait returns when no provider is being asked, or after so long: a provider may
// hang, and cannot be interrupted.
func (c *credentialCache) wait(atMost time.Duration) {
	select {
	case <-c.free:
		c.release()
	case <-time.After(atMost):
	}
}

// explain tells why there is no key. Providers put whole answers into their
// errors, keys included: what is in braces is shown by its code and message. Of
// URLs nothing is shown beyond the host: a path may be a token too.
func (c *credentialCache) explain(err error) string {
	before, object, found := strings.Cut(err.Error(), "{")
	if found {
		var said struct{ Code, Message text }
		if json.NewDecoder(strings.NewReader("{"+object)).Decode(&said) == nil && said.Code.value != "" {
			before += said.Code.value + ": " + said.Message.value
		} else {
			before += "…"
		}
	}
	source := cmp.Or(c.from.URL, os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI")) // which may not be a URL at all
	return scrub(c.from.String()+": "+origins(before), c.from.AccessKeySecret, c.from.SecurityToken, source)
}

var anyURL = regexp.MustCompile(`\w+://[^\s"]+`)

// origins reduces the URLs in a text to scheme and host.
func origins(text string) string {
	return anyURL.ReplaceAllStringFunc(text, func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return "…"
		}
		return u.Scheme + "://" + u.Host
	})
}
