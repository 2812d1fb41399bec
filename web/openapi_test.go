package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"numwatch/phone"
	"numwatch/web/api"
)

// document is the API's description, to hold the handlers against.
type document struct {
	root    any
	paths   map[string]map[string]any
	schemas *jsonschema.Compiler
}

const documentURL = "mem:///openapi.json"

func readDocument(t *testing.T) document {
	t.Helper()
	var described any
	require.NoError(t, yaml.Unmarshal(openAPI, &described))
	content, err := json.Marshal(described)
	require.NoError(t, err)
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	d := document{root: root, paths: map[string]map[string]any{}, schemas: jsonschema.NewCompiler()}
	for path, item := range root.(map[string]any)["paths"].(map[string]any) {
		d.paths[path] = item.(map[string]any)
	}
	d.schemas.AssertFormat()
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, d.schemas.AddResource(documentURL, root))
	return d
}

// requireFits validates an answer against a schema of the document.
func (d document) requireFits(t *testing.T, pointer, body string) {
	t.Helper()
	schema, err := d.schemas.Compile(documentURL + "#" + pointer)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(v), body)
}

// answerOf is where the schema of an operation's answer stands.
func answerOf(path, method, code string) string {
	escaped := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path)
	return "/paths/" + escaped + "/" + strings.ToLower(method) + "/responses/" + code + "/content/application~1json/schema"
}

func TestEveryRouteIsDocumentedAndThere(t *testing.T) {
	d := readDocument(t)
	var served, documented []string
	for _, r := range (&site{Options: (&bot{}).options(t)}).routes() {
		if method, path, _ := strings.Cut(r.pattern, " "); strings.HasPrefix(path, apiPrefix) {
			served = append(served, method+" "+path)
		}
	}
	for path, item := range d.paths {
		for method := range item {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	require.ElementsMatch(t, served, documented)
}

// Real answers, as full as they come, fit what is written of them.
func TestAnswersFitTheirSchemas(t *testing.T) {
	d, b := readDocument(t), busyBot()
	b.notReady = errDisk
	h := New(b.options(t))
	about := b.alerts[0].Subject
	path := "/api/v1/numbers/" + about.Account + "/" + about.Space + "/" + about.PhoneNumber
	named := "/api/v1/numbers/{account}/{space}/{number}"
	for _, ask := range []struct{ method, path, documented string }{
		{"GET", "/api/v1/status", ""},
		{"GET", "/api/v1/spaces", ""},
		{"GET", "/api/v1/numbers?limit=1000", ""},
		{"GET", path, named},
		{"GET", path + "/history", named + "/history"},
		{"GET", "/api/v1/alerts?state=all", ""},
		{"GET", "/api/v1/rules", ""},
		{"GET", "/api/v1/deadletters", ""},
	} {
		w := request{method: ask.method, path: ask.path}.to(h)
		require.Equal(t, 200, w.Code, ask.path)
		require.NotContains(t, w.Body.String(), "TOPSECRET", ask.path)
		documented := ask.documented
		if documented == "" {
			documented, _, _ = strings.Cut(ask.path, "?")
		}
		d.requireFits(t, answerOf(documented, ask.method, "200"), w.Body.String())
	}
	// And as empty as they come.
	h = New((&bot{}).options(t))
	for _, path := range []string{"/api/v1/status", "/api/v1/spaces", "/api/v1/numbers", "/api/v1/alerts", "/api/v1/rules", "/api/v1/deadletters"} {
		d.requireFits(t, answerOf(path, "GET", "200"), request{path: path}.to(h).Body.String())
	}
	d.requireFits(t, answerOf("/api/v1/numbers/{account}/{space}/{number}/history", "GET", "200"), request{path: path + "/history"}.to(h).Body.String())
}

func TestErrorsSayWhatToDo(t *testing.T) {
	d, b := readDocument(t), busyBot()
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
		{request{method: "POST", path: "/api/v1/deadletters/none/retry"}, 404, "/api/v1/deadletters list"},
		{request{path: "/api/v1/nothing"}, 404, "openapi.yaml"},
		{request{path: "/api/v1/status", from: elsewhere}, 401, "http.token"},
	} {
		w := ask.to(h)
		require.Equal(t, ask.code, w.Code, ask.path)
		require.Contains(t, w.Body.String(), ask.says)
		d.requireFits(t, "/components/schemas/Error", w.Body.String())
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
	content, err := json.Marshal(readDocument(t).paths["/api/v1/numbers"])
	require.NoError(t, err)
	for f := range phone.FieldsOfNumber() {
		query := url.Values{f.String(): {"x,y"}}
		require.Equal(t, 200, request{path: "/api/v1/numbers?" + query.Encode()}.to(h).Code)
		p := params{values: query, known: map[string]bool{}}
		require.Equal(t, map[phone.Field][]string{f: {"x", "y"}}, p.query().Fields)
		require.Contains(t, string(content), `"name":"`+f.String()+`"`)
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
	require.Len(t, rules(""), 11)
	require.Len(t, rules("state=all"), 12)
	require.Equal(t, []string{"quality-red"}, rules("state=closed"))
	require.Equal(t, []string{"sink-parked", "status-banned"}, slices.Sorted(slices.Values(rules("severity=critical&limit=2&offset=1"))))
	require.Len(t, rules("severity=high,warning"), 7)
	require.Equal(t, []string{"status-banned"}, rules("rule=status-banned"))
	require.Equal(t, []string{"name-rejected"}, rules("q=pasar"))
	require.Equal(t, []string{"status-banned"}, rules("number="+b.alerts[1].Subject.PhoneNumber))
}
