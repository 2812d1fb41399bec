package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreForThisMachine(t *testing.T) {
	o := (&bot{}).options(t)
	o.Tokens = admin
	h := New(o)
	path := "/debug/pprof/goroutine?debug=1"
	require.Equal(t, 401, request{path: path}.to(h).Code, "they show what is in memory")
	require.Equal(t, 403, request{path: path, from: elsewhere, header: bearer(token)}.to(h).Code)
	answer := request{path: path, header: bearer(token)}.to(h)
	require.Equal(t, 200, answer.Code)
	require.Contains(t, answer.Body.String(), "goroutine profile")
	require.Equal(t, 200, request{path: "/debug/pprof/"}.to(New((&bot{}).options(t))).Code)
}
