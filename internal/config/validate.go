package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	accountName = regexp.MustCompile(`^[a-z0-9-]+$`)
	receiptKey  = regexp.MustCompile(`^[A-Za-z0-9_-]{16,200}$`)
	userID      = regexp.MustCompile(`^[UW][0-9A-Z]+$`)
	streamName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// validate checks what was decoded; every problem names the key's path.
func (r *reader) validate(c *Config) {
	if len(c.Accounts) == 0 && !r.reported[""] {
		r.report("accounts", "at least one account is needed")
	}
	seen := map[string]bool{}
	for i := range c.Accounts {
		a, at := &c.Accounts[i], fmt.Sprintf("accounts[%d]", i)
		if !r.reported[at] {
			r.account(at, a, seen)
		}
	}
	r.shareLimits(c.Accounts)
	for i := range c.Accounts {
		if at := fmt.Sprintf("accounts[%d]", i); !r.reported[at] {
			r.fleet(at, &c.Accounts[i], c.Poll.MaxAge)
		}
	}
	r.poll(&c.Poll)
	r.positive("store.history", c.Store.History)
	r.needed("store.path", c.Store.Path)
	r.nats(&c.NATS)
	r.slack(&c.Slack)
	r.http(&c.HTTP)
	r.replicas(c)
	r.hints(&c.Hints)
	r.channels(c.Channels)
	r.choice("log.level", c.Log.Level, "debug", "info", "warn", "error")
	r.choice("log.format", c.Log.Format, "text", "json")
	if !c.HeartbeatURL.Empty() {
		r.secretURL("heartbeat_url", c.HeartbeatURL, "https", "http")
	}
}

func (r *reader) account(at string, a *Account, seen map[string]bool) {
	switch {
	case a.Name == "":
		r.report(join(at, "name"), "is missing")
	case !accountName.MatchString(a.Name):
		r.report(join(at, "name"), "may contain only a-z, 0-9 and -")
	case seen[a.Name]:
		r.report(join(at, "name"), "is also the name of another account")
	}
	seen[a.Name] = true
	if !accountName.MatchString(a.Region) {
		r.report(join(at, "region"), "is not a region, as in ap-southeast-1")
	}
	if a.Endpoint != "" {
		r.url(join(at, "endpoint"), a.Endpoint, "https", "http")
	}
	if rate := a.RequestsPerSecond; !(rate > 0 && rate <= 10) { // NaN is neither
		r.report(join(at, "requests_per_second"), "must be above 0 and at most 10, the cloud's limit for the account")
	}
	r.credentials(join(at, "credentials"), &a.Credentials)
	for i, p := range a.Discover.Include {
		r.pattern(fmt.Sprintf("%s.discover.include[%d]", at, i), p)
	}
	for i, p := range a.Discover.Exclude {
		r.pattern(fmt.Sprintf("%s.discover.exclude[%d]", at, i), p)
	}
}

// shareLimits divides the pace among accounts with the same credentials: for the
// cloud they are one account, with one limit.
func (r *reader) shareLimits(accounts []Account) {
	with := map[string][]int{}
	for i := range accounts {
		identity := accounts[i].Credentials.identity()
		with[identity] = append(with[identity], i)
	}
	for _, same := range with {
		if len(same) == 1 {
			continue
		}
		var names []string
		for _, i := range same {
			names = append(names, accounts[i].Name)
			accounts[i].RequestsPerSecond /= float64(len(same))
		}
		r.warn(fmt.Sprintf("accounts[%d]", same[0]), "%s have the same credentials, so they share one request limit: "+
			"each polls at its requests_per_second divided by %d; merge them into one account with all their spaces", strings.Join(names, ", "), len(same))
	}
}

func (r *reader) pattern(at, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		r.report(at, "is not a pattern of *, ? and [a-z]")
	}
}

func (r *reader) poll(p *Poll) {
	r.positive("poll.max_age", p.MaxAge)
	r.positive("poll.min_interval", p.MinInterval)
	r.positive("poll.timeout", p.Timeout)
	if p.MinInterval > p.MaxAge && !r.reported["poll.max_age"] {
		r.report("poll.min_interval", "is more than max_age")
	}
	if p.MissingAfter < 1 {
		r.report("poll.missing_after", "must be 1 or more lists")
	}
}

func (r *reader) nats(n *NATS) {
	r.positive("nats.max_age", n.MaxAge)
	if !streamName.MatchString(n.Stream) {
		r.report("nats.stream", "may contain only letters, digits, _ and -")
	}
	r.tls(&n.TLS)
	if !n.Embedded() {
		r.natsClient(n)
		return
	}
	r.needed("nats.dir", n.Dir)
	if n.Listen != "" {
		r.listen("nats.listen", n.Listen, !n.Token.Empty())
	}
	if n.TLS.CertFile != "" && isExposed(n.Listen) {
		r.report("nats.tls.cert_file", "is not used by the embedded server (nats.url is empty), which has no TLS: "+
			"run your own NATS server with TLS and set nats.url, or listen on 127.0.0.1")
	}
	for _, m := range []struct{ key, value string }{
		{"nats.creds_file", n.CredsFile},
		{"nats.nkey_file", n.NkeyFile},
		{"nats.tls.ca_file", n.TLS.CAFile},
		{"nats.tls.cert_file", n.TLS.CertFile},
		{"nats.tls.key_file", n.TLS.KeyFile},
	} {
		if m.value != "" {
			r.warn(m.key, "is not used by the embedded server (nats.url is empty)")
		}
	}
}

func (r *reader) natsClient(n *NATS) {
	for server := range strings.SplitSeq(n.URL.Reveal(), ",") {
		r.secretURL("nats.url", NewSecret(strings.TrimSpace(server)), "nats", "tls", "ws", "wss")
	}
	given := 0
	for _, is := range []bool{n.CredsFile != "", n.NkeyFile != "", !n.Token.Empty()} {
		if is {
			given++
		}
	}
	if given > 1 {
		r.report("nats", "creds_file, nkey_file and token are mutually exclusive: keep one")
	}
}

func (r *reader) tls(t *TLS) {
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		r.report("nats.tls.cert_file", "is missing: set cert_file and key_file together")
	case t.CertFile != "" && t.KeyFile == "":
		r.report("nats.tls.key_file", "is missing: set cert_file and key_file together")
	}
}

func (r *reader) slack(s *Slack) {
	switch {
	case strings.HasPrefix(s.BotToken.Reveal(), "xapp-"):
		r.report("slack.bot_token", "is an app token (xapp-…): put it into app_token")
	case strings.HasPrefix(s.AppToken.Reveal(), "xoxb-"):
		r.report("slack.app_token", "is a bot token (xoxb-…): put it into bot_token")
	case s.BotToken.Empty() && !s.Print && !r.reported["slack.bot_token"] && !r.reported["slack.bot_token_file"]:
		r.report("slack.bot_token", "is empty and print is false, so messages would go nowhere (give a token, or set print: true)")
	}
	if s.APIURL != "" {
		r.url("slack.api_url", s.APIURL, "https", "http")
	}
	for i, id := range s.Operators {
		if !userID.MatchString(id) {
			r.report(fmt.Sprintf("slack.operators[%d]", i), "is not the id of a user, as in U0123456789 (in Slack: the person's profile, Copy member ID)")
		}
	}
}

// minToken is how many characters a named token needs: it may be the only protection.
const minToken = 16

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func (r *reader) tokens(h *HTTP) {
	names, secrets := map[string]bool{}, map[string]bool{h.Token.Reveal(): true}
	for i := range h.Tokens {
		t, at := &h.Tokens[i], fmt.Sprintf("http.tokens[%d]", i)
		if r.reported[at] {
			continue
		}
		switch name := strings.TrimSpace(t.Name); {
		case name == "":
			r.report(join(at, "name"), "is missing: whoever acts with the token appears under it")
		case names[name]:
			r.report(join(at, "name"), "is also the name of another token")
		}
		names[strings.TrimSpace(t.Name)] = true
		switch secret := t.Token.Reveal(); {
		case r.reported[join(at, "token")] || r.reported[join(at, "token"+fileSuffix)]:
		case secret == "":
			r.report(join(at, "token"), "is missing")
		case len(secret) < minToken:
			r.report(join(at, "token"), "is shorter than %d characters, e.g. those of: openssl rand -hex 24", minToken)
		case secrets[secret]:
			r.report(join(at, "token"), "is also the value of another token: each needs its own")
		}
		secrets[t.Token.Reveal()] = true
		r.choice(join(at, "role"), t.Role, Roles...)
		if len(t.Labels) > 0 && t.Role == "admin" {
			r.report(join(at, "labels"), "cannot be combined with the role admin, which covers the whole bot")
		}
		if t.UserHeader != "" && !headerName.MatchString(t.UserHeader) {
			r.report(join(at, "user_header"), "is not the name of a header, as in X-Forwarded-User")
		}
	}
}

func (r *reader) http(h *HTTP) {
	r.tokens(h)
	r.listen("http.listen", h.Listen, h.Guarded())
	if h.PublicURL == "" {
		return
	}
	r.url("http.public_url", h.PublicURL, "https", "http")
	u, err := url.Parse(h.PublicURL)
	elsewhere := err == nil && !isLoopback(u.Hostname())
	if elsewhere && !h.Guarded() && !h.Open && !r.reported["http.token"] && !r.reported["http.token"+fileSuffix] {
		r.report("http.public_url", "would let everybody who reaches it read all numbers and silence alerts: give http.token, or set http.open: true")
	}
}

const (
	minLease = 3 * time.Second
	maxLease = time.Minute
)

func (r *reader) replicas(c *Config) {
	s := &c.Replicas
	if !s.Enabled() {
		return
	}
	if !streamName.MatchString(s.Name) {
		r.report("replicas.name", "may contain only letters, digits, _ and -")
	}
	if c.NATS.Embedded() {
		r.report("replicas.name", "needs NATS servers that outlive this machine: set nats.url")
	}
	if s.ID == "" {
		s.ID, _ = os.Hostname() // judged below
	}
	if s.ID == "" || strings.ContainsAny(s.ID, " \t/") {
		r.report("replicas.id", "may not be empty, and not contain spaces or slashes")
	}
	r.url("replicas.advertise", s.Advertise, "http", "https")
	if c.HTTP.Guarded() && c.HTTP.AdminToken().Empty() {
		r.report("replicas.advertise", "needs http.token, or one of http.tokens with the role admin and no labels, with which the other replicas fetch this one's store")
	}
	if s.Lease < minLease || s.Lease > maxLease {
		r.report("replicas.lease", "must be from 3s to 60s")
	}
	if !slices.Contains([]int{1, 3, 5}, s.StreamReplicas) {
		r.report("replicas.stream_replicas", "must be 1, 3 or 5")
	}
	if s.StreamReplicas == 1 {
		r.warn("replicas.stream_replicas", "is 1: if that NATS server fails all replicas stop, and only its disk has the log")
	}
	if s.MaxBytes <= 0 {
		r.report("replicas.max_bytes", "must be above 0")
	}
}

func (r *reader) hints(h *Hints) {
	if !(h.Share > 0 && h.Share <= 0.9) { // NaN is neither
		r.report("hints.share", "must be above 0 and at most 0.9")
	}
	if !h.ReceiptKey.Empty() && !receiptKey.MatchString(h.ReceiptKey.Reveal()) {
		r.report("hints.receipt_key", "must be 16 to 200 letters, digits, - and _: it is part of a URL, and its only protection")
	}
}

func (r *reader) listen(at, address string, guarded bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		r.report(at, "is not an address, as in 127.0.0.1:8080")
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		r.report(at, "has no valid port")
	}
	tokenKey := at[:strings.IndexByte(at, '.')] + ".token"
	if !isLoopback(host) && !guarded && !r.reported[tokenKey] && !r.reported[tokenKey+fileSuffix] {
		r.report(at, "can be reached from other machines: give %s, or listen on 127.0.0.1", tokenKey)
	}
}

// isExposed reports whether other machines can reach an address to listen on.
func isExposed(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && !isLoopback(host)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r *reader) positive(at string, v time.Duration) {
	if v <= 0 {
		r.report(at, "must be above 0")
	}
}

func (r *reader) needed(at, v string) {
	if v == "" {
		r.report(at, "must not be empty")
	}
}

func (r *reader) choice(at, v string, known ...string) {
	if !slices.Contains(known, v) {
		r.report(at, "is not known (%s)", oneOf(v, known))
	}
}

// url checks a URL that is shown and so may hold no secret.
func (r *reader) url(at, v string, schemes ...string) {
	if strings.ContainsAny(v, "@?#") {
		r.report(at, "may contain only a scheme, host and path, as in %s://host", schemes[0])
		return
	}
	r.secretURL(at, NewSecret(v), schemes...)
}

// secretURL checks a URL that may have every part.
func (r *reader) secretURL(at string, v Secret, schemes ...string) {
	u, err := url.Parse(v.Reveal())
	if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
		r.report(at, "is not a complete URL, as in %s://host", schemes[0])
	}
}
