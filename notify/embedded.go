package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const embeddedStart = 10 * time.Second

// EmbeddedOptions configures the NATS server that runs within the process where
// no other is configured.
type EmbeddedOptions struct {
	Listen string // host:port for consumers; port 0 takes a free one; "": none
	Dir    string // JetStream's files; no other server may use it, which nothing checks
	Token  string // asked of every client, if set
	Logger *slog.Logger
}

// Embedded is a NATS server with JetStream in this process.
type Embedded struct {
	server *server.Server
	token  string
	url    string
}

// StartEmbedded starts a server and returns once it takes connections.
func StartEmbedded(o EmbeddedOptions) (*Embedded, error) {
	options := &server.Options{
		ServerName: "numwatch", Authorization: o.Token, DontListen: o.Listen == "",
		JetStream: true, StoreDir: o.Dir, NoSigs: true, NoSystemAccount: true,
	}
	if o.Listen != "" {
		var err error
		if options.Host, options.Port, err = splitListen(o.Listen); err != nil {
			return nil, err
		}
		if err := checkFree(o.Listen); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: %w", err)
	}
	said := &serverLog{log: loggerOr(o.Logger), fatal: make(chan string, 1)}
	s.SetLoggerV2(said, false, false, false)
	s.Start()
	e := &Embedded{server: s, token: o.Token}
	if why := e.ready(said.fatal); why != "" {
		e.Shutdown()
		return nil, fmt.Errorf("embedded nats server on %s: %s; check that its folder, %s, can be written and that no other server uses it", o.Listen, why, o.Dir)
	}
	if s.Addr() != nil {
		e.url = s.ClientURL()
	}
	return e, nil
}

// checkFree finds out beforehand what the server would tell in its own words.
func checkFree(listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("nats.listen: %w; is another numwatch or NATS server running? Set nats.listen to a free address", err)
	}
	return l.Close()
}

// ready waits until the server takes connections, or says why it does not.
func (e *Embedded) ready(fatal <-chan string) string {
	for end := time.Now().Add(embeddedStart); time.Now().Before(end); {
		if e.server.ReadyForConnections(embeddedStart / 100) {
			if e.server.JetStreamEnabled() {
				return ""
			}
			return "jetstream did not start"
		}
		select {
		case why := <-fatal:
			return why
		default:
		}
	}
	return "it was not ready in time"
}

func splitListen(listen string) (string, int, error) {
	host, digits, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("nats.listen %q: want host:port: %w", listen, err)
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("nats.listen %q: port: %w", listen, errors.Unwrap(err))
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(port), nil
}

// URL is where clients connect, also once it is shut down; "" if it takes none
// from outside the process.
func (e *Embedded) URL() string {
	return e.url
}

// Shutdown stops the server and waits until its files are closed.
func (e *Embedded) Shutdown() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// serverLog keeps the server's notices for debugging and passes on what is
// wrong. The server formats its own lines; nothing in them is parsed.
type serverLog struct {
	log   *slog.Logger
	fatal chan string // the first reason not to start
}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "embedded nats server", "said", fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }

// Fatalf keeps what the server would end the process for: StartEmbedded returns
// it as an error.
func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
		l.say(slog.LevelError, format, v)
	}
}

func (l *serverLog) Errorf(format string, v ...any) { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(string, ...any)          {}
func (l *serverLog) Tracef(string, ...any)          {}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
