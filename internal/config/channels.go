package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// channelType is what a channel of a type may have, and how it is judged.
type channelType struct {
	keys     []string // besides type; a secret stands for its file as well
	validate func(r *reader, at string, c *Channel)
}

// channelTypes are the types of channels, which rules.yaml calls the same.
func channelTypes() map[string]channelType {
	return map[string]channelType{
		"webhook":      {[]string{"url", "secret", "old_secret", "events", "allow_private", "redact_urls"}, (*reader).webhook},
		"alertmanager": {[]string{"urls", "username", "password", "token"}, (*reader).alertmanager},
		"dingtalk":     {[]string{"url", "secret", "allow_private"}, robot("access_token", "https://oapi.dingtalk.com/robot/send?access_token=…")},
		"feishu":       {[]string{"url", "secret", "allow_private"}, robot("", "https://open.feishu.cn/open-apis/bot/v2/hook/…")},
		"wecom":        {[]string{"url", "allow_private"}, robot("key", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…")},
	}
}

func (r *reader) channels(all []Channel) {
	types := channelTypes()
	for i := range all {
		c, at := &all[i], "channels."+all[i].Name
		if !channelName.MatchString(c.Name) {
			r.report(at, "is not a channel name: up to 64 of a-z, 0-9 and -, not beginning with -")
		}
		if r.reported[at] {
			continue
		}
		is, known := types[c.Type]
		if !known {
			r.choice(join(at, "type"), c.Type, slices.Sorted(maps.Keys(types))...)
			continue
		}
		for _, key := range r.channelSettings(c) {
			if key.name == "type" || slices.Contains(is.keys, key.name) {
				continue
			}
			for _, name := range []string{key.name, key.name + fileSuffix} {
				if _, given := r.at[join(at, name)]; given {
					r.report(join(at, name), "is not for channels of type %s", c.Type)
				}
			}
		}
		is.validate(r, at, c)
	}
}

func (r *reader) alertmanager(at string, c *Channel) {
	if len(c.URLs) == 0 {
		r.report(join(at, "urls"), "is missing")
	}
	seen := map[string]bool{}
	for i, u := range c.URLs {
		here := fmt.Sprintf("%s.urls[%d]", at, i)
		r.url(here, u, "https", "http")
		c.URLs[i] = strings.TrimSuffix(u, "/")
		_, address, _ := strings.Cut(c.URLs[i], "://")
		if seen[address] {
			r.report(here, "is given twice")
		}
		seen[address] = true
	}
	switch {
	case !c.Token.Empty() && c.Username != "":
		r.report(join(at, "token"), "and username are mutually exclusive: keep one")
	case c.Username == "" && !c.Password.Empty():
		r.report(join(at, "password"), "needs a username")
	}
}

// robot checks the address of a chat's robot, which has a token in its query, or no query.
func robot(token, form string) func(r *reader, at string, c *Channel) {
	return func(r *reader, at string, c *Channel) {
		if c.URL.Empty() {
			r.report(join(at, "url"), "is missing: %s", form)
			return
		}
		r.secretURL(join(at, "url"), c.URL, "https", "http")
		if u, err := url.Parse(c.URL.Reveal()); err == nil && (token != "" && u.Query().Get(token) == "" || len(u.Path) < 2) {
			r.report(join(at, "url"), "must look like %s", form)
		}
	}
}

func (r *reader) webhook(at string, c *Channel) {
	if c.URL.Empty() {
		r.report(join(at, "url"), "is missing")
	} else {
		r.secretURL(join(at, "url"), c.URL, "https", "http")
	}
	for key, secret := range map[string]Secret{"secret": c.Secret, "old_secret": c.OldSecret} {
		encoded, ok := strings.CutPrefix(secret.Reveal(), "whsec_")
		if b, err := base64.StdEncoding.DecodeString(encoded); !secret.Empty() && (!ok || err != nil || len(b) < 24 || len(b) > 64) {
			r.report(join(at, key), "must be whsec_ and 24 to 64 bytes in base64, e.g. from: echo whsec_$(openssl rand -base64 32)")
		}
	}
	if len(c.Events) == 0 {
		c.Events = []string{"alert"}
	}
	for j, name := range c.Events {
		r.choice(fmt.Sprintf("%s.events[%d]", at, j), name, "alert", "change")
	}
}
