package jetstream

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

const eventDocs = "../../docs/events"

// eventSchema compiles the published schema, whose references are files beside it.
func eventSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(eventDocs + "/event.v1.schema.json")
	require.NoError(t, err)
	return s
}

// botKinds are what the bot says of itself, as bot.v1.schema.json lists them.
var botKinds = []string{"start", "stop", "rules-reloaded", "rules-refused", "silenced", "silence-ending", "silence-ended"}

// everyEvent has an event of each kind about each kind of subject.
func everyEvent() []alert.Event {
	reported := alert.SinkReport{Component: "slack:ops", Value: phone.Parked, Code: "not_in_channel", Reason: "invite the bot", At: noon}
	first := change(2)
	first.Baseline, first.SeenAfter, first.Old = true, time.Time{}, ""
	poll := phone.Change{
		Subject: phone.Subject{Account: "main", Space: "C/ 9"}, Field: phone.Poll, Old: phone.OK, New: phone.Denied,
		Direction: phone.Worse, SeenAt: noon, Code: "Forbidden", Reason: "not authorised",
	}
	account := poll
	account.Subject.Space = ""
	gone := phone.Change{
		Subject: change(3).Subject, Field: phone.Presence, Old: phone.Appeared, New: phone.Missing, SeenAt: noon, MovedFrom: "1",
	}
	taken := firing(4)
	taken.Ack, taken.HeldBy = &alert.Ack{By: "ann", At: noon}, []string{"silence:s-1"}
	parked := reported.Condition()
	events := []alert.Event{changeEvent(1), alertEvent(firing(1)), alertEvent(resolved(firing(1), noon)), alertEvent(taken)}
	for _, c := range []phone.Change{parked.Change(phone.OK), first, poll, account, gone} {
		a := firing(5)
		a.Subject, a.Field, a.Change = c.Subject, c.Field, c
		events = append(events, alert.Event{Kind: alert.KindChange, Change: c}, alertEvent(a))
	}
	for _, by := range []alert.Transition{alert.GotWorse, alert.GotBetter, alert.WasEnded, alert.Reopened} {
		a := firing(6)
		a.Transition, a.Revision, a.Openings, a.RemindEvery = by, 2, 2, time.Hour
		if by == alert.WasEnded {
			a.State, a.Closing = alert.Ended, "the number was deleted"
		}
		events = append(events, alertEvent(a))
	}
	flapping := firing(7)
	flapping.Title, flapping.Flapping, flapping.Transition = alert.Text{"quality RED"}, true, alert.Reopened
	settled := resolved(firing(7), noon)
	settled.Title, settled.Transition = flapping.Title, alert.Settled
	events = append(events, alertEvent(flapping), alertEvent(settled))
	for _, kind := range botKinds {
		events = append(events, alert.Event{Kind: alert.KindBot, Notice: &alert.Notice{Kind: kind, Text: "line 3: …"}})
	}
	for i := range events {
		events[i].Seq, events[i].Time = uint64(i+1), noon
	}
	return events
}

func TestEventsMeetTheirSchemas(t *testing.T) {
	schema := eventSchema(t)
	for _, redact := range []bool{false, true} {
		r := &Renderer{Epoch: "k3v9q2", Space: spaceOf, RedactURLs: redact}
		for _, e := range everyEvent() {
			raw := r.Render(&e, noon)
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(doc), "%s", raw)
			shown := e.Change.Number != nil && !redact
			require.Equal(t, shown, bytes.Contains(raw, []byte("token=secret")), "%s", raw)
		}
	}
	described, err := os.ReadFile(eventDocs + "/bot.v1.schema.json")
	require.NoError(t, err)
	for _, kind := range botKinds {
		require.Contains(t, string(described), kind)
	}
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"specversion":"1.0","id":"x"}`))
	require.NoError(t, err)
	require.Error(t, schema.Validate(broken))
}

// What goes over the wire is what the schemas describe.
func TestPublishedEventsMeetTheirSchemas(t *testing.T) {
	schema := eventSchema(t)
	b := newRig(t)
	b.add(everyEvent()...)
	b.start(b.options())
	for _, m := range b.published(len(everyEvent())) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Data))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(doc), "%s", m.Data)
		event := doc.(map[string]any)
		require.Equal(t, event["id"], m.Header.Get("Nats-Msg-Id"))
		require.Equal(t, contentType, m.Header.Get("Content-Type"))
	}
}

func TestEventIsAsDesigned(t *testing.T) {
	r := &Renderer{Epoch: "k3v9q2", Space: spaceOf}
	e := alertEvent(firing(1))
	e.Seq, e.Time = 4211, noon.Add(400*time.Millisecond)
	raw := r.Render(&e, noon.Add(time.Hour))
	require.JSONEq(t, `{"specversion":"1.0","id":"k3v9q2-000000004211","source":"/numwatch/main/29348","subject":"8613800000001",
		"type":"numwatch.alert.v1","time":"2026-11-23T12:00:00.4Z","datacontenttype":"application/json",
		"dataschema":"urn:numwatch:events:alert.v1.json",
		"data":{"account":"main","space":{"id":"29348","name":"Acme","labels":{"tier":"gold"}},
		"number":{"PhoneNumber":"8613800000001","VerifiedName":"Shop 1","Status":"CONNECTED","QualityRating":"RED",
			"UpCallbackUrl":"https://hooks.example.com/wa?token=secret"},
		"field":"QualityRating","old":"YELLOW","new":"RED","direction":"worse",
		"seen_after":"2026-11-23T11:57:00Z","seen_at":"2026-11-23T12:00:00Z","request_id":"R-1","baseline":false,"drill":false,"late":true,
		"alert":{"id":"a-54fead1736ea4448","incident":"i-54fead1736ea4448","rule":"quality-red","severity":"critical","transition":"opened","state":"firing",
			"since":"2026-11-23T12:00:00Z","revision":1,"openings":1,"held_by":[],"ack":null,
			"summary":"Quality of 8613800000001 (Shop 1) fell from YELLOW to RED",
			"action":"Pause marketing and find the blocked or reported templates.","runbook":"https://wiki.example.com/wa/quality"}}}`,
		string(raw))
	e.Alert.Title, e.Alert.Flapping, e.Alert.Transition = alert.Text{"quality ", "RED"}, true, alert.Settled
	var got struct {
		Data struct{ Alert map[string]any }
	}
	require.NoError(t, json.Unmarshal(r.Render(&e, noon), &got))
	require.Subset(t, got.Data.Alert, map[string]any{"title": "quality RED", "flapping": true, "transition": "settled"})
	seq, ours := r.seq(r.ID(4211))
	require.True(t, ours)
	require.EqualValues(t, 4211, seq)
	for _, id := range []string{"", "other1-000000000001", "k3v9q2-", "k3v9q2-x", "k3v9q2-000000000000"} {
		_, ours := r.seq(id)
		require.False(t, ours, id)
	}
}

func TestEventCallbackChangeIsRedactedOnRequest(t *testing.T) {
	c := change(1)
	c.Field, c.Old, c.New = phone.UpCallbackUrl, "https://a.example.com/x?token=old", "https://a.example.com/x?token=new"
	e := alert.Event{Seq: 1, Kind: alert.KindChange, Change: c, Time: noon}
	raw := (&Renderer{Epoch: "k3v9q2", RedactURLs: true}).Render(&e, noon)
	require.NotContains(t, string(raw), "token=")
	require.Contains(t, string(raw), "https://a.example.com/x?…")
	require.Contains(t, c.Number.Get(phone.UpCallbackUrl), "secret", "the log's own number is not touched")
}

func TestSubjectsHaveAFixedDepth(t *testing.T) {
	long := strings.Repeat("L", 300)
	at := func(s phone.Subject) string {
		return Subject(&alert.Event{Kind: alert.KindChange, Change: phone.Change{Subject: s, Field: phone.Sink}})
	}
	require.Equal(t, "numwatch.v1.change.main.29348.8613800000001.QualityRating", Subject(&everyEvent()[0]))
	require.Equal(t, "numwatch.v1.alert.critical.quality-red.main.29348.8613800000001.QualityRating", Subject(&everyEvent()[1]))
	renamed := *everyEvent()[1].Alert
	renamed.Rule, renamed.OpenedAs = "crimson", renamed.Rule
	require.Equal(t, Subject(&everyEvent()[1]), Subject(&alert.Event{Kind: alert.KindAlert, Alert: &renamed}), "fixed at opening")
	require.Equal(t, "numwatch.v1.change.main.-.-.Sink", at(phone.Subject{Account: "main"}))
	require.Regexp(t, `^numwatch\.v1\.change\.-\.-\.slack_ops-[0-9a-f]{8}\.Sink$`, at(phone.Subject{Component: "slack:ops"}))
	require.Equal(t, "numwatch.v1.change.-.-.nats.Sink", at(phone.Subject{Component: "nats"}))

	seen := map[string]bool{}
	for _, s := range []string{"a.b", "a b", "a*b", "a>b", "a_b", "ä", "-", long, long + "x", "\x00", "\xff", "a\nb", "*", ">"} {
		subject := at(phone.Subject{Account: "main", Space: s})
		require.Regexp(t, `^[A-Za-z0-9_.-]+$`, subject)
		require.Equal(t, 6, strings.Count(subject, "."), subject)
		require.False(t, seen[subject], "different values share %s", subject)
		seen[subject] = true
	}
	a := firing(1)
	a.Rule, a.Field, a.Subject = long, phone.CodeVerificationStatus, phone.Subject{Account: long, Space: long, PhoneNumber: long}
	require.LessOrEqual(t, len(Subject(&alert.Event{Kind: alert.KindAlert, Alert: &a})), 256)
}

func TestCovers(t *testing.T) {
	for pattern, want := range map[string]bool{
		"numwatch.v1.>": true, "numwatch.>": true, ">": true, "*.*.>": true, "numwatch.v1.*": false,
		"numwatch.v1.alert.>": false, "numwatch.v2.>": false, "numwatch.v1": false,
	} {
		require.Equal(t, want, covers(pattern, SubjectAll), pattern)
	}
}

// resolveReferences wants each reference of a file, and of the files that it
// refers to, to be a place in that file or a file beside it.
func resolveReferences(t *testing.T, path string, seen map[string]bool) {
	if seen[path] {
		return
	}
	seen[path] = true
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var root any
	require.NoError(t, yaml.Unmarshal(raw, &root)) // JSON is YAML
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				visit(item)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				file, place, _ := strings.Cut(ref, "#")
				if file != "" {
					require.Empty(t, place, ref)
					resolveReferences(t, filepath.Join(filepath.Dir(path), file), seen)
				} else {
					require.NotNil(t, lookUp(root, place), "%s: %s leads nowhere", path, ref)
				}
			}
			for _, item := range v {
				visit(item)
			}
		}
	}
	visit(root)
}

// lookUp follows a JSON pointer through objects.
func lookUp(v any, pointer string) any {
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

func TestAsyncAPIFitsTheCode(t *testing.T) {
	raw, err := os.ReadFile(eventDocs + "/asyncapi.yaml")
	require.NoError(t, err)
	var doc struct {
		AsyncAPI string
		Channels map[string]struct {
			Address    string
			Parameters map[string]any
		}
		Components struct {
			Messages map[string]struct {
				Name    string
				Payload map[string]any
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &doc))
	require.Equal(t, "3.0.0", doc.AsyncAPI)
	resolveReferences(t, eventDocs+"/asyncapi.yaml", map[string]bool{})
	hole := regexp.MustCompile(`\{(\w+)\}`)
	for name, channel := range doc.Channels {
		for _, h := range hole.FindAllStringSubmatch(channel.Address, -1) {
			require.Contains(t, channel.Parameters, h[1], name)
		}
		require.Contains(t, doc.Components.Messages, name)
	}
	require.Equal(t, SubjectHeartbeat, doc.Channels["heartbeat"].Address)
	require.Equal(t, SubjectHint+"{account}", doc.Channels["hint"].Address)
	for _, e := range everyEvent() {
		address := hole.ReplaceAllString(doc.Channels[e.Kind.String()].Address, "*")
		require.True(t, covers(address, Subject(&e)), "%s %s", address, Subject(&e))
		m := doc.Components.Messages[e.Kind.String()]
		require.Equal(t, eventType(e.Kind), m.Name)
		require.Equal(t, "event.v1.schema.json", m.Payload["$ref"])
	}
}

// What is written by hand reads as the library would write it.
func FuzzWriter(f *testing.F) {
	for _, s := range append(alerttest.Hostile, "", "plain", "\x00\xff", `"\`) {
		f.Add(s, uint64(7), int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, s string, n uint64, unix int64) {
		at := time.Unix(unix%1e11, int64(n%1e9)).UTC()
		w := newWriter()
		w.text("text", s)
		w.some("some", s)
		w.count("count", n)
		w.flag("flag", n%2 == 0)
		w.moment("moment", at)
		w.texts("texts", []string{s, "", s})
		w.object("object", func() { w.null(s) })
		want := map[string]any{
			"text": s, "count": n, "flag": n%2 == 0, "moment": at, "texts": []string{s, "", s}, "object": map[string]any{s: nil},
		}
		if s != "" {
			want["some"] = s
		}
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, string(raw), string(w.end()))
	})
}

func FuzzSubject(f *testing.F) {
	f.Add("main", "29348", "861380", "quality-red")
	f.Add("a.b", "*", ">", strings.Repeat("x", 200))
	form := regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){8}$`)
	f.Fuzz(func(t *testing.T, account, space, number, rule string) {
		a := alert.Alert{Rule: rule, Subject: phone.Subject{Account: account, Space: space, PhoneNumber: number}, Change: phone.Change{}}
		e := alert.Event{Seq: 1, Kind: alert.KindAlert, Alert: &a}
		s := Subject(&e)
		require.Regexp(t, form, s)
		require.LessOrEqual(t, len(s), 256)
		require.True(t, json.Valid((&Renderer{Epoch: "k3v9q2"}).Render(&e, noon)))
	})
}

func BenchmarkRender(b *testing.B) {
	r := &Renderer{Epoch: "k3v9q2", Space: spaceOf}
	e := alertEvent(firing(1))
	for b.Loop() {
		r.Render(&e, noon)
	}
}
