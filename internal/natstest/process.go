package natstest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// nodeVariable makes a test binary a server, if its TestMain calls Main.
const nodeVariable = "NUMWATCH_TEST_NATS"

// node is what such a server is told.
type node struct {
	Name, Store, Routes string
	Advertise           string // to other servers; "": where it is
	Port, ClusterPort   int
}

func (n *node) options() *server.Options {
	return &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Port, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: n.Store, SyncAlways: true,
		// Clients and other servers learn of no way but those that they are given, which a test may cut.
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: n.ClusterPort, NoAdvertise: true, Advertise: n.Advertise},
		Routes:  server.RoutesFromStr(n.Routes),
	}
}

// Main is a server, if the process was started to be one, and does not return then.
func Main() {
	config := os.Getenv(nodeVariable)
	if config == "" {
		return
	}
	var n node
	err := json.Unmarshal([]byte(config), &n)
	if err == nil {
		err = n.serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (n *node) serve() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	s, err := server.NewServer(n.options())
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(readyWithin) {
		return fmt.Errorf("%s does not listen", n.Name)
	}
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// process is a server in a process of its own, which can be killed.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}
}

func startProcess(t testing.TB, n *node) *process {
	config, err := json.Marshal(n)
	require.NoError(t, err)
	p := &process{t, exec.Command(os.Args[0]), make(chan struct{})}
	p.cmd.Env = append(os.Environ(), nodeVariable+"="+string(config))
	p.cmd.Stderr = os.Stderr
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ends is up to the test
	}()
	return p
}

func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // it may have ended
}

func (p *process) end(s syscall.Signal) {
	p.signal(syscall.SIGCONT)
	p.signal(s)
	<-p.ended
}
