package tail

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"

	"numwatch/internal/config"
)

// login is the flags with which a command signs in to NATS: the same as
// config.yaml has for the bot.
type login struct {
	Creds string `type:"existingfile" placeholder:"FILE" xor:"login" help:"Credentials file for NATS (nats.creds_file)."`
	NKey  string `name:"nkey" type:"existingfile" placeholder:"FILE" xor:"login" help:"File with the seed of an nkey (nats.nkey_file)."`
	CA    string `name:"ca" type:"existingfile" placeholder:"FILE" help:"The authority that signed the server's certificate (nats.tls.ca_file)."`
	Cert  string `type:"existingfile" placeholder:"FILE" and:"cert" help:"The client's own certificate (nats.tls.cert_file)."`
	Key   string `type:"existingfile" placeholder:"FILE" and:"cert" help:"The key of the client's certificate (nats.tls.key_file)."`
}

// from takes from the configuration what no flag says. At most one credentials file
// counts.
func (l *login) from(n *config.NATS) {
	if l.Creds == "" && l.NKey == "" {
		l.Creds, l.NKey = n.CredsFile, n.NkeyFile
	}
	l.CA = cmp.Or(l.CA, n.TLS.CAFile)
	if l.Cert == "" {
		l.Cert, l.Key = n.TLS.CertFile, n.TLS.KeyFile
	}
}

// options reads the files. An error names the bad one.
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
	// These read their files when they are applied: tried here, so that a bad file is
	// not mistaken for an unreachable server.
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
		return "check NUMWATCH_NATS_TOKEN, --creds, --nkey or the user in the URL"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "set --ca to the authority that signed the server's certificate"
	}
	// A server that misses a certificate says so, or has hung up by then.
	remote, ok := errors.AsType[*net.OpError](err)
	if errors.Is(err, nats.ErrTLS) || ok && remote.Op == "remote error" {
		return "it may require a client certificate: set --cert and --key"
	}
	return "is it running there? Set --nats or NUMWATCH_NATS_URL to its URL"
}
