package cams

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials/providers"

	"numwatch/phone"
)

// key signs one request.
type key struct{ id, secret, token string }

// secrets lists what must not be shown of the key.
func (k key) secrets() []string { return []string{k.secret, k.token} }

// credentialCache holds the key in use. A key is used until the cloud refuses it.
// A new one is fetched beside the polls, because the vendor's providers ask their
// source minutes before a key ends, and return none if that fails. They are not
// safe for concurrent use, take no context, and some never recover from a first
// failure: so one fetch runs at a time, is waited for no longer than ctx allows,
// and the provider is built anew after a failure.
type credentialCache struct {
	from  Credentials
	build func() (providers.CredentialsProvider, error)
	log   *slog.Logger

	mu      sync.Mutex
	current providers.CredentialsProvider // nil: to be built. Used by the fetch under way
	key     key                           // in use; zero: none
	fetch   *fetch                        // under way; nil: none
	next    time.Time                     // no fetch before
	failed  error                         // of the last fetch
	since   time.Time                     // of the first failure in a row
}

// fetch asks the provider once. Its key and err are there once it is done.
type fetch struct {
	done chan struct{}
	key  key
	err  error
}

// How long after a fetch the next one begins, while there is a key and while
// there is none.
const (
	fetchEvery = 10 * time.Second
	retryEvery = time.Second
)

// fetchTimeout is when people are told of a fetch without a result.
const fetchTimeout = 10 * time.Second

func newCredentialCache(from Credentials, log *slog.Logger) (*credentialCache, error) {
	current, err := from.build()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return &credentialCache{from: from, build: from.build, log: log, current: current}, nil
}

// get returns the key in use, and waits for one where there is none.
func (c *credentialCache) get(ctx context.Context) (key, error) {
	k, f := c.refresh()
	if k != (key{}) {
		return k, nil
	}
	select {
	case <-ctx.Done():
		return key{}, ctx.Err()
	case <-f.done:
		return f.key, f.err
	}
}

// refresh begins a fetch where one is due. It returns the key in use, and the
// fetch under way: at least one of them is there.
func (c *credentialCache) refresh() (key, *fetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := time.Until(c.next)
	if c.fetch == nil && (c.key == key{} || wait <= 0) {
		c.fetch = &fetch{done: make(chan struct{})}
		go c.run(c.fetch, c.current, wait) // ends when the provider returns, which Close waits for
	}
	return c.key, c.fetch
}

func (c *credentialCache) run(f *fetch, current providers.CredentialsProvider, wait time.Duration) {
	time.Sleep(wait)
	slow := time.AfterFunc(fetchTimeout, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fetchFailed(fmt.Errorf("no answer within %s", phone.Span(fetchTimeout)))
	})
	defer slow.Stop()
	if current == nil {
		current, f.err = c.build()
	}
	if f.err == nil {
		f.key, f.err = ask(current)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	c.fetch = nil
	if f.err != nil {
		c.fetchFailed(f.err)
		return
	}
	if c.failed != nil {
		c.log.Info("credentials can be fetched again")
	}
	c.current, c.key, c.failed, c.next = current, f.key, nil, time.Now().Add(fetchEvery)
}

func (c *credentialCache) fetchFailed(err error) {
	again := retryEvery
	if c.key != (key{}) {
		again = fetchEvery
		if c.failed == nil { // without a key the polls report the error
			c.log.Warn("credentials cannot be fetched; the current key is used until the cloud rejects it", "err", c.explain(err))
		}
	}
	if c.failed == nil {
		c.since = time.Now()
	}
	c.current, c.failed, c.next = nil, err, time.Now().Add(again)
}

func ask(current providers.CredentialsProvider) (key, error) {
	given, err := current.GetCredentials()
	if err != nil {
		return key{}, err
	}
	got := key{given.AccessKeyId, given.AccessKeySecret, given.SecurityToken}
	if got.id == "" || got.secret == "" {
		return key{}, errors.New("the provider returned an empty key")
	}
	return got, nil
}

// drop gives up a key that the cloud refused: it may have been replaced where it
// comes from.
func (c *credentialCache) drop(refused key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == refused {
		c.current, c.key, c.next = nil, key{}, time.Time{}
	}
}

// warning says for how long no credentials could be fetched while a key is in
// use; empty where all is well.
func (c *credentialCache) warning() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil || c.key == (key{}) {
		return ""
	}
	return fmt.Sprintf("credentials could not be fetched for %s; the current key is used until the cloud rejects it: %s",
		phone.Span(time.Since(c.since)), c.explain(c.failed))
}

// wait returns when no fetch is under way, or after so long: a provider may hang,
// and cannot be interrupted.
func (c *credentialCache) wait(atMost time.Duration) {
	c.mu.Lock()
	f := c.fetch
	c.mu.Unlock()
	if f == nil {
		return
	}
	select {
	case <-f.done:
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
