package poller

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

// This file alone knows the vendor's types: where keys come from, and how a
// request is signed with them.

// Credentials say where an account's keys come from. Type is empty (the
// vendor's default chain: environment, OIDC, configuration files, instance
// metadata, URI), access_key, sts, ecs_ram_role, ram_role_arn, oidc_role_arn or
// credentials_uri; the other members are used as the type needs them.
type Credentials struct {
	Type            string
	AccessKeyId     string
	AccessKeySecret string
	SecurityToken   string
	RoleName        string
	RoleArn         string
	RoleSessionName string
	ExternalId      string
	Policy          string
	OidcProviderArn string
	OidcTokenFile   string
	StsEndpoint     string
	URL             string
}

// String names the type only, so that secrets stay out of logs.
func (c Credentials) String() string { return "credentials of type " + c.kind() }

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

func (c Credentials) kind() string {
	if c.Type == "" {
		return "default chain"
	}
	return c.Type
}

// static reports whether the keys are at hand, so that asking never blocks.
func (c Credentials) static() bool { return c.Type == "access_key" || c.Type == "sts" }

func (c Credentials) build() (credentials.Credential, error) {
	if c.Type == "" {
		return credentials.NewCredential(nil)
	}
	if c.Type == "bearer" || c.Type == "rsa_key_pair" {
		return nil, fmt.Errorf("the type %s is not supported", c.Type)
	}
	// Of milliseconds; the library's own defaults reach 10 s each.
	connect, read := 3000, 5000
	return credentials.NewCredential(&credentials.Config{
		Type: &c.Type, AccessKeyId: &c.AccessKeyId, AccessKeySecret: &c.AccessKeySecret, SecurityToken: &c.SecurityToken,
		RoleName: &c.RoleName, RoleArn: &c.RoleArn, RoleSessionName: &c.RoleSessionName, ExternalId: &c.ExternalId,
		Policy: &c.Policy, OIDCProviderArn: &c.OidcProviderArn, OIDCTokenFilePath: &c.OidcTokenFile,
		STSEndpoint: &c.StsEndpoint, Url: &c.URL, ConnectTimeout: &connect, Timeout: &read,
	})
}

// key signs one request.
type key struct{ id, secret, token string }

// secrets lists what must not be shown of the key.
func (k key) secrets() []string { return []string{k.secret, k.token} }

// keyring hands out keys. The vendor's providers are not safe for concurrent
// use, know no context, and some never recover from a first failure: they are
// guarded, waited for no longer than ctx allows, and built anew on failure.
type keyring struct {
	from    Credentials
	turn    chan struct{} // holds one token: whoever has it may use provider
	asking  sync.WaitGroup
	current credentials.Credential // nil: to be built
}

func newKeyring(from Credentials) (*keyring, error) {
	current, err := from.build()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	k := &keyring{from: from, current: current, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k, nil
}

// get returns the key to sign with, asking the provider once.
func (k *keyring) get(ctx context.Context) (key, error) {
	select {
	case <-ctx.Done():
		return key{}, ctx.Err()
	case <-k.turn:
	}
	if k.from.static() {
		defer k.release()
		return k.ask()
	}
	type reply struct {
		key key
		err error
	}
	replies := make(chan reply, 1)
	k.asking.Go(func() {
		defer k.release()
		got, err := k.ask()
		replies <- reply{got, err}
	})
	select {
	case <-ctx.Done():
		return key{}, ctx.Err()
	case r := <-replies:
		return r.key, r.err
	}
}

func (k *keyring) release() { k.turn <- struct{}{} }

func (k *keyring) ask() (key, error) {
	var err error
	if k.current == nil {
		if k.current, err = k.from.build(); err != nil {
			k.current = nil
			return key{}, err
		}
	}
	model, err := k.current.GetCredential()
	if err == nil {
		got := key{deref(model.AccessKeyId), deref(model.AccessKeySecret), deref(model.SecurityToken)}
		if got.id != "" && got.secret != "" {
			return got, nil
		}
		err = errors.New("the provider gave an empty key")
	}
	k.current = nil
	return key{}, err
}

// forget has the provider built anew for the next request: its key was refused
// and may have been replaced at its source.
func (k *keyring) forget(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-k.turn:
		k.current = nil
		k.release()
	}
}

// wait returns when no provider is being asked any more.
func (k *keyring) wait() { k.asking.Wait() }

// explain tells why there is no key. Providers put whole answers into their
// errors, keys included: what is in braces is shown by its code and message.
func (k *keyring) explain(err error) string {
	before, object, found := strings.Cut(err.Error(), "{")
	if found {
		var said struct{ Code, Message text }
		if json.NewDecoder(strings.NewReader("{"+object)).Decode(&said) == nil && said.Code.value != "" {
			before += said.Code.value + ": " + said.Message.value
		} else {
			before += "…"
		}
	}
	return scrub(k.from.String()+": "+before, k.from.AccessKeySecret, k.from.SecurityToken)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const (
	algorithm     = "ACS3-HMAC-SHA256"
	apiVersion    = "2020-06-06"
	nothingHashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// sign gives a request without a body its headers.
func sign(req *http.Request, action string, params map[string]string, k key, now time.Time) {
	headers := map[string]string{
		"host":                  req.URL.Host,
		"x-acs-action":          action,
		"x-acs-version":         apiVersion,
		"x-acs-date":            now.UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": nonce(),
		"x-acs-content-sha256":  nothingHashed,
	}
	if k.token != "" {
		headers["x-acs-accesskey-id"] = k.id
		headers["x-acs-security-token"] = k.token
	}
	signed := dara.Request{
		Method:  &req.Method,
		Headers: make(map[string]*string, len(headers)),
		Query:   make(map[string]*string, len(params)),
	}
	for name, value := range headers {
		signed.Headers[name] = &value
		if name != "host" {
			req.Header.Set(name, value)
		}
	}
	for name, value := range params {
		signed.Query[name] = &value
	}
	by, hash := algorithm, nothingHashed
	req.Header.Set("Authorization", *utils.GetAuthorization(&signed, &by, &hash, &k.id, &k.secret))
}

func nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
