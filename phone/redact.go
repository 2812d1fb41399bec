package phone

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
)

// Redact returns a URL as scheme, host and path, with what else it holds
// (user, query, fragment) as "?…" and a short hash, so that two URLs which
// differ there still look different. What is no absolute URL is hashed whole.
// Callback URLs carry tokens.
func Redact(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "…" + shortHash(raw)
	}
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return shown
	}
	return shown + "?…" + shortHash(raw)
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:3])
}

// Shown returns a value of the field as it may be shown to people: URLs are
// redacted.
func (f Field) Shown(value string) string {
	if f.IsURL() {
		return Redact(value)
	}
	return value
}

// Redacted returns the number with its URLs redacted.
func (n Number) Redacted() Number {
	for f, v := range n.All() {
		n.values[f] = f.Shown(v)
	}
	return n
}
