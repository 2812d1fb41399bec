package notify

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSendSaysWhatWasAnswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "numwatch", r.UserAgent())
		require.Equal(t, "text/plain", r.Header.Get("Content-Type"))
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", maxAnswer+1))) // the client may have gone
	}))
	defer s.Close()
	for path, says := range map[string]string{
		"/": "", "/busy": "it answered 503 Service Unavailable", "/moved": "it answered 302 Found: redirects are not followed; set the URL to its target",
	} {
		answer, err := Send(t.Context(), NewClient(true, nil), http.MethodPost, s.URL+path, http.Header{"Content-Type": {"text/plain"}}, []byte("hello"))
		require.NoError(t, err)
		require.LessOrEqual(t, len(answer.Body), maxAnswer)
		if says == "" {
			require.NoError(t, answer.Err())
		} else {
			require.EqualError(t, answer.Err(), says)
		}
	}
}

func TestSendHidesTheURL(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:1/TOPSECRET", "http://127.0.0.1:TOPSECRET/", "TOPSECRET\x7f://"} {
		_, err := Send(t.Context(), NewClient(true, nil), http.MethodPost, address, http.Header{}, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "TOPSECRET")
	}
}
