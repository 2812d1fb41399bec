package jetstream

import (
	"encoding/json"
	"strconv"
	"time"
)

// writer appends the members of a JSON object in order. Rendering is the largest
// part of what publishing an event takes, and reflection would triple it.
type writer struct{ b []byte }

func newWriter() *writer { return &writer{append(make([]byte, 0, 2048), '{')} }

func (w *writer) end() []byte { return append(w.b, '}') }

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.quote(name)
	w.b = append(w.b, ':')
}

func (w *writer) quote(s string) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string never fails
			w.b = append(w.b, quoted...)
			return
		}
	}
	w.b = append(append(append(w.b, '"'), s...), '"')
}

func (w *writer) text(name, value string) {
	w.name(name)
	w.quote(value)
}

// some leaves out what is empty.
func (w *writer) some(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *writer) flag(name string, value bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, value)
}

func (w *writer) count(name string, value uint64) {
	w.name(name)
	w.b = strconv.AppendUint(w.b, value, 10)
}

func (w *writer) null(name string) {
	w.name(name)
	w.b = append(w.b, "null"...)
}

func (w *writer) moment(name string, t time.Time) {
	w.name(name)
	w.b = append(t.UTC().AppendFormat(append(w.b, '"'), time.RFC3339Nano), '"')
}

func (w *writer) texts(name string, values []string) {
	w.name(name)
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.quote(v)
	}
	w.b = append(w.b, ']')
}

func (w *writer) object(name string, members func()) {
	w.name(name)
	w.b = append(w.b, '{')
	members()
	w.b = append(w.b, '}')
}
