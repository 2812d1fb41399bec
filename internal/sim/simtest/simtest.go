// Package simtest is for tests alone: it connects clients with the simulators without a
// network. It imports the standard library.
package simtest

import (
	"io"
	"net/http"
	"net/http/httptest"
)

// Direct returns a transport that calls the handler without a network, so that time can
// be simulated. A handler that panics drops the connection.
func Direct(h http.Handler) http.RoundTripper { return direct{h} }

type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
