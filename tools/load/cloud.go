package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	camssim "numwatch/internal/sim/cams"
)

// cloud is the simulated cloud with the fleet in it. It notes when the answer
// with a change was complete.
type cloud struct {
	sim    *camssim.Server
	server *httptest.Server
	shape  shape

	mu      sync.Mutex
	first   time.Time // of the first request since forget
	polls   int       // since forget
	turns   map[place]int
	pending map[string][]change // by CustSpaceId: no answer has shown them yet
	shown   map[change]time.Time
}

// place is where a number stands.
type place struct{ space, number int }

// change is one change of a number: of its QualityRating, to a value that it has
// not had just before.
type change struct {
	phone string
	value string
}

func newCloud(s shape) *cloud {
	c := &cloud{shape: s, turns: map[place]int{}, pending: map[string][]change{}, shown: map[change]time.Time{}}
	var config camssim.Config
	for a := range s.accounts {
		account := camssim.Account{Name: accountName(a), Key: key(a), Limit: s.perSecond}
		for i := a; i < s.spaces; i += s.accounts {
			space := camssim.Space{Id: spaceID(i)}
			for n := range s.numbers {
				space.Numbers = append(space.Numbers, number(place{i, n}, s))
			}
			account.Spaces = append(account.Spaces, space)
		}
		config.Accounts = append(config.Accounts, account)
	}
	c.sim = camssim.New(config)
	c.server = httptest.NewServer(c)
	return c
}

func accountName(a int) string { return fmt.Sprint("account-", a) }

func key(a int) camssim.Key {
	return camssim.Key{AccessKeyId: fmt.Sprintf("LTAI%012d", a), AccessKeySecret: fmt.Sprint("secret of ", a)}
}

func spaceID(i int) string { return fmt.Sprintf("293483938%06d", i) }

// phoneNumber scatters the numbers, so that those of a space are no neighbours.
func phoneNumber(p place, s shape) string {
	const prime = 982_451_653
	return fmt.Sprint(8_613_000_000_000 + int64(p.space*s.numbers+p.number)*prime%1_000_000_000)
}

// number is a healthy number whose values have the usual length: queues and
// callbacks belong to the customer, names to the number.
func number(p place, s shape) camssim.Number {
	hooks := fmt.Sprintf("https://hooks.customer-%d.example/wa", p.space)
	return camssim.Number{
		"PhoneNumber": phoneNumber(p, s), "VerifiedName": fmt.Sprintf("Customer %d, branch %d", p.space, p.number),
		"Status": "CONNECTED", "QualityRating": "GREEN", "CodeVerificationStatus": "VERIFIED",
		"NewNameStatus": "NONE", "NameStatus": "APPROVED", "MessagingLimitTier": "TIER_10K", "IsOfficial": "N",
		"StatusQueue": "alicom-" + spaceID(p.space) + "-status", "UpQueue": "alicom-" + spaceID(p.space) + "-up",
		"UpCallbackUrl":     hooks + "/inbound?token=0123456789abcdef",
		"StatusCallbackUrl": hooks + "/status?token=0123456789abcdef",
	}
}

// ServeHTTP answers a request, and notes when the answer was complete.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	space := r.URL.Query().Get("CustSpaceId")
	c.mu.Lock()
	if c.polls++; c.polls == 1 {
		c.first = time.Now()
	}
	shows := c.pending[space]
	delete(c.pending, space)
	c.mu.Unlock()
	answer := &status{ResponseWriter: w, code: http.StatusOK}
	c.sim.ServeHTTP(answer, r)
	if len(shows) == 0 {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer.code != http.StatusOK {
		c.pending[space] = append(c.pending[space], shows...)
		return
	}
	for _, ch := range shows {
		c.shown[ch] = now
	}
}

// status remembers an answer's status.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// change gives a number another QualityRating. The values go round, so that the
// next answer shows each.
func (c *cloud) change(chance *rand.Rand) error {
	p := place{chance.IntN(c.shape.spaces), chance.IntN(c.shape.numbers)}
	ratings := []string{"YELLOW", "RED", "GREEN"}
	space := spaceID(p.space)
	c.mu.Lock()
	if len(c.pending[space]) > 0 {
		c.mu.Unlock()
		return nil // its last change has not been seen yet
	}
	ch := change{phoneNumber(p, c.shape), ratings[c.turns[p]%len(ratings)]}
	c.turns[p]++
	delete(c.shown, ch)
	c.mu.Unlock()
	if err := c.sim.Update(accountName(p.space%c.shape.accounts), space, ch.phone, "QualityRating", ch.value); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[space] = append(c.pending[space], ch)
	return nil
}

// answered returns when an answer that shows a change was complete.
func (c *cloud) answered(ch change) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.shown[ch]
	return at, ok
}

// forget restarts the counts.
func (c *cloud) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first, c.polls = time.Time{}, 0
}

// asked is how many requests came since forget.
func (c *cloud) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.polls
}

// firstAsked is when the first request since forget came; zero: none yet.
func (c *cloud) firstAsked() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// refused is how many requests have been beyond a limit.
func (c *cloud) refused() (n int) {
	for a := range c.shape.accounts {
		n += c.sim.Stats(accountName(a)).Refused
	}
	return n
}
