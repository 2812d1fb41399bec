package deploytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// client calls a bot, and holds each answer to the document that the bot serves.
type client struct {
	*testing.T
	bot      *bot
	document *openapi3.T
	called   map[string]bool
}

// call makes a request and returns its answer's JSON.
func (c *client) call(method, path, body string, code int) (object map[string]any) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.bot.url+path, strings.NewReader(body))
	require.NoError(c, err)
	r.Header.Set("Authorization", "Bearer "+httpToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(c, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(c, err)
	require.Equal(c, code, answer.StatusCode, "%s %s: %s", method, path, content)

	described := r.Clone(c.Context())
	described.URL.Scheme, described.URL.Host, described.Host = "", "", ""
	described.Body = io.NopCloser(strings.NewReader(body))
	routes, err := legacy.NewRouter(c.document)
	require.NoError(c, err)
	route, inPath, err := routes.FindRoute(described)
	require.NoError(c, err)
	c.called[method+" "+route.Path] = true
	asked := &openapi3filter.RequestValidationInput{
		Request: described, PathParams: inPath, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	require.NoError(c, openapi3filter.ValidateRequest(c.Context(), asked))
	isJSON := strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json")
	asked.Options.ExcludeResponseBody = !isJSON
	require.NoError(c, openapi3filter.ValidateResponse(c.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: code, Header: answer.Header, Options: asked.Options,
		Body: io.NopCloser(bytes.NewReader(content)),
	}))
	if isJSON {
		require.NoError(c, json.Unmarshal(content, &object))
	}
	return object
}

// Whatever the API answers and whatever is published fits the documents that
// programs are generated from.
func TestContracts(t *testing.T) {
	w := newTestbed(t)
	b := w.start(t, "run")
	says(t, b.err, `msg=started`)
	_, yaml := b.get(t, "/api/v1/openapi.yaml", httpToken)
	document, err := openapi3.NewLoader().LoadFromData([]byte(yaml))
	require.NoError(t, err)
	c := &client{T: t, bot: b, document: document, called: map[string]bool{}}
	callAll(c)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			require.True(t, c.called[method+" "+path], "%s %s was not called", method, path)
		}
	}
	nc, err := nats.Connect(b.nats)
	require.NoError(t, err)
	defer nc.Close()
	checkEvents(t, nc)
}

// callAll calls every operation of the API.
func callAll(c *client) {
	var alert map[string]any
	opened := func() bool {
		list := c.call("GET", "/api/v1/alerts?rule=quality-red", "", 200)["alerts"].([]any)
		if len(list) == 1 {
			alert = list[0].(map[string]any)["alert"].(map[string]any)
		}
		return alert != nil
	}
	require.Eventually(c, opened, patience, look)
	id := alert["id"].(string)
	const by, number = `{"by": "Ada"}`, "/api/v1/numbers/main/1001/8613800001111"
	for _, path := range []string{
		"/api/v1/status", "/api/v1/spaces", "/api/v1/numbers", number, number + "/history?before=9007199254740991", "/api/v1/alerts/" + id,
		"/api/v1/rules", "/api/v1/deadletters", "/api/v1/silences", "/api/v1/openapi.yaml", "/api/v1/backup", "/api/v1/replicas",
	} {
		c.call("GET", path, "", 200)
	}
	c.call("POST", "/api/v1/alerts/"+id+"/ack", by, 200)
	c.call("DELETE", "/api/v1/alerts/"+id+"/ack", by, 200)
	c.call("POST", "/api/v1/names", `{"match": {"rule": "quality-red"}}`, 200)
	c.call("POST", "/api/v1/silences/preview", `{"match": {"rule": "quality-red"}}`, 200)
	silence := c.call("POST", "/api/v1/silences", `{"match": {"rule": "quality-red"}, "for_seconds": 3600, "by": "Ada"}`, 201)
	c.call("GET", "/api/v1/silences", "", 200)
	c.call("DELETE", "/api/v1/silences/"+silence["id"].(string), by, 200)
	c.call("POST", "/api/v1/drill", `{"rule": "status-blocked", "by": "Ada"}`, 201)
	c.call("POST", "/api/v1/reload", "", 200)
	c.call("POST", "/api/v1/delivery/retry", "", 200)
	c.call("POST", "/api/v1/hints", `[{"space": "1001"}, {"number": "8613800001111", "reason": "a test"}]`, 202)
	c.call("POST", "/api/v1/receipts/chatapp-audit/"+receiptKey, `{"Type": "phoneQualityUpdate", "PhoneNumber": "8613800001111"}`, 200)
	c.call("POST", "/api/v1/spaces/none/accept", by, 404)
	c.call("POST", "/api/v1/deadletters/none/retry", "", 404)
	c.call("POST", "/api/v1/replicas/handover", by, 422)
}

// checkEvents validates all that lies in the stream, down to the last that the
// drill and the silence caused.
func checkEvents(t *testing.T, nc *nats.Conn) {
	schemas := jsonschema.NewCompiler()
	schemas.AssertFormat()
	schema, err := schemas.Compile("../../docs/events/event.v1.schema.json")
	require.NoError(t, err)
	consumer, err := stream(t, nc).OrderedConsumer(t.Context(), natsjs.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	missing := map[string]bool{
		"numwatch.change.v1 baseline": true, "numwatch.alert.v1 opened": true, "numwatch.alert.v1 drill": true,
		"numwatch.bot.v1 start": true, "numwatch.bot.v1 silenced": true, "numwatch.bot.v1 acknowledged": true,
	}
	for len(missing) > 0 {
		m, err := messages.Next(natsjs.NextMaxWait(patience))
		require.NoError(t, err, "never came: %v", missing)
		event, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Data()))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(event), "%s", m.Data())
		var is struct {
			Type string
			Data struct {
				Kind            string
				Baseline, Drill bool
				Alert           struct{ Transition string }
			}
		}
		require.NoError(t, json.Unmarshal(m.Data(), &is))
		delete(missing, is.Type+" "+is.Data.Kind)
		delete(missing, is.Type+" "+is.Data.Alert.Transition)
		if is.Data.Baseline {
			delete(missing, is.Type+" baseline")
		}
		if is.Data.Drill {
			delete(missing, is.Type+" drill")
		}
	}
}
