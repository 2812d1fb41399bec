package config

import (
	"net"
	"os"
	"slices"
)

// Reach reads where the bot of the configuration at path can be reached: only HTTP and
// NATS of its result count. It is for commands that ask the bot, which may lack the
// bot's environment, so values that cannot be read keep their defaults. It returns nil where
// there is no such file, or nothing in it. An error says where it is no YAML.
func Reach(path string, environ []string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil
	}
	r := newReader(path, data, environ, os.ReadFile)
	if r.Failed() {
		return nil, r.Problems()
	}
	if r.Root() == nil {
		return nil, nil
	}
	var c Config
	settings := r.settings(&c)
	r.setDefaults(settings)
	r.section(r.Root(), settings)
	return &c, nil
}

// URL is where commands on this machine reach the page; "" if the configuration does not
// say, because any port is taken.
func (h *HTTP) URL() string {
	if at := onThisMachine(h.Listen); at != "" {
		return "http://" + at
	}
	return ""
}

// ClientToken is the token with which commands on this machine may do most; empty if there
// is none for them, because each sees some spaces only or belongs to a proxy.
func (h *HTTP) ClientToken() Secret {
	best, token := -1, h.Token
	for i := range h.Tokens {
		t := &h.Tokens[i]
		role := slices.Index(Roles, t.Role)
		if h.Token.Empty() && role > best && len(t.Labels) == 0 && t.UserHeader == "" {
			best, token = role, t.Token
		}
	}
	return token
}

// ClientURL is where clients on this machine reach NATS; "" if the configuration does not
// say, or the embedded server has no listener.
func (n *NATS) ClientURL() string {
	if !n.Embedded() {
		return n.URL.Reveal()
	}
	if at := onThisMachine(n.Listen); at != "" {
		return "nats://" + at
	}
	return ""
}

// onThisMachine is the address at which clients on this machine reach a listener.
func onThisMachine(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
