package web

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/web/api"
)

// Spaces that the lists lack are shown, and can be accepted as gone.
func TestMissingSpaces(t *testing.T) {
	b := busyBot()
	b.status.Accounts[0].Missing = &api.MissingSpaces{
		Spaces: []api.Space{{ID: "1001", Name: "Kopi & Co"}, {ID: "1002"}}, Until: noon.Add(time.Hour),
	}
	var accepted []string
	o := b.options(t)
	o.AcceptSpaces = func(_ context.Context, account, by string) (int, error) {
		if account != "main" {
			return 0, fmt.Errorf("%w: account %s", alert.ErrNotFound, account)
		}
		accepted = append(accepted, account+" by "+by)
		return 2, nil
	}
	h := New(o)
	status := request{path: "/api/v1/status"}.to(h).Body.String()
	require.Contains(t, status, "Kopi")
	page := request{path: "/spaces"}.to(h).Body.String()
	require.Contains(t, page, "lacks 2 spaces")
	require.Contains(t, page, "numwatch spaces accept main")

	w := request{method: "POST", path: "/api/v1/spaces/main/accept", body: `{"by":"ada"}`}.to(h)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, []string{"main by ada"}, accepted)
	require.Equal(t, http.StatusNotFound, request{method: "POST", path: "/api/v1/spaces/other/accept", body: `{"by":"ada"}`}.to(h).Code)
	require.Equal(t, http.StatusUnprocessableEntity, request{method: "POST", path: "/api/v1/spaces/main/accept", body: `{"by":" "}`}.to(h).Code)
}
