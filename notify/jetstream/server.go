package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// startPoll is how often a server that starts is asked whether it is up.
	startPoll = 100 * time.Millisecond

	// noLimit is how much JetStream may store. Its own choice is a share of what is free
	// when it starts: on a disk that is full then, nothing for ever. What limits the stream
	// is nats.max_bytes.
	noLimit = 1 << 60

	// roomNeeded is what must fit on the disk before JetStream is started again.
	roomNeeded = 1 << 20
)

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
	up     chan struct{} // closed when it takes connections; JetStream may still lack room
	url    string        // from then on
}

// NewServer makes a server that does nothing until Start. The address is tried
// at once.
func NewServer(o ServerOptions) (*Server, error) {
	options := &server.Options{
		ServerName: "numwatch", Authorization: o.Token, DontListen: o.Listen == "",
		NoSigs: true, NoSystemAccount: true, // JetStream is enabled once it is up
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
	if err := e.enableJetStream(); err != nil {
		if !e.full() {
			return e.failed(err.Error())
		}
		e.said.log.Error("the disk of the embedded nats server is full; events wait until there is room", "dir", e.o.Dir, "err", err)
	}
	if e.server.Addr() != nil {
		e.url = e.server.ClientURL()
	}
	close(e.up)
	return nil
}

func (e *Server) enableJetStream() error {
	return e.server.EnableJetStream(&server.JetStreamConfig{StoreDir: e.o.Dir, MaxStore: noLimit})
}

// full tests the disk by writing to it.
func (e *Server) full() bool {
	probe := filepath.Join(e.o.Dir, "room")
	err := errors.Join(os.MkdirAll(e.o.Dir, dirMode), os.WriteFile(probe, make([]byte, roomNeeded), fileMode))
	return errors.Is(errors.Join(err, os.Remove(probe)), syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// recoverFrom starts JetStream again after an error of its disk, once there is room: a stream
// that could not be written refuses everything until then.
func (e *Server) recoverFrom(err error) error {
	if e.server.JetStreamEnabled() && !ofDisk(err) {
		return err
	}
	if e.full() {
		return fmt.Errorf("the disk of nats.dir, %s, is full: free some space, and publishing resumes by itself: %w", e.o.Dir, err)
	}
	e.said.log.Warn("restarting jetstream in the embedded nats server", "err", err)
	if again := errors.Join(e.server.ShutdownJetStream(), e.enableJetStream()); again != nil {
		return e.failed(again.Error())
	}
	return err
}

// ofDisk reports whether the server could not store something. Often it does not
// answer at all then.
func ofDisk(err error) bool {
	api := new(jetstream.APIError)
	return errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &api) && slices.Contains([]jetstream.ErrorCode{codeNoResources, codeNoStorage, codeNotStored}, api.ErrorCode)
}

// What the server answers where its disk is full; nats.go has no names for these.
const (
	codeNoResources jetstream.ErrorCode = 10023
	codeNoStorage   jetstream.ErrorCode = 10047
	codeNotStored   jetstream.ErrorCode = 10077

	dirMode  = 0o755
	fileMode = 0o600
)

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
