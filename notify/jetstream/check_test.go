package jetstream

import (
	"testing"

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
