package hints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

const key = "0123456789abcdef"

// polled is a receiver of two accounts, and what it asked the pollers for.
type polled struct {
	*Receiver
	asked []string
	log   bytes.Buffer
}

func newPolled() *polled {
	p := &polled{}
	watched := []phone.SpaceKey{{Account: "main", ID: "1001"}, {Account: "main", ID: "1002"}, {Account: "other", ID: "1001"}}
	p.Receiver = New(Options{
		Accounts: []string{"main", "other"},
		Poll: func(space phone.SpaceKey, source, about string) bool {
			known := slices.Contains(watched, space)
			if known {
				p.asked = append(p.asked, fmt.Sprint(source, " ", space, " ", about))
			}
			return known
		},
		SpacesOf: func(number string) ([]phone.SpaceKey, error) {
			switch number {
			case "8613800001111":
				return []phone.SpaceKey{watched[0], watched[2]}, nil
			case "broken":
				return nil, errors.New("the store is broken")
			}
			return nil, nil
		},
		Registerer: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return p
}

func (p *polled) post(body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/hints", strings.NewReader(body)))
	return w
}

func (p *polled) push(given, body string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("POST /receipts/{key}", p.Receipts(key))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/receipts/"+given, strings.NewReader(body)))
	return w
}

func TestHintsByHTTP(t *testing.T) {
	for _, c := range []struct {
		body   string
		answer Answer
		asked  []string
	}{
		{`{"account": "main", "space": "1001"}`, Answer{Accepted: 1}, []string{"api main/1001  "}},
		{`{"space": "1001", "reason": "why"}`, Answer{Accepted: 1}, []string{"api main/1001  why", "api other/1001  why"}},
		{`{"number": "+8613800001111"}`, Answer{Accepted: 1}, []string{"api main/1001 8613800001111 ", "api other/1001 8613800001111 "}},
		{`{"number": "8613800001111", "account": "other"}`, Answer{Accepted: 1}, []string{"api other/1001 8613800001111 "}},
		{` [{"space": "1002"}, {"space": "nobody"}, {"number": "12"}, {"number": "broken"}, {"space": "1002", "account": "nobody"}]`, Answer{Accepted: 1, Unknown: 4}, []string{"api main/1002  "}},
		{`[]`, Answer{}, nil},
	} {
		p := newPolled()
		w := p.post(c.body)
		require.Equal(t, http.StatusAccepted, w.Code, "%s: %s", c.body, w.Body)
		var a Answer
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
		require.Equal(t, c.answer, a, c.body)
		require.Equal(t, c.asked, p.asked, c.body)
		require.Equal(t, Count{Accepted: a.Accepted, Unknown: a.Unknown}, p.Counts(API))
	}
}

func TestHintsThatCannotBeRead(t *testing.T) {
	for body, code := range map[string]int{
		"":                                 400,
		"{}":                               400,
		"null":                             400,
		`"1001"`:                           400,
		`{"space": 1001}`:                  400,
		`{"space": "1001"} {}`:             400,
		`{"space": "1001", "status": "x"}`: 400,
		`{"reason": "none"}`:               400,
		`{"space": "` + strings.Repeat("1", maxText+1) + `"}`:               400,
		"[" + strings.Repeat(`{"space":"1"},`, maxHints) + `{"space":"1"}]`: 400,
		strings.Repeat(" ", maxBytes+1):                                     413,
	} {
		p := newPolled()
		w := p.post(body)
		require.Equal(t, code, w.Code, "%.50s", body)
		require.Empty(t, p.asked)
		require.Equal(t, 1, p.Counts(API).Refused)
	}
}

func TestHintsByNATS(t *testing.T) {
	p := newPolled()
	require.JSONEq(t, `{"accepted": 1, "unknown": 1}`, string(p.Message("main", []byte(`[{"space": "1001"}, {"space": "9"}]`))))
	require.Equal(t, []string{"nats main/1001  "}, p.asked)
	require.Contains(t, string(p.Message("main", []byte(`{"space": "1001", "account": "other"}`))), "not that of the subject")
	require.Contains(t, string(p.Message("main", []byte(`nonsense`))), "error")
	require.Contains(t, string(p.Message("main", make([]byte, maxBytes+1))), "more than")
	require.Equal(t, Count{Accepted: 1, Unknown: 1, Refused: 3}, p.Counts(NATS))
}

func TestReceipts(t *testing.T) {
	for _, c := range []struct {
		body  string
		count Count
		asked int
	}{
		{`{"WabaId": "1", "Type": "phoneQualityUpdate", "PhoneNumber": "8613800001111", "Status": "RED"}`, Count{Accepted: 1}, 2},
		{`{"type": "PHONENAMEUPDATE", "phoneNumber": 8613800001111}`, Count{Accepted: 1}, 2},
		{`[{"Type": "wabaAccountUpdate", "PhoneNumber": "8613800001111"}, {"Type": "wabaAccountUpdate", "PhoneNumber": "12"}]`, Count{Accepted: 1, Unknown: 1}, 2},
		{`[{"Type": "template", "TemplateCode": "7", "AuditStatus": "pass"}, {"Type": "somethingNew", "PhoneNumber": "8613800001111"}, {"Type": "wabaReviewUpdate"}]`, Count{Ignored: 3}, 0},
		{`[null, 7, "text", [], {}, {"Type": {"a": 1}, "PhoneNumber": null}]`, Count{Ignored: 6}, 0},
		{`[]`, Count{}, 0},
	} {
		p := newPolled()
		w := p.push(key, c.body)
		require.Equal(t, http.StatusOK, w.Code, c.body)
		require.JSONEq(t, `{"code": 0, "msg": "ok"}`, w.Body.String())
		require.Equal(t, c.count, p.Counts(Receipts), c.body)
		require.Len(t, p.asked, c.asked, c.body)
	}
}

func TestReceiptsThatCannotBeRead(t *testing.T) {
	p := newPolled()
	require.Equal(t, http.StatusBadRequest, p.push(key, "nonsense").Code)
	require.Equal(t, http.StatusBadRequest, p.push(key, "").Code)
	require.Equal(t, http.StatusBadRequest, p.push(key, "["+strings.Repeat("{},", maxHints)+"{}]").Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, p.push(key, strings.Repeat(" ", maxBytes+1)).Code)
	require.Equal(t, 4, p.Counts(Receipts).Refused)
}

// The key is all that keeps others out, so it stays secret.
func TestTheReceiptKey(t *testing.T) {
	const push = `{"Type": "phoneQualityUpdate", "PhoneNumber": "8613800001111"}`
	p := newPolled()
	for _, wrong := range []string{"x", key + "0", key[1:], strings.ToUpper(key)} {
		require.Equal(t, http.StatusNotFound, p.push(wrong, push).Code)
	}
	require.Empty(t, p.asked)
	require.Equal(t, http.StatusOK, p.push(key, push).Code)
	require.Equal(t, http.StatusBadRequest, p.push(key, key).Code)
	require.NotContains(t, p.log.String(), key)
}

// Duplicates are told by number and reason, so receipts of different states differ.
func TestReceiptsOfDifferentStatesAreNoDuplicates(t *testing.T) {
	p := newPolled()
	for _, state := range []string{"RED", "YELLOW"} {
		p.push(key, `{"Type": "phoneQualityUpdate", "PhoneNumber": "8613800001111", "Status": "`+state+`"}`)
	}
	require.Len(t, slices.Compact(p.asked), 4)
}

func FuzzReceipts(f *testing.F) {
	f.Add([]byte(`{"Type": "phoneQualityUpdate", "PhoneNumber": "8613800001111", "Status": "RED"}`))
	f.Add([]byte(`[{"type": "wabaAccountUpdate", "phoneNumber": 8613800001111}, null, 7]`))
	f.Add([]byte(` [ {"Type": "phoneNameUpdate", "PhoneNumber": "+1"} ] `))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, others, err := parseReceipts(body)
		if err != nil {
			require.Empty(t, list)
			return
		}
		require.True(t, json.Valid(body))
		require.LessOrEqual(t, len(list)+others, maxHints)
		for _, h := range list {
			require.NotEmpty(t, h.Number)
			require.LessOrEqual(t, len(h.Number), maxText)
			require.LessOrEqual(t, len([]rune(h.about())), maxAbout)
			require.Empty(t, h.Space)
		}
	})
}
