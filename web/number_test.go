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

// Each alert of a number leads to why people were notified of it.
func TestWhy(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	body := request{path: "/" + numberPath(b.alerts[0].Subject)}.to(h).Body.String()
	why := "alerts/" + b.alerts[0].ID + "/why"
	require.GreaterOrEqual(t, strings.Count(body, `href="../../../`+why+`"`), 3, "in the timeline, at the alert and in the history")
	require.Contains(t, request{path: "/" + why}.to(h).Body.String(), "Answered from this bot")
	w := request{path: "/alerts/a-none/why"}.to(h)
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "there is no alert a-none")
}
