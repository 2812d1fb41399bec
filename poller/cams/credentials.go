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
	"sync"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// This file alone knows the vendor's types: where keys come from. It takes the
// providers without the package around them, which would bring a megabyte of
// the vendor's other libraries into the binary.

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

// build makes the vendor's provider of the type.
func (c Credentials) build() (providers.CredentialsProvider, error) {
	// Of milliseconds; the library's own defaults reach 10 s each.
	limits := &providers.HttpOptions{ConnectTimeout: 3000, ReadTimeout: 5000}
	switch c.Type {
	case "":
		return providers.NewDefaultCredentialsProvider(), nil
	case "access_key", "sts":
		return c.given()
	case "ecs_ram_role":
		return providers.NewECSRAMRoleCredentialsProviderBuilder().WithRoleName(c.RoleName).Build()
	case "ram_role_arn":
		from, err := c.given()
		if err != nil {
			return nil, err
		}
		return providers.NewRAMRoleARNCredentialsProviderBuilder().WithCredentialsProvider(from).
			WithRoleArn(c.RoleArn).WithRoleSessionName(c.RoleSessionName).WithPolicy(c.Policy).WithExternalId(c.ExternalId).
			WithStsEndpoint(c.StsEndpoint).WithHttpOptions(limits).Build()
	case "oidc_role_arn":
		return providers.NewOIDCCredentialsProviderBuilder().
			WithRoleArn(c.RoleArn).WithRoleSessionName(c.RoleSessionName).WithPolicy(c.Policy).
			WithOIDCProviderARN(c.OidcProviderArn).WithOIDCTokenFilePath(c.OidcTokenFile).
			WithSTSEndpoint(c.StsEndpoint).WithHttpOptions(limits).Build()
	case "credentials_uri":
		return providers.NewURLCredentialsProviderBuilder().WithUrl(c.URL).WithHttpOptions(limits).Build()
	}
	return nil, fmt.Errorf("the type %s is not supported", c.Type)
}

// given are the keys that the configuration holds itself.
func (c Credentials) given() (providers.CredentialsProvider, error) {
	if c.Type == "sts" || c.SecurityToken != "" {
		return providers.NewStaticSTSCredentialsProviderBuilder().
			WithAccessKeyId(c.AccessKeyId).WithAccessKeySecret(c.AccessKeySecret).WithSecurityToken(c.SecurityToken).Build()
	}
	return providers.NewStaticAKCredentialsProviderBuilder().
		WithAccessKeyId(c.AccessKeyId).WithAccessKeySecret(c.AccessKeySecret).Build()
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
	current providers.CredentialsProvider // nil: to be built
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
	given, err := k.current.GetCredentials()
	if err == nil {
		got := key{given.AccessKeyId, given.AccessKeySecret, given.SecurityToken}
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
// errors, keys included: what is in braces is shown by its code and message. Of
// URLs nothing is shown beyond the host: a path may be a token too.
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
	source := cmp.Or(k.from.URL, os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI")) // which may be no URL at all
	return scrub(k.from.String()+": "+origins(before), k.from.AccessKeySecret, k.from.SecurityToken, source)
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
