package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	accountName = regexp.MustCompile(`^[a-z0-9-]+$`)
	streamName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// validate judges what was decoded; whatever is said of a key names its path.
func (d *decoder) validate(c *Config) {
	if len(c.Accounts) == 0 && !d.bad[""] {
		d.report("accounts", "at least one account is needed")
	}
	seen := map[string]bool{}
	for i := range c.Accounts {
		a, at := &c.Accounts[i], fmt.Sprintf("accounts[%d]", i)
		if !d.bad[at] {
			d.account(at, a, seen)
			d.fleet(at, a, c.Poll.MaxAge)
		}
	}
	d.poll(&c.Poll)
	d.positive("store.history", c.Store.History)
	d.needed("store.path", c.Store.Path)
	d.nats(&c.NATS)
	d.slack(&c.Slack)
	d.http(&c.HTTP)
	d.choice("log.level", c.Log.Level, "debug", "info", "warn", "error")
	d.choice("log.format", c.Log.Format, "text", "json")
	if !c.HeartbeatURL.Empty() {
		d.secretURL("heartbeat_url", c.HeartbeatURL, "https", "http")
	}
}

func (d *decoder) account(at string, a *Account, seen map[string]bool) {
	switch {
	case a.Name == "":
		d.report(join(at, "name"), "is missing")
	case !accountName.MatchString(a.Name):
		d.report(join(at, "name"), "%s may hold only a-z, 0-9 and -", quote(a.Name))
	case seen[a.Name]:
		d.report(join(at, "name"), "%s is the name of another account as well", quote(a.Name))
	}
	seen[a.Name] = true
	if !accountName.MatchString(a.Region) {
		d.report(join(at, "region"), "%s is not a region, as in ap-southeast-1", quote(a.Region))
	}
	if a.Endpoint != "" {
		d.url(join(at, "endpoint"), a.Endpoint, "https", "http")
	}
	if r := a.RequestsPerSecond; !(r > 0 && r <= 10) { // NaN is neither
		d.report(join(at, "requests_per_second"), "must be above 0 and at most 10, the cloud's limit for the account")
	}
	d.credentials(join(at, "credentials"), &a.Credentials)
	for i, p := range a.Discover.Include {
		d.pattern(fmt.Sprintf("%s.discover.include[%d]", at, i), p)
	}
	for i, p := range a.Discover.Exclude {
		d.pattern(fmt.Sprintf("%s.discover.exclude[%d]", at, i), p)
	}
}

func (d *decoder) pattern(at, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		d.report(at, "%s is not a pattern of *, ? and [a-z]", quote(pattern))
	}
}

func (d *decoder) poll(p *Poll) {
	d.positive("poll.max_age", p.MaxAge)
	d.positive("poll.min_interval", p.MinInterval)
	d.positive("poll.timeout", p.Timeout)
	if p.MinInterval > p.MaxAge && !d.bad["poll.max_age"] {
		d.report("poll.min_interval", "%s is more than max_age, %s", p.MinInterval, p.MaxAge)
	}
	if p.MissingAfter < 1 {
		d.report("poll.missing_after", "must be 1 or more lists")
	}
}

func (d *decoder) nats(n *NATS) {
	d.positive("nats.max_age", n.MaxAge)
	if !streamName.MatchString(n.Stream) {
		d.report("nats.stream", "%s may hold only letters, digits, _ and -", quote(n.Stream))
	}
	d.tls(&n.TLS)
	if !n.Embedded() {
		d.natsClient(n)
		return
	}
	d.needed("nats.dir", n.Dir)
	if n.Listen != "" {
		d.listen("nats.listen", n.Listen, n.Token)
	}
	if n.TLS.CertFile != "" && isExposed(n.Listen) {
		d.report("nats.tls.cert_file", "is not used by the embedded server (nats.url is empty), which knows no TLS: "+
			"run a NATS server of your own with TLS and set nats.url, or listen on 127.0.0.1")
	}
	for _, m := range []struct{ key, value string }{
		{"nats.creds_file", n.CredsFile},
		{"nats.nkey_file", n.NkeyFile},
		{"nats.tls.ca_file", n.TLS.CAFile},
		{"nats.tls.cert_file", n.TLS.CertFile},
		{"nats.tls.key_file", n.TLS.KeyFile},
	} {
		if m.value != "" {
			d.warn(m.key, "is not used by the embedded server (nats.url is empty)")
		}
	}
}

func (d *decoder) natsClient(n *NATS) {
	for server := range strings.SplitSeq(n.URL.Reveal(), ",") {
		d.secretURL("nats.url", NewSecret(strings.TrimSpace(server)), "nats", "tls", "ws", "wss")
	}
	given := 0
	for _, is := range []bool{n.CredsFile != "", n.NkeyFile != "", !n.Token.Empty()} {
		if is {
			given++
		}
	}
	if given > 1 {
		d.report("nats", "creds_file, nkey_file and token exclude each other: keep one")
	}
}

func (d *decoder) tls(t *TLS) {
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		d.report("nats.tls.cert_file", "is missing: cert_file and key_file come together")
	case t.CertFile != "" && t.KeyFile == "":
		d.report("nats.tls.key_file", "is missing: cert_file and key_file come together")
	}
}

func (d *decoder) slack(s *Slack) {
	switch {
	case strings.HasPrefix(s.BotToken.Reveal(), "xapp-"):
		d.report("slack.bot_token", "is an app token (xapp-…): it belongs into app_token")
	case strings.HasPrefix(s.AppToken.Reveal(), "xoxb-"):
		d.report("slack.app_token", "is a bot token (xoxb-…): it belongs into bot_token")
	case s.BotToken.Empty() && !s.Print && !d.bad["slack.bot_token"] && !d.bad["slack.bot_token_file"]:
		d.report("slack.bot_token", "is empty and print is false: nobody would be told (give a token, or set print: true)")
	}
	if s.APIURL != "" {
		d.url("slack.api_url", s.APIURL, "https", "http")
	}
	for i, id := range s.Operators {
		if id == "" || strings.ContainsAny(id, " @<>") {
			d.report(fmt.Sprintf("slack.operators[%d]", i), "%s is not the id of a user, as in U0123456789", quote(id))
		}
	}
}

func (d *decoder) http(h *HTTP) {
	d.listen("http.listen", h.Listen, h.Token)
	if h.PublicURL != "" {
		d.url("http.public_url", h.PublicURL, "https", "http")
	}
}

func (d *decoder) listen(at, address string, token Secret) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		d.report(at, "%s is not an address, as in 127.0.0.1:8080", quote(address))
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		d.report(at, "%s is not a port", quote(port))
	}
	tokenKey := at[:strings.IndexByte(at, '.')] + ".token"
	if !isLoopback(host) && token.Empty() && !d.bad[tokenKey] && !d.bad[tokenKey+fileSuffix] {
		d.report(at, "%s can be reached from other machines: give %s, or listen on 127.0.0.1", quote(address), tokenKey)
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

func (d *decoder) positive(at string, v Duration) {
	if v <= 0 {
		d.report(at, "must be above 0")
	}
}

func (d *decoder) needed(at, v string) {
	if v == "" {
		d.report(at, "must not be empty")
	}
}

func (d *decoder) choice(at, v string, known ...string) {
	if !slices.Contains(known, v) {
		d.report(at, "%s is not known%s", quote(v), oneOf(v, known))
	}
}

// url judges a URL that is shown and so may hold no secret; one that might is
// kept from view.
func (d *decoder) url(at, v string, schemes ...string) {
	_, err := parseURL(v, schemes)
	switch {
	case strings.ContainsAny(v, "@?#"):
		d.hideScalar(d.at[at], v)
		d.report(at, "may hold a scheme, host and path only, as in %s://host", schemes[0])
	case err != nil:
		d.report(at, "%s %s", quote(v), err)
	}
}

// secretURL is like url, but shows nothing of the value and allows every part.
func (d *decoder) secretURL(at string, v Secret, schemes ...string) {
	if _, err := parseURL(v.Reveal(), schemes); err != nil {
		d.report(at, "%s", err)
	}
}

func parseURL(v string, schemes []string) (*url.URL, error) {
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("is not a whole URL, as in %s://host", schemes[0])
	}
	return u, nil
}
