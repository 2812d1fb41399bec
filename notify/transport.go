package notify

import (
	"net/http"
	"time"
)

// When a connection that has been silent is asked for a sign of life, and how
// long that may take.
const (
	silentFor  = 10 * time.Second
	answeredIn = 5 * time.Second
)

// NewTransport returns what the standard library uses, proxies of the environment
// included, and which gives up connections that have died in silence. HTTP/2 would
// use them until the kernel gives up, a quarter of an hour later.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: silentFor, PingTimeout: answeredIn}
	return t
}

// Gated sends a request only while may allows it; otherwise the request fails with its error, and nothing is sent.
// A nil may allows all.
func Gated(next http.RoundTripper, may func() error) http.RoundTripper {
	if may == nil {
		return next
	}
	return gated{next, may}
}

type gated struct {
	next http.RoundTripper
	may  func() error
}

func (g gated) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.may(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a transport must, even if it fails
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}
