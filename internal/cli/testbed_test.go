package cli_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
)

// The secrets of a testbed. Each holds the mark, by which a leak is found.
const (
	mark           = "S3CRET"
	keyID          = "LTAI-test-key-id"
	keySecret      = mark + "-of-the-access-key"
	slackToken     = "xoxb-" + mark + "-bot"
	slackAppToken  = "xapp-" + mark + "-app"
	natsToken      = mark + "-of-nats"
	callbackToken  = mark + "-of-a-callback"
	startsWithin   = 30 * time.Second // under the race detector, on a busy machine
	drainsOnEnding = 5 * time.Second
)

// testbed is what is outside of the program: a cloud, a Slack and a NATS server,
// each behind an address that is known before it is up.
type testbed struct {
	dir   string
	cloud *camssim.Server
	slack *slacksim.Server
	ahead atomic.Int64 // how much the cloud's clock is ahead

	cloudDoor, slackDoor, natsDoor *door

	mu   sync.Mutex
	nats *server.Server
}

func newTestbed(dir string) (w *testbed, err error) {
	w = &testbed{dir: dir}
	w.cloud = camssim.New(camssim.Config{
		Accounts: []camssim.Account{{
			Name: "main", Key: camssim.Key{AccessKeyId: keyID, AccessKeySecret: keySecret},
			Spaces: []camssim.Space{
				{Id: "1001", Name: "Acme", Numbers: []camssim.Number{healthy("8613800001111", "Acme"), healthy("8613800001112", "Acme Care")}},
				{Id: "1002", Name: "Bravo", Numbers: []camssim.Number{healthy("6591230001", "Bravo")}},
			},
		}},
		Clock: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
	})
	w.slack = slacksim.New(slacksim.Config{
		Token:    slackToken,
		AppToken: slackAppToken,
		Channels: []slacksim.Channel{{ID: "C000000001", Name: "wa-ops"}, {ID: "C000000002", Name: "wa-oncall"}},
		Limits:   slacksim.Limits{Posts: slacksim.Rate{Max: 20, Per: time.Second}},
	})
	for _, d := range []**door{&w.cloudDoor, &w.slackDoor, &w.natsDoor} {
		if *d, err = newDoor(); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func healthy(number, name string) camssim.Number {
	return camssim.Number{
		"PhoneNumber": number, "VerifiedName": name, "Status": "CONNECTED", "QualityRating": "GREEN",
		"CodeVerificationStatus": "VERIFIED", "NewNameStatus": "NONE", "NameStatus": "APPROVED",
		"MessagingLimitTier": "TIER_10K", "StatusQueue": "", "UpQueue": "", "IsOfficial": "N",
		"StatusCallbackUrl": "https://hooks.example.com/status?token=" + callbackToken,
		"UpCallbackUrl":     "https://hooks.example.com/in?token=" + callbackToken + "\n",
	}
}

func (w *testbed) close() error {
	w.stopNATS()
	var errs []error
	for _, d := range []*door{w.cloudDoor, w.slackDoor, w.natsDoor} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return errors.Join(errs...)
}

// startNATS starts the server, again with the files that it had.
func (w *testbed) startNATS(o *server.Options) error {
	o.ServerName, o.Host, o.Port = "testbed", "127.0.0.1", server.RANDOM_PORT
	o.JetStream, o.StoreDir, o.NoSigs, o.NoLog = true, filepath.Join(w.dir, ".nats"), true, true
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(startsWithin) {
		return errors.New("the NATS server does not start")
	}
	w.mu.Lock()
	w.nats = s
	w.mu.Unlock()
	return w.natsDoor.forward(w.natsAddress)
}

func (w *testbed) natsAddress() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nats == nil {
		return ""
	}
	return w.nats.Addr().String()
}

func (w *testbed) stopNATS() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nats != nil {
		w.nats.Shutdown()
		w.nats.WaitForShutdown()
		w.nats = nil
	}
}

// door is an address of this machine that is taken, and refuses connections
// until it is opened.
type door struct {
	address string
	fd      int
	opened  net.Listener
	serving sync.WaitGroup
}

func newDoor() (*door, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	d := &door{fd: fd}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, errors.Join(err, d.close())
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.address = fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	return d, nil
}

// open lets connections in. A door that is open already stays as it is.
func (d *door) open(serve func(net.Listener)) error {
	if d.opened != nil {
		return nil
	}
	if err := syscall.Listen(d.fd, 128); err != nil {
		return fmt.Errorf("listening on %s: %w", d.address, err)
	}
	f := os.NewFile(uintptr(d.fd), d.address)
	l, err := net.FileListener(f) // of a copy of fd
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	d.opened = l
	d.serving.Go(func() { serve(l) })
	return nil
}

func (d *door) serve(h http.Handler) error {
	return d.open(func(l net.Listener) {
		s := &http.Server{Handler: h}
		_ = s.Serve(l)
		_ = s.Close()
	})
}

// forward hands connections on to wherever to says at the time.
func (d *door) forward(to func() string) error {
	return d.open(func(l net.Listener) {
		var pipes sync.WaitGroup
		defer pipes.Wait()
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			pipes.Go(func() { pipe(near, to()) })
		}
	})
}

func pipe(near net.Conn, address string) {
	defer near.Close()
	far, err := net.DialTimeout("tcp", address, drainsOnEnding)
	if err != nil {
		return
	}
	defer far.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = far.(*net.TCPConn).ReadFrom(near)
		far.Close()
	})
	_, _ = near.(*net.TCPConn).ReadFrom(far)
	near.Close()
	back.Wait()
}

func (d *door) close() error {
	if d.opened == nil {
		return syscall.Close(d.fd)
	}
	err := d.opened.Close()
	d.serving.Wait()
	return err
}
