package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/web/api"
)

// A history is read in parts: each says where the next begins.
func TestHistoryInParts(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	path := "/api/v1/" + numberPath(b.alerts[0].Subject) + "/history"
	get := func(query string) (part api.History) {
		w := request{path: path + query}.to(h)
		require.Equal(t, 200, w.Code, w.Body)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &part))
		return part
	}
	whole := get("")
	require.Greater(t, len(whole.Events), 2)
	require.Zero(t, whole.Before)

	first := get("?limit=2")
	require.Equal(t, whole.Events[:2], first.Events)
	require.Equal(t, first.Events[1].Seq, first.Before)
	next := get(fmt.Sprintf("?before=%d", first.Before))
	require.Equal(t, whole.Events[2:], next.Events)

	page := request{path: fmt.Sprintf("/%s?before=%d", numberPath(b.alerts[0].Subject), first.Before)}.to(h).Body.String()
	_, history, _ := strings.Cut(page, `<ol class="history card">`)
	require.Equal(t, len(next.Events), strings.Count(history, "<li>"))
}
