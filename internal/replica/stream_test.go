package replica

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"numwatch/store"
)

// While a stream has no leader any server says how it is, and one that is behind lacks what was acknowledged. Only the
// leader says that a record is gone.
func TestAServerThatIsBehindSaysNothingAboutTheLog(t *testing.T) {
	t.Parallel()
	const noLeader, found, notFound = `{"error":{"code":503,"err_code":10008}}`, `{"message":{"data":"cmVjb3Jk"}}`, `{"error":{"code":404,"err_code":10037}}`
	for name, c := range map[string]struct {
		leader string // of the stream, as the server that answers knows it
		read   string // the leader's answer
		want   verdict
	}{
		"no leader":                     {"", noLeader, verdictUnknown},
		"no leader when it was read":    {"n0", noLeader, verdictUnknown},
		"the record is there":           {"n0", found, verdictUnknown},
		"the record is gone":            {"n0", notFound, verdictAhead},
		"no leader, which is there now": {"", notFound, verdictUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := `{"config":{"name":"NUMWATCH_LOG_test"},"state":{"messages":4,"first_seq":1,"last_seq":4},"cluster":{"leader":%q}}`
			s := answers(t, map[string]string{
				"$JS.API.STREAM.INFO.NUMWATCH_LOG_test":    fmt.Sprintf(info, c.leader),
				"$JS.API.STREAM.MSG.GET.NUMWATCH_LOG_test": c.read,
			})
			require.Equal(t, c.want, judge(store.Position{Seq: 6}, s.find(t.Context(), 6)))
		})
	}
}

// answers is the log of a server that gives these answers.
func answers(t *testing.T, subjects map[string]string) *stream {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	require.True(t, srv.ReadyForConnections(settles))
	nc, err := nats.Connect(srv.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	for subject, answer := range subjects {
		_, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(answer)) })
		require.NoError(t, err)
	}
	s, err := newStream(nc, "test")
	require.NoError(t, err)
	return s
}
