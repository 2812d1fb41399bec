package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/web/api"
)

// contract is what openapi.yaml promises, with the routes to find an operation by.
type contract struct {
	doc    *openapi3.T
	routes routers.Router
}

var documented = sync.OnceValue(func() contract {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		panic(err)
	}
	routes, err := legacy.NewRouter(doc) // also validates the document
	if err != nil {
		panic(err)
	}
	return contract{doc, routes}
})

// check returns how an answer differs from what openapi.yaml says of it, and
// how the request does that was answered well.
func (c contract) check(r *http.Request, body []byte, w *httptest.ResponseRecorder) error {
	route, path, err := c.routes.FindRoute(r)
	if err != nil {
		if w.Code < 400 {
			return err
		}
		return nil // no operation of the API, and refused
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	asked := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: path, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if w.Code < 300 {
		if len(body) > 0 && r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if err := openapi3filter.ValidateRequest(r.Context(), asked); err != nil {
			return err
		}
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: w.Code, Header: w.Header(), Options: asked.Options,
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		answer.SetBodyBytes(w.Body.Bytes())
	} else {
		asked.Options.ExcludeResponseBody = true
	}
	return openapi3filter.ValidateResponse(r.Context(), answer)
}

func TestTheDocumentIsValid(t *testing.T) {
	require.NoError(t, documented().doc.Validate(t.Context()))
}

// What every test of the API relies on.
func TestAnswersThatDifferFromTheDocumentAreFound(t *testing.T) {
	for body, code := range map[string]int{`{"spaces":[],"total":"1"}`: 200, `{"spaces":[]}`: 200, `{"error":1}`: 404, `{"strange":1}`: 500} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		w.Code = code
		w.Body.WriteString(body)
		require.Error(t, documented().check(httptest.NewRequest("GET", "/api/v1/spaces", nil), nil, w), body)
	}
}

func TestEveryRouteIsDocumentedAndThere(t *testing.T) {
	var served, written []string
	for _, r := range newSite((&bot{}).options(t)).routes() {
		if method, path, _ := strings.Cut(r.pattern, " "); strings.HasPrefix(path, apiPrefix) {
			served = append(served, method+" "+path)
		}
	}
	for path, item := range documented().doc.Paths.Map() {
		for method := range item.Operations() {
			written = append(written, method+" "+path)
		}
	}
	require.ElementsMatch(t, served, written)
}

// Real answers, as full as they come and as empty, fit what is written of them.
func TestAnswersFitTheirSchemas(t *testing.T) {
	full := busyBot()
	full.notReady = errDisk
	number := "/api/v1/" + numberPath(full.alerts[0].Subject)
	for _, b := range []*bot{full, {}} {
		h := New(b.options(t))
		for _, path := range []string{
			"/api/v1/status", "/api/v1/spaces", "/api/v1/numbers?limit=1000", number + "/history", "/api/v1/alerts?state=all",
			"/api/v1/rules", "/api/v1/deadletters", "/api/v1/silences", "/api/v1/replicas", "/api/v1/openapi.yaml",
		} {
			w := request{path: path}.to(h) // holds it to openapi.yaml
			require.Equal(t, 200, w.Code, path)
			require.NotContains(t, w.Body.String(), "TOPSECRET", path)
		}
	}
	require.Equal(t, 200, request{path: number}.to(New(full.options(t))).Code)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	for _, ask := range []struct {
		request
		code int
		says string
	}{
		{request{path: "/api/v1/numbers?limit=0"}, 400, "limit must be a number from 1 to 1000"},
		{request{path: "/api/v1/numbers?offset=-1"}, 400, "offset must be"},
		{request{path: "/api/v1/numbers?Colour=red"}, 400, `unknown parameter \"Colour\"`},
		{request{path: "/api/v1/alerts?state=odd&severity=dire"}, 400, "state must be one of open, firing, closed, all; severity must be one of critical"},
		{request{path: "/api/v1/spaces?state=odd"}, 400, "state must be one of"},
		{request{path: "/api/v1/numbers/main/x/1"}, 404, "/api/v1/numbers?q="},
		{request{path: "/api/v1/numbers/main/x/1/history?before=x"}, 400, "before must be"},
		{request{path: "/api/v1/numbers/main/x/1/history?before=-1"}, 400, "before must be"},
		{request{method: "POST", path: "/api/v1/deadletters/none/retry"}, 404, "/api/v1/deadletters list"},
		{request{path: "/api/v1/nothing"}, 404, "openapi.yaml"},
		{request{path: "/api/v1/status", from: elsewhere}, 401, "http.token"},
	} {
		w := ask.to(h)
		require.Equal(t, ask.code, w.Code, ask.path)
		require.Contains(t, w.Body.String(), ask.says)
	}
	b.broken, b.refuse = errDisk, errDisk
	require.Equal(t, 500, request{path: "/api/v1/numbers"}.to(h).Code)
	require.Contains(t, b.log.String(), "the disk is gone")
	require.Equal(t, 503, request{method: "POST", path: "/api/v1/deadletters/m-dead/retry"}.to(h).Code)
	of := "/api/v1/" + numberPath(b.alerts[0].Subject)
	for _, path := range []string{of, of + "/history"} {
		require.Equal(t, 500, request{path: path}.to(h).Code)
	}
}

// Every field of a number can be asked for, and is documented.
func TestEveryFieldFilters(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	list := documented().doc.Paths.Value("/api/v1/numbers").Get
	for f := range phone.FieldsOfNumber() {
		query := url.Values{f.String(): {"x,y"}}
		require.Equal(t, 200, request{path: "/api/v1/numbers?" + query.Encode()}.to(h).Code)
		p := params{values: query, known: map[string]bool{}}
		require.Equal(t, map[phone.Field][]string{f: {"x", "y"}}, p.query().Fields)
		require.NotNil(t, list.Parameters.GetByInAndName("query", f.String()), f)
	}
}

// A log may have any number of events.
func TestHistoryBeforeAnyPosition(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	number := numberPath(b.alerts[0].Subject)
	for _, before := range []string{"3000000000", "9223372036854775807"} {
		w := request{path: "/api/v1/" + number + "/history?before=" + before}.to(h)
		require.Equal(t, 200, w.Code, w.Body.String())
		w = request{path: "/" + number + "?before=" + before}.to(h)
		require.Equal(t, 200, w.Code)
		require.NotContains(t, w.Body.String(), "must be")
	}
}

func TestSpacesList(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	get := func(query string) (list api.SpaceList) {
		w := request{path: "/api/v1/spaces?" + query}.to(h)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
		return list
	}
	all := get("")
	require.Equal(t, len(customers), all.Total)
	require.Equal(t, "Merlion Bank", all.Spaces[0].Name, "what fails stands first")
	require.Equal(t, "Forbidden.RAM", all.Spaces[0].Failing.Code)
	require.Equal(t, 1, get("state=FAILING").Total)
	require.Equal(t, 6, get("label.tier=gold").Total)
	require.Equal(t, "Kopi & Co", get("q=kopi").Spaces[0].Name)
	require.Zero(t, get("account=other").Total)
	page := get("offset=10&limit=5")
	require.Len(t, page.Spaces, 2)
	require.Equal(t, len(customers), page.Total)
}

func TestAlertsList(t *testing.T) {
	b := busyBot()
	h := New(b.options(t))
	rules := func(query string) (names []string) {
		w := request{path: "/api/v1/alerts?" + query}.to(h)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		var list api.AlertList
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
		for _, a := range list.Alerts {
			names = append(names, a.Alert.Rule)
		}
		return names
	}
	require.Len(t, rules(""), 12)
	require.Len(t, rules("state=all"), 14)
	require.Equal(t, []string{"limit-lowered", "quality-red"}, rules("state=closed"))
	require.Equal(t, []string{"sink-parked", "status-banned"}, slices.Sorted(slices.Values(rules("severity=critical&limit=2&offset=1"))))
	require.Len(t, rules("severity=high,warning"), 8)
	require.Equal(t, []string{"status-banned"}, rules("rule=status-banned"))
	require.Equal(t, []string{"name-rejected"}, rules("q=pasar"))
	require.Equal(t, []string{"status-banned", "quality-yellow"}, rules("number="+b.alerts[1].Subject.PhoneNumber))
}
