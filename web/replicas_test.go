package web

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/web/api"
)

func TestReplicasAreShown(t *testing.T) {
	o := busyBot().options(t)
	alone := New(o)
	require.NotContains(t, request{path: "/"}.to(alone).Body.String(), "Replicas")
	require.Contains(t, request{path: "/api/v1/replicas"}.to(alone).Body.String(), `"replicas": []`)
	require.Equal(t, 422, request{method: "POST", path: "/api/v1/replicas/handover", body: `{"by": "Ada"}`}.to(alone).Code)

	var handed error
	o.Replicas = func() api.Replicas {
		return api.Replicas{ID: "one", Replicas: []api.Replica{
			{ID: "one", URL: "http://one:8080", Version: "v1", Role: "leader", Term: 7, Leader: "one", Seq: 4711, Heard: time.Unix(1, 0).UTC()},
			{ID: "<two>", URL: "http://two:8080", Role: "halted", Why: "ahead", Text: "the store is ahead", Differs: true, Heard: time.Unix(1, 0).UTC()},
		}}
	}
	o.HandOver = func() error { return handed }
	h := New(o)
	page := request{path: "/"}.to(h).Body.String()
	for _, want := range []string{"Replicas", "leader", "4711", "&lt;two&gt;", "halted", "the store is ahead", "accounts or rules are not those"} {
		require.Contains(t, page, want)
	}
	require.Contains(t, request{path: "/api/v1/status"}.to(h).Body.String(), `"seq": 4711`)
	require.Equal(t, 200, request{method: "POST", path: "/api/v1/replicas/handover", body: `{"by": "Ada"}`}.to(h).Code)
	handed = errors.New("this replica does not lead")
	require.Equal(t, 503, request{method: "POST", path: "/api/v1/replicas/handover", body: `{"by": "Ada"}`}.to(h).Code)
}
