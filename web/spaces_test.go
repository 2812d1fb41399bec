package web

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
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

// Spaces are listed worst first, or by any column, and chosen by their labels.
func TestSpacesAreSorted(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	listed := func(query string) (names []string) {
		t.Helper()
		w := request{path: "/spaces" + query}.to(h)
		require.Equal(t, 200, w.Code)
		for _, m := range regexp.MustCompile(`<a href="\./spaces/main/[0-9]+"><bdi>([^<]*)</bdi>`).FindAllStringSubmatch(w.Body.String(), -1) {
			names = append(names, html.UnescapeString(m[1]))
		}
		return names
	}
	worst := listed("")
	require.Len(t, worst, len(customers))
	require.Equal(t, []string{"Merlion Bank", "Northwind Airways"}, worst[:2], "the one that cannot be polled, then the one with a banned number")
	require.NotEqual(t, worst, listed("?sort=space"))
	require.True(t, slices.IsSortedFunc(listed("?sort=space"), func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }))
	back := listed("?sort=-space")
	slices.Reverse(back)
	require.Equal(t, listed("?sort=space"), back)
	require.Len(t, listed("?label.tier=gold"), len(customers)/2)
	require.Contains(t, request{path: "/spaces?label.tier=gold"}.to(h).Body.String(), `<option value="gold" selected>gold</option>`)
	require.Contains(t, request{path: "/spaces?sort=colour"}.to(h).Body.String(), "sort must be one of health, last poll, numbers, space")
}

// A customer's page leads to its numbers, and others of its links lead to it.
func TestPageOfASpace(t *testing.T) {
	b := busyBot()
	old := slices.IndexFunc(b.numbers, func(r view.Row) bool { return r.Space == b.spaces[3].SpaceKey })
	b.numbers[old].Number.Set(phone.Status, "BANNED")
	h := New(b.options(t))
	path := "spaces/main/" + b.spaces[2].ID
	for from, link := range map[string]string{
		"/numbers": `href="./` + path, "/spaces": `href="./` + path, "/" + numberPath(b.alerts[1].Subject): `href="../../../` + path,
	} {
		require.Contains(t, request{path: from}.to(h).Body.String(), link+`"`, from)
	}
	body := request{path: "/" + path}.to(h).Body.String()
	require.Contains(t, body, `href="../../numbers?account=main&amp;space=`+b.spaces[2].ID+`&amp;QualityRating=YELLOW&amp;Status=BANNED"`)
	require.NotContains(t, body, "Harbour Coffee", "nothing of others")
	require.Contains(t, request{path: "/spaces/main/" + b.spaces[4].ID}.to(h).Body.String(), "This space cannot be polled")
	require.Equal(t, 404, request{path: "/spaces/main/none"}.to(h).Code)
	require.Contains(t, request{path: "/spaces/main/" + b.spaces[3].ID}.to(h).Body.String(), "1 ban in the last 30 days, 1 not over", "however long ago it began")
	b.broken = errDisk
	require.Equal(t, 500, request{path: "/" + path}.to(h).Code)
}
