package jetstream

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"numwatch/notify"
	"numwatch/phone"

	"github.com/nats-io/nats.go"
)

const (
	clientName   = "numwatch"
	closeWithin  = 5 * time.Second
	reconnectMin = 100 * time.Millisecond
	reconnectMax = 5 * time.Second
)

// Login says where NATS is and how to sign in. Files are read when connecting.
// Nothing of it is ever logged but the URL, redacted.
type Login struct {
	Server *Server // in this process; the URL and files are then unused
	URL    string  // one or more, separated by commas

	CredsFile, NKeyFile, Token string
	CAFile, CertFile, KeyFile  string
}

func (l *Login) where() string {
	if l.Server != nil {
		return "the embedded server"
	}
	return ShownServers(l.URL)
}

// connect returns a connection that keeps trying for ever, connected or not. An
// error means that the files or the URL are invalid.
func (p *Publisher) connect() (*nats.Conn, error) {
	o, err := p.o.Login.options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(p.o.Login.URL, append(o, p.handlers()...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to nats at %s: %w", p.o.Login.where(), err)
	}
	return nc, nil
}

// Connect returns a connection of another part of numwatch, which keeps trying for ever, connected or not.
func (l *Login) Connect(more ...nats.Option) (*nats.Conn, error) {
	o, err := l.options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(l.URL, append(o, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to nats at %s: %w", l.where(), err)
	}
	return nc, nil
}

func (l *Login) options() ([]nats.Option, error) {
	o := []nats.Option{
		nats.Name(clientName),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.ReconnectBufSize(-1), // else what is published meanwhile is lost on exit
		nats.IgnoreAuthErrorAbort(),
	}
	if l.Server != nil {
		return append(o, nats.InProcessServer(l.Server.server), nats.Token(l.Server.o.Token)), nil
	}
	if l.Token != "" {
		o = append(o, nats.Token(l.Token))
	}
	if l.CredsFile != "" {
		if _, err := os.Stat(l.CredsFile); err != nil {
			return nil, fmt.Errorf("nats.creds_file: %w", err)
		}
		o = append(o, nats.UserCredentials(l.CredsFile))
	}
	if l.NKeyFile != "" {
		key, err := nats.NkeyOptionFromSeed(l.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey_file %s: %w", l.NKeyFile, err)
		}
		o = append(o, key)
	}
	if l.CAFile != "" {
		o = append(o, setting("nats.tls.ca_file", nats.RootCAs(l.CAFile)))
	}
	if l.CertFile != "" {
		o = append(o, setting("nats.tls.cert_file and key_file", nats.ClientCert(l.CertFile, l.KeyFile)))
	}
	return o, nil
}

// setting lets an option's error say which setting it is about.
func setting(name string, option nats.Option) nats.Option {
	return func(o *nats.Options) error {
		if err := option(o); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

func reconnectDelay(attempts int) time.Duration {
	return notify.Backoff(attempts, reconnectMin, reconnectMax)
}

func (p *Publisher) handlers() []nats.Option {
	log := p.log.With("url", p.o.Login.where())
	up := func(*nats.Conn) { log.Info("nats is connected"); p.connected.Send() }
	return []nats.Option{
		nats.ConnectHandler(up),
		nats.ReconnectHandler(up),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			p.lost.Send()
			if err != nil {
				log.Warn("nats is disconnected", "err", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { p.setError(unreached(&p.o.Login, err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("nats reports an error", "err", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(p.closed) }),
	}
}

// disconnect closes the connection and waits for it, for a bounded time.
func (p *Publisher) disconnect(nc *nats.Conn) error {
	if err := nc.Drain(); err != nil { // not connected
		nc.Close()
	}
	select {
	case <-p.closed:
		return nil
	case <-time.After(closeWithin):
		nc.Close()
		return errors.New("closing the nats connection: it did not close in time")
	}
}

// heartbeat says, outside the log, that the bot is ready.
func (p *Publisher) heartbeat(ctx context.Context, nc *nats.Conn) error {
	beat := notify.Beat{Every: p.beat, Ready: p.o.Ready, Log: p.log.With("to", component), Send: func(context.Context) {
		s := p.Status()
		text := fmt.Sprintf(`{"time":%q,"epoch":%q,"cursor":%d,"lag":%d}`,
			time.Now().UTC().Format(time.RFC3339), p.o.Renderer.Epoch, s.Cursor, s.Lag)
		if err := nc.Publish(SubjectHeartbeat, []byte(text)); err != nil {
			p.log.Debug("a heartbeat was not sent", "err", err)
		}
	}}
	return beat.Run(ctx)
}

// ShownServers is a list of servers' URLs without what may be secret.
func ShownServers(list string) string {
	servers := strings.Split(list, ",")
	for i, s := range servers {
		if s = strings.TrimSpace(s); !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		servers[i] = phone.Redact(s)
		if u, err := url.Parse(s); err == nil {
			servers[i] = u.Scheme + "://" + u.Host
		}
	}
	return strings.Join(servers, ",")
}
