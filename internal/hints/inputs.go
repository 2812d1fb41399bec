package hints

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"numwatch/alert"
	"numwatch/web/api"
)

// ServeHTTP takes hints by HTTP; the caller has authorised the request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, code, err := read(w, request)
	var list []Hint
	if err == nil {
		list, err = Parse(body)
	}
	if err != nil {
		r.refused(API, err)
		api.Fail(w, code, "invalid request body (see /api/v1/openapi.yaml): "+alert.Plain(err.Error()))
		return
	}
	api.Write(w, http.StatusAccepted, r.take(API, list))
}

// Message takes hints by NATS, of the account that the subject names, and returns the
// answer.
func (r *Receiver) Message(account string, body []byte) (answer []byte) {
	list, err := parseMessage(account, body)
	var v any
	if err != nil {
		r.refused(NATS, err)
		v = api.Error{Error: alert.Plain(err.Error())}
	} else {
		v = r.take(NATS, list)
	}
	answer, _ = json.Marshal(v) // neither type can fail
	return answer
}

func parseMessage(account string, body []byte) ([]Hint, error) {
	if len(body) > maxBytes {
		return nil, fmt.Errorf("more than %d bytes", maxBytes)
	}
	list, err := Parse(body)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Account != "" && list[i].Account != account {
			return nil, fmt.Errorf("hint %d: its account is not that of the subject", i+1)
		}
		list[i].Account = account
	}
	return list, nil
}

// receiptAnswer is what the vendor expects of a receiver.
type receiptAnswer struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

// Receipts takes the vendor's pushes from whoever has the key at the end of the path
// ({key} in the pattern): the vendor sends no token.
func (r *Receiver) Receipts(key string) http.HandlerFunc {
	want := sha256.Sum256([]byte(key))
	return func(w http.ResponseWriter, request *http.Request) {
		// Comparing sums keeps the key's length from showing in the time taken.
		given := sha256.Sum256([]byte(request.PathValue("key")))
		if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			api.Fail(w, http.StatusNotFound, "not found: /api/v1/openapi.yaml lists all paths")
			return
		}
		body, code, err := read(w, request)
		var list []Hint
		var others int
		if err == nil {
			list, others, err = parseReceipts(body)
		}
		if err != nil {
			r.refused(Receipts, err)
			api.Write(w, code, receiptAnswer{Code: code, Msg: alert.Plain(err.Error())})
			return
		}
		r.count(Receipts, Count{Ignored: others})
		r.take(Receipts, list)
		api.Write(w, http.StatusOK, receiptAnswer{Msg: "ok"})
	}
}

// read returns a request's body, and the status that an error is answered with.
func read(w http.ResponseWriter, request *http.Request) (body []byte, code int, err error) {
	body, err = io.ReadAll(http.MaxBytesReader(w, request.Body, maxBytes))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("more than %d bytes", maxBytes)
	}
	return body, http.StatusBadRequest, err
}
