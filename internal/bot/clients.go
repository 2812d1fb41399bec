package bot

import (
	"numwatch/internal/config"
	"numwatch/notify/jetstream"
	"numwatch/poller/cams"
)

// NewClient returns a client of one account as it is configured; the rest of its
// options are the caller's.
func NewClient(c *config.Config, a *config.Account, release string, o cams.ClientOptions) (*cams.Client, error) {
	cr := a.Credentials
	o.Account, o.Region, o.Endpoint = a.Name, a.Region, a.Endpoint
	o.UserAgent, o.Timeout = "numwatch/"+release, c.Poll.Timeout
	o.Credentials = cams.Credentials{
		Type: cr.Type, AccessKeyId: cr.AccessKeyId, AccessKeySecret: cr.AccessKeySecret.Reveal(),
		SecurityToken: cr.SecurityToken.Reveal(), RoleName: cr.RoleName, RoleArn: cr.RoleArn,
		RoleSessionName: cr.RoleSessionName, ExternalId: cr.ExternalId, Policy: cr.Policy,
		OidcProviderArn: cr.OidcProviderArn, OidcTokenFile: cr.OidcTokenFile,
		StsEndpoint: cr.StsEndpoint, URL: cr.URL.Reveal(),
	}
	return cams.NewClient(o)
}

// NATSLogin is how the configuration says to log in to NATS.
func NATSLogin(c *config.NATS) jetstream.Login {
	return jetstream.Login{
		URL: c.URL.Reveal(), CredsFile: c.CredsFile, NKeyFile: c.NkeyFile, Token: c.Token.Reveal(),
		CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
	}
}

// StreamOptions is the stream that the configuration wants.
func StreamOptions(c *config.NATS) jetstream.StreamOptions {
	return jetstream.StreamOptions{Name: c.Stream, Create: c.CreateStream, MaxAge: c.MaxAge, MaxBytes: int64(c.MaxBytes)}
}
