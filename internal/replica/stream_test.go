package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"numwatch/internal/reconnect"
	"numwatch/store"
)

const (
	noLeader = `{"error":{"code":503,"err_code":10008}}`
	notFound = `{"error":{"code":404,"err_code":10037}}`
	noStream = `{"error":{"code":404,"err_code":10059}}`
	infoOf   = "$JS.API.STREAM.INFO.NUMWATCH_LOG_test"
	readOf   = "$JS.API.STREAM.MSG.GET.NUMWATCH_LOG_test"
)

func state(leader string, first, last, records int) string {
	return fmt.Sprintf(`{"config":{"name":"NUMWATCH_LOG_test"},"state":{"messages":%d,"first_seq":%d,"last_seq":%d},"cluster":{"leader":%q}}`,
		records, first, last, leader)
}

func message(seq int) string {
	return fmt.Sprintf(`{"message":{"seq":%d,"data":"cmVjb3Jk"}}`, seq)
}

// While a stream has no leader any server says how it is, and one that is behind lacks what was acknowledged. Only the
// leader says what the log holds.
func TestAServerThatIsBehindSaysNothingAboutTheLog(t *testing.T) {
	t.Parallel()
	at := store.Position{Log: "log", Seq: 6}
	for name, c := range map[string]struct {
		info, read string // a server's answer, and the leader's
		position   store.Position
		want       plan
	}{
		"no leader":                        {state("", 1, 4, 4), noLeader, at, planWait},
		"no leader when it was read":       {state("n0", 1, 4, 4), noLeader, at, planWait},
		"no leader any more":               {state("", 1, 4, 4), notFound, at, planWait},
		"the record is there":              {state("n0", 1, 4, 4), message(6), at, planDiverged},
		"the record is gone":               {state("n0", 1, 4, 4), notFound, at, planAhead},
		"they do not agree":                {state("n0", 1, 9, 9), notFound, at, planWait},
		"the record was purged":            {state("n0", 9, 12, 4), message(9), at, planFetch},
		"it was, and one server is empty":  {state("n0", 0, 0, 0), message(9), at, planFetch},
		"emptied by hand":                  {state("n0", 41, 40, 0), notFound, at, planUnmatched},
		"no stream":                        {noStream, noStream, at, planAhead},
		"no stream on one server":          {noStream, noLeader, at, planWait},
		"no position, and an empty log":    {state("n0", 0, 0, 0), notFound, store.Position{}, planGenesis},
		"no position, and no leader":       {state("", 0, 0, 0), notFound, store.Position{}, planWait},
		"no position, and a log":           {state("n0", 1, 4, 4), message(1), store.Position{}, planFetch},
		"no position, one server is empty": {state("n0", 0, 0, 0), message(9), store.Position{}, planFetch},
		"no position, and emptied by hand": {state("n0", 41, 40, 0), notFound, store.Position{}, planUnmatched},
		"no position, and no stream":       {noStream, noStream, store.Position{}, planWait},
		"no position, and not yet genesis": {state("n0", 1, 1, 1), notFound, store.Position{}, planWait},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := answers(t, map[string]string{infoOf: c.info, readOf: c.read})
			found := s.find(t.Context(), c.position.Seq)
			require.Equal(t, c.want, join(beginning{log: inLog(found), position: c.position}), "%+v", found)
		})
	}
}

// inLog gives a record the log that these positions are in.
func inLog(l lookup) lookup {
	if l.record != nil {
		l.record = []byte(`{"log":"log"}` + "\n")
	}
	return l
}

// A server that is cut off from the others answers for itself, and knows of no leader: another one is tried.
func TestAServerWithoutALeaderIsLeft(t *testing.T) {
	t.Parallel()
	s := answers(t, map[string]string{infoOf: state("", 1, 4, 4), readOf: noLeader})
	left := make(chan struct{}, 10)
	s.nc.SetReconnectHandler(func(*nats.Conn) { left <- struct{}{} })
	o := &Options{StreamReplicas: 3}
	for began := time.Now(); len(left) == 0; time.Sleep(50 * time.Millisecond) {
		require.ErrorIs(t, s.open(t.Context(), o, false), reconnect.ErrNoLeader)
		require.Error(t, s.find(t.Context(), 6).err)
		require.Less(t, time.Since(began), settles)
	}
}

// A log that cannot be begun, as it was emptied, sends a replica back to look at it.
func TestALogThatCannotBeBegun(t *testing.T) {
	t.Parallel()
	n := newBench(t).node("one", 0)
	ctx := t.Context()
	require.NoError(t, n.stream.purge(ctx, 1000))
	n.chain = &chain{log: "another"}
	require.ErrorIs(t, n.append(ctx, header{Kind: kindGenesis, Genesis: &genesis{}}, nil), errRejoin)
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
	connect := func() *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL(), nats.ReconnectWait(10*time.Millisecond))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		return nc
	}
	server := connect()
	for subject, answer := range subjects {
		_, err := server.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(answer)) })
		require.NoError(t, err)
	}
	require.NoError(t, server.Flush())
	s, err := newStream(connect(), "test")
	require.NoError(t, err)
	return s
}
