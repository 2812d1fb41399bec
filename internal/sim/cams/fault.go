package cams

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	simfault "numwatch/internal/sim/fault"
)

// Kind names what goes wrong. The empty kind is a fault of latency alone.
type Kind string

// What can go wrong.
const (
	Refuse    Kind = "refuse"    // the documented error Fault.Code
	Throttled Kind = "throttled" // as beyond the limit

	InternalError Kind = "internal-error" // HTTP 500 with a JSON body
	EmptyError    Kind = "empty-error"    // HTTP 500 without a body
	BadGateway    Kind = "bad-gateway"    // HTTP 502 with an HTML page
	DropBefore    Kind = "drop-before"    // connection closed, request not processed
	DropAfter     Kind = "drop-after"     // connection closed after processing
	Truncated     Kind = "truncated"      // connection breaks within the body
	CutJSON       Kind = "cut-json"       // a complete answer of half a document
	EmptyAnswer   Kind = "empty-answer"   // HTTP 200 without a body
	Oversize      Kind = "oversize"       // a valid answer of more than Fault.Bytes

	NotSuccess    Kind = "not-success"    // HTTP 200, Code OK, Success false
	CodeNotOK     Kind = "code-not-ok"    // HTTP 200, Code is Fault.Code
	NumericCode   Kind = "numeric-code"   // Code is the number 200
	StringSuccess Kind = "string-success" // Success is the string "true"
	DetailObject  Kind = "detail-object"  // a success whose AccessDeniedDetail is an object
	DetailString  Kind = "detail-string"  // a RAM denial whose AccessDeniedDetail is a string
	EmptyList     Kind = "empty-list"     // no numbers
	NoList        Kind = "no-list"        // no key PhoneNumbers
	NullEntries   Kind = "null-entries"   // null among the numbers
	RepeatAlike   Kind = "repeat-alike"   // the first number twice, alike
	RepeatUnlike  Kind = "repeat-unlike"  // the first number twice, with another Status
)

// Kinds lists every kind that has a name.
func Kinds() []Kind {
	return []Kind{
		Refuse, Throttled, InternalError, EmptyError, BadGateway, DropBefore, DropAfter, Truncated, CutJSON,
		EmptyAnswer, Oversize, NotSuccess, CodeNotOK, NumericCode, StringSuccess, DetailObject, DetailString,
		EmptyList, NoList, NullEntries, RepeatAlike, RepeatUnlike,
	}
}

// Fault is something that goes wrong, with the requests that it strikes. A
// request is struck by at most one fault of latency alone and one other, the
// oldest that match. Requests that are refused anyway are struck too, but keep
// their error unless the fault changes how the answer goes over the wire.
type Fault struct {
	Kind Kind
	// Account, Space and Action narrow the requests; empty means any.
	Account, Space, Action string
	// Count, For and Probability bound the fault; zero values do not.
	Count       int
	For         time.Duration
	Probability float64

	Latency    time.Duration // before the answer, beside any kind
	Code       string        // of Refuse and CodeNotOK; any code will do
	Status     int           // HTTP status in place of the documented one
	RetryAfter time.Duration // x-acs-retry-after of Throttled and Refuse
	Bytes      int           // of Oversize; 0: 32 MiB
}

// Inject adds a fault from now on. The function returned ends it.
func (s *Server) Inject(f Fault) (end func()) {
	bounds := simfault.Bounds{Count: f.Count, For: f.For, Probability: f.Probability}
	return s.faults.Add(f, bounds, s.clock())
}

// ClearFaults ends every fault.
func (s *Server) ClearFaults() { s.faults.Clear() }

func (s *Server) strike(r *request, account string, now time.Time) (f Fault, latency time.Duration) {
	matches := func(f Fault) bool {
		return (f.Account == "" || f.Account == account) &&
			(f.Space == "" || f.Space == r.space) &&
			(f.Action == "" || f.Action == r.action)
	}
	slow, _ := s.faults.Take(now, func(f Fault) bool { return f.Kind == "" && matches(f) })
	f, _ = s.faults.Take(now, func(f Fault) bool { return f.Kind != "" && matches(f) })
	return f, slow.Latency + f.Latency
}

// refusal is the API error that the fault stands for, nil if it is of another sort.
func (f Fault) refusal() *refusal {
	var r *refusal
	switch f.Kind {
	case Refuse:
		r = refuse(f.Code)
	case Throttled:
		r = refuse(throttling)
	case InternalError:
		r = refuse("InternalError")
	case DetailString:
		r = refuse("Ram.PermissionDeny")
		r.detail = "The caller lacks cams:" + SyncPhoneNumber
	default:
		return nil
	}
	r.retryAfter = f.RetryAfter
	if f.Status != 0 {
		r.status = f.Status
	}
	return r
}

// spoilDocument changes what a good answer says.
func (f Fault) spoilDocument(doc map[string]any) {
	switch f.Kind {
	case NotSuccess:
		doc["Success"] = false
	case CodeNotOK:
		doc["Code"], doc["Message"] = f.Code, documentedMessage(f.Code)
	case NumericCode:
		doc["Code"] = http.StatusOK
	case StringSuccess:
		doc["Success"] = "true"
	case DetailObject:
		doc["AccessDeniedDetail"] = denial()
	}
	if list, ok := doc["PhoneNumbers"].([]any); ok {
		f.spoilList(doc, list)
	}
}

func (f Fault) spoilList(doc map[string]any, list []any) {
	switch f.Kind {
	case EmptyList:
		doc["PhoneNumbers"] = []any{}
	case NoList:
		delete(doc, "PhoneNumbers")
	case NullEntries:
		doc["PhoneNumbers"] = append(append([]any{nil}, list...), nil)
	case RepeatAlike, RepeatUnlike:
		if len(list) > 0 {
			doc["PhoneNumbers"] = append(list, again(list[0], f.Kind == RepeatUnlike))
		}
	}
}

// again copies a number for a second appearance in one answer.
func again(number any, unlike bool) any {
	twin := map[string]any{}
	for k, v := range number.(map[string]any) {
		twin[k] = v
	}
	if unlike {
		twin["Status"] = fmt.Sprint(twin["Status"]) + "_TOO"
	}
	return twin
}

// spoilAnswer changes how an answer goes over the wire.
func (f Fault) spoilAnswer(a *answer) {
	switch f.Kind {
	case EmptyError:
		*a = answer{status: http.StatusInternalServerError, header: http.Header{}}
	case BadGateway:
		*a = answer{status: http.StatusBadGateway, header: http.Header{}, body: []byte(gatewayPage)}
		a.header.Set("Content-Type", "text/html")
	case DropBefore, DropAfter:
		a.drop = true
	case Truncated:
		a.declared, a.body = len(a.body), a.body[:len(a.body)/2]
	case CutJSON:
		a.body = a.body[:len(a.body)/2]
	case EmptyAnswer:
		a.body = nil
	case Oversize:
		a.inflate(f.Bytes)
	}
	if f.Status != 0 && f.Kind != DropBefore && f.Kind != DropAfter {
		a.status = f.Status
	}
}

const gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Tengine</center>\r\n</body>\r\n</html>\r\n"

// inflate pads the document with spaces before its end, so that it stays valid.
func (a *answer) inflate(size int) {
	if size <= 0 {
		size = 32 << 20
	}
	end := len(a.body) - 1
	padded := append(a.body[:end:end], bytes.Repeat([]byte{' '}, size)...)
	a.body = append(padded, a.body[end:]...)
}

func (a *answer) write(w http.ResponseWriter) {
	if a.drop {
		simfault.Drop()
	}
	h := w.Header()
	for k, v := range a.header {
		h[k] = v
	}
	h.Set("Content-Length", strconv.Itoa(max(a.declared, len(a.body))))
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	if err == nil && a.declared > len(a.body) {
		_ = http.NewResponseController(w).Flush() // what follows breaks the connection anyhow
		simfault.Drop()
	}
}
