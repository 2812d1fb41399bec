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
// included, and which gives up connections that have died in silence. HTTP/2
// would send all calls over them until the kernel does, a quarter of an hour
// later.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: silentFor, PingTimeout: answeredIn}
	return t
}
