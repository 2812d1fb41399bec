package jetstream

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startPoll is how often a server that starts is asked whether it is up.
const startPoll = 100 * time.Millisecond

// ServerOptions configures the NATS server that runs within the process where
// no other is configured.
type ServerOptions struct {
	Listen string // host:port for consumers; port 0 takes a free one; "": none
	Dir    string // JetStream's files; no other server may use it, which nothing checks
	Token  string // asked of every client, if set
	Logger *slog.Logger
}

// Server is a NATS server with JetStream in this process.
type Server struct {
	server *server.Server
	said   *serverLog
	o      ServerOptions
	up     chan struct{} // closed when it takes connections
	url    string        // from then on
}

// NewServer makes a server that does nothing until Start. The address is tried
// at once.
func NewServer(o ServerOptions) (*Server, error) {
	options := &server.Options{
		ServerName: "numwatch", Authorization: o.Token, DontListen: o.Listen == "",
		JetStream: true, StoreDir: o.Dir, NoSigs: true, NoSystemAccount: true,
	}
	if o.Listen != "" {
		var err error
		if options.Host, options.Port, err = o.address(); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: %w", err)
	}
	said := &serverLog{log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), fatal: make(chan string, 1)}
	s.SetLoggerV2(said, false, false, false)
	return &Server{server: s, said: said, o: o, up: make(chan struct{})}, nil
}

// Start starts the server and returns once it takes connections. Where the
// stream holds a million messages that takes seconds, since the server reads
// what it has. One that is up already is left as it is. Shutdown is due after an
// error, too.
func (e *Server) Start(ctx context.Context) error {
	select {
	case <-e.up:
		return nil
	default:
	}
	e.server.Start()
	for !e.server.ReadyForConnections(startPoll) {
		select {
		case why := <-e.said.fatal:
			return e.failed(why)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
	}
	if !e.server.JetStreamEnabled() {
		return e.failed("jetstream did not start")
	}
	if e.server.Addr() != nil {
		e.url = e.server.ClientURL()
	}
	close(e.up)
	return nil
}

func (e *Server) failed(why string) error {
	return fmt.Errorf("embedded nats server on %s: %s; check that its folder, %s, can be written and that no other server uses it", e.o.Listen, why, e.o.Dir)
}

// Up is closed once the server takes connections.
func (e *Server) Up() <-chan struct{} { return e.up }

// address is where the server is to listen. What the server would say in its own
// words, that the address is taken or malformed, is found out beforehand.
func (o ServerOptions) address() (host string, port int, err error) {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("nats.listen: %w; is another numwatch or NATS server running? Set nats.listen to a free address", err)
	}
	defer l.Close()
	host, digits, err := net.SplitHostPort(o.Listen)
	if digits == "0" {
		return host, server.RANDOM_PORT, err
	}
	return host, l.Addr().(*net.TCPAddr).Port, err
}

// URL is where clients connect, also once it is shut down; "" before it is up,
// and if it takes none from outside the process.
func (e *Server) URL() string {
	select {
	case <-e.up:
		return e.url
	default:
		return ""
	}
}

// Shutdown stops the server and waits until its files are closed.
func (e *Server) Shutdown() {
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

// Fatalf keeps what the server would end the process for: Start returns
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
