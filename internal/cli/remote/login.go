package remote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"
)

// login is the flags that let a command in to NATS: what config.yaml has for
// the bot.
type login struct {
	Creds string `type:"existingfile" placeholder:"FILE" xor:"login" help:"Credentials file for NATS (nats.creds_file)."`
	NKey  string `name:"nkey" type:"existingfile" placeholder:"FILE" xor:"login" help:"File with the seed of an nkey (nats.nkey_file)."`
	CA    string `name:"ca" type:"existingfile" placeholder:"FILE" help:"The authority that signed the server's certificate (nats.tls.ca_file)."`
	Cert  string `type:"existingfile" placeholder:"FILE" and:"cert" help:"The client's own certificate (nats.tls.cert_file)."`
	Key   string `type:"existingfile" placeholder:"FILE" and:"cert" help:"The key of the client's certificate (nats.tls.key_file)."`
}

// options reads the files. An error says which of them is no good.
func (l *login) options(token string) (o []nats.Option, err error) {
	if token != "" {
		o = append(o, nats.Token(token))
	}
	if l.Creds != "" {
		o = append(o, nats.UserCredentials(l.Creds))
	}
	if l.NKey != "" {
		key, err := nats.NkeyOptionFromSeed(l.NKey)
		if err != nil {
			return nil, fmt.Errorf("--nkey %s: %w", l.NKey, err)
		}
		o = append(o, key)
	}
	// These read their files when they are applied: tried here, so that what is
	// wrong with them is not taken for a server that is away.
	tried := nats.GetDefaultOptions()
	if l.CA != "" {
		o = append(o, nats.RootCAs(l.CA))
		err = errors.Join(err, nats.RootCAs(l.CA)(&tried))
	}
	if l.Cert != "" {
		o = append(o, nats.ClientCert(l.Cert, l.Key))
		err = errors.Join(err, nats.ClientCert(l.Cert, l.Key)(&tried))
	}
	return o, err
}

// loginAdvice says what to do where a server cannot be connected to.
func loginAdvice(err error) string {
	if errors.Is(err, nats.ErrAuthorization) {
		return "NUMWATCH_NATS_TOKEN, --creds, --nkey or the user in the URL must be valid"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "--ca names the authority that signed the server's certificate"
	}
	// A server that misses a certificate says so, or has hung up by then.
	remote, ok := errors.AsType[*net.OpError](err)
	if errors.Is(err, nats.ErrTLS) || ok && remote.Op == "remote error" {
		return "--cert and --key are the certificate that it may ask for"
	}
	return "is it up there? --nats or NUMWATCH_NATS_URL says where it is"
}
