package jetstream

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestCheckNATS(t *testing.T) {
	b := newRig(t)
	o := b.options()
	said, err := Check(t.Context(), o.Login, o.Stream)
	require.NoError(t, err)
	require.Contains(t, said, "stream NUMWATCH will be created")
	_, err = b.js.Stream(t.Context(), "NUMWATCH")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "a check makes nothing")
	o.Stream.Create = false
	_, err = Check(t.Context(), o.Login, o.Stream)
	require.ErrorContains(t, err, "nats.create_stream")
	b.stream(nil)
	said, err = Check(t.Context(), o.Login, o.Stream)
	require.NoError(t, err)
	require.Contains(t, said, "fits")
	_, err = Check(t.Context(), Login{URL: "nats://127.0.0.1:1"}, o.Stream)
	require.ErrorContains(t, err, "connecting to nats at nats://127.0.0.1:1")
}

func TestCheckNATSReadsAsTheBotDoes(t *testing.T) {
	s := demanding(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "admin", Password: "a"}, {Username: "bot", Password: "b", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"numwatch.>", "$JS.API.STREAM.INFO.NUMWATCH", "$JS.API.DIRECT.GET.NUMWATCH.>"}},
		}}}
	})
	admin, err := nats.Connect(addressed("nats://admin:a@", s))
	require.NoError(t, err)
	defer admin.Close()
	js, err := jetstream.New(admin)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), StreamOptions{Name: "NUMWATCH"}.config())
	require.NoError(t, err)
	_, err = Check(t.Context(), Login{URL: addressed("nats://bot:b@", s)}, StreamOptions{Name: "NUMWATCH"})
	require.ErrorContains(t, err, "may publish to $JS.API.STREAM.MSG.GET.NUMWATCH")
	_, err = Check(t.Context(), Login{URL: addressed("nats://admin:a@", s)}, StreamOptions{Name: "NUMWATCH"})
	require.NoError(t, err)
}
