package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
)

// cloudVariable makes the test binary be the cloud and nothing else.
const cloudVariable = "NUMWATCH_BENCH_CLOUD"

// The fleet that is polled at full pace.
const (
	fleetAccounts = 100
	fleetSpaces   = 1000 // of an account
	fleetNumbers  = 5    // of a space
	fleetLimit    = 10   // requests a second and account
)

func TestMain(m *testing.M) {
	if os.Getenv(cloudVariable) != "" {
		if err := serveCloud(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func fleetKey(account int) camssim.Key {
	return camssim.Key{AccessKeyId: fmt.Sprintf("LTAI%012d", account), AccessKeySecret: fmt.Sprint("secret of ", account)}
}

func spaceID(i int) string { return fmt.Sprintf("29348393884%04d", i) }

// serveCloud is the simulated cloud in a process of its own: it prints where it
// listens and ends when its standard input does.
func serveCloud() error {
	var c camssim.Config
	for a := range fleetAccounts {
		account := camssim.Account{Name: fmt.Sprint("account-", a), Key: fleetKey(a), Limit: fleetLimit}
		for s := range fleetSpaces {
			space := camssim.Space{Id: spaceID(s)}
			for n := range fleetNumbers {
				space.Numbers = append(space.Numbers, number(n, "GREEN"))
			}
			account.Spaces = append(account.Spaces, space)
		}
		c.Accounts = append(c.Accounts, account)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	server := &http.Server{Handler: camssim.New(c)}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	_ = server.Serve(l)
	return nil
}

// startCloud starts the process and returns its address.
func startCloud(tb testing.TB) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), cloudVariable+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(tb, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		stdin.Close()
		require.NoError(tb, cmd.Wait())
	})
	lines := bufio.NewScanner(stdout)
	require.True(tb, lines.Scan(), "the cloud does not start")
	return lines.Text()
}
