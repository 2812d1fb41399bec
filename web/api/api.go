// Package api has the JSON types of the HTTP API, which openapi.yaml describes. The
// handlers of web write them, and the commands that ask a running bot read them. It
// imports phone and alert.
package api

import (
	"encoding/json"
	"net/http"
)

// Error is the answer to a request that failed.
type Error struct {
	Error string `json:"error"`
}

// Write answers a request with JSON.
func Write(w http.ResponseWriter, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "encoding the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // fails only if the client has gone
}

// Fail answers a request with an error.
func Fail(w http.ResponseWriter, code int, text string) { Write(w, code, Error{text}) }
