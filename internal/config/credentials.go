package config

import (
	"maps"
	"slices"
)

// Credentials say how an account is signed in to. Type is empty (the cloud's
// default chain), access_key, sts, ecs_ram_role, ram_role_arn, oidc_role_arn or
// credentials_uri; which other members are used depends on it.
type Credentials struct {
	Type            string
	AccessKeyId     string
	AccessKeySecret Secret
	SecurityToken   Secret
	RoleName        string // "": the instance's own
	RoleArn         string
	RoleSessionName string
	ExternalId      string
	Policy          string
	OidcProviderArn string
	OidcTokenFile   string // read by the provider at every refresh
	StsEndpoint     string
	URL             Secret // of credentials_uri; may hold a token
}

// identity is the same for credentials that the cloud takes for one account.
func (c *Credentials) identity() string {
	switch {
	case c.RoleArn != "":
		return "role " + c.RoleArn
	case c.AccessKeyId != "":
		return "key " + c.AccessKeyId
	}
	return c.Type + " " + c.RoleName + c.URL.Reveal()
}

// credentialMembers lists for each type the members that it needs, and those
// that it takes.
var credentialMembers = map[string]struct{ needs, takes []string }{
	"": {},
	"access_key": {
		needs: []string{"access_key_id", "access_key_secret"},
	},
	"sts": {
		needs: []string{"access_key_id", "access_key_secret", "security_token"},
	},
	"ecs_ram_role": {
		takes: []string{"role_name"},
	},
	"ram_role_arn": {
		needs: []string{"access_key_id", "access_key_secret", "role_arn"},
		takes: []string{"security_token", "role_session_name", "external_id", "policy", "sts_endpoint"},
	},
	"oidc_role_arn": {
		needs: []string{"role_arn", "oidc_provider_arn", "oidc_token_file"},
		takes: []string{"role_session_name", "policy", "sts_endpoint"},
	},
	"credentials_uri": {
		needs: []string{"url"},
	},
}

// members tells which members are filled.
func (c *Credentials) members() map[string]bool {
	return map[string]bool{
		"access_key_id":     c.AccessKeyId != "",
		"access_key_secret": !c.AccessKeySecret.Empty(),
		"security_token":    !c.SecurityToken.Empty(),
		"role_name":         c.RoleName != "",
		"role_arn":          c.RoleArn != "",
		"role_session_name": c.RoleSessionName != "",
		"external_id":       c.ExternalId != "",
		"policy":            c.Policy != "",
		"oidc_provider_arn": c.OidcProviderArn != "",
		"oidc_token_file":   c.OidcTokenFile != "",
		"sts_endpoint":      c.StsEndpoint != "",
		"url":               !c.URL.Empty(),
	}
}

func (r *reader) credentials(path string, c *Credentials) {
	if r.reported[join(path, "type")] {
		return
	}
	members, known := credentialMembers[c.Type]
	if !known {
		types := slices.Sorted(maps.Keys(credentialMembers))[1:]
		r.report(join(path, "type"), "is not a type of credentials (%s)", oneOf(c.Type, types))
		return
	}
	name := "credentials of type " + c.Type
	if c.Type == "" {
		name = "the default chain (no type is given)"
	}
	filled := c.members()
	for _, m := range members.needs {
		if !filled[m] && !r.reported[join(path, m+fileSuffix)] {
			r.report(join(path, m), "is needed by %s", name)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(filled)) {
		if filled[m] && !slices.Contains(members.needs, m) && !slices.Contains(members.takes, m) {
			r.report(join(path, m), "is not used by %s", name)
		}
	}
	if !c.URL.Empty() {
		r.secretURL(join(path, "url"), c.URL, "https", "http")
	}
}
