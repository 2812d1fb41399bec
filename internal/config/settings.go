package config

import (
	"strconv"
	"strings"

	"numwatch/diff"
	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
)

// settings are all keys of config.yaml. The reference in docs/configuration.md
// is written from them.
func (r *reader) settings(c *Config) []setting {
	return []setting{
		{name: "accounts", about: "The cloud accounts, each with its own limit and its own spaces.", read: r.list(func(n *yamldoc.Node) {
			var a Account
			settings := r.accountSettings(&a)
			r.setDefaults(settings)
			r.section(n, settings)
			c.Accounts = append(c.Accounts, a)
		})},
		{name: "poll", below: []setting{
			{name: "max_age", def: "5m", about: "Poll every space at least this often, as far as the limit allows.", read: r.duration(&c.Poll.MaxAge)},
			{name: "min_interval", def: "30s", about: "Poll no space more often than this. At most max_age.", read: r.duration(&c.Poll.MinInterval)},
			{name: "timeout", def: "10s", about: "How long one poll may take.", read: r.duration(&c.Poll.Timeout)},
			{name: "missing_after", def: strconv.Itoa(diff.DefaultMissingAfter), about: "A number is missing after this many complete lists without it.", read: r.whole(&c.Poll.MissingAfter)},
			{name: "missing_for", def: phone.Duration(diff.DefaultMissingFor), about: "… and after at least this time. Both are doubled if the list is empty or lacks more than half of the numbers; after three such lists the space is FAILING.", read: r.duration(&c.Poll.MissingFor)},
		}},
		{name: "store", below: []setting{
			{name: "path", def: "data/numwatch.db", about: "The store's file. Its folder is created.", read: r.word(&c.Store.Path)},
			{name: "history", def: "400d", about: "How long the log of changes and alerts is kept.", read: r.duration(&c.Store.History)},
		}},
		{name: "nats", below: r.natsSettings(&c.NATS)},
		{name: "slack", below: []setting{
			{name: "bot_token", about: "The app's bot token (xoxb-…). Empty: see print.", secret: &c.Slack.BotToken},
			{name: "app_token", about: "The app's app-level token (xapp-…), for buttons. Empty: messages have none.", secret: &c.Slack.AppToken},
			{name: "api_url", about: "Another address of Slack's API, such as that of `numwatch sim slack`.", read: r.word(&c.Slack.APIURL)},
			{name: "print", def: "true", about: "Without a bot token, print messages as they would look. If false, a token is required.", read: r.flag(&c.Slack.Print)},
			{name: "operators", def: "[]", about: "Ids (U0123456789) of the people who may press buttons. Empty: everybody in the channel.", read: r.words(&c.Slack.Operators)},
		}},
		{name: "http", below: []setting{
			{name: "listen", def: "127.0.0.1:8080", about: "Where the page, the API, health and metrics are served. Beyond loopback a token is required.", read: r.word(&c.HTTP.Listen)},
			{name: "token", about: "The token that clients must send. Empty: only clients on this machine are served.", secret: &c.HTTP.Token},
			{name: "public_url", about: "How people reach the page, e.g. through a proxy: for links in Slack. Requires a token, unless it is this machine's own name. No user, query or fragment.", read: r.word(&c.HTTP.PublicURL)},
			{name: "open", def: "false", about: "Without a token, serve everybody who can reach the proxy: they see all numbers, and can acknowledge and silence.", read: r.flag(&c.HTTP.Open)},
		}},
		{name: "log", below: []setting{
			{name: "level", def: "info", about: "debug, info, warn or error.", read: r.word(&c.Log.Level)},
			{name: "format", def: "text", about: "text or json.", read: r.word(&c.Log.Format)},
		}},
		{name: "heartbeat_url", about: "A URL that is called every 30 seconds while the bot is ready.", secret: &c.HeartbeatURL},
	}
}

func (r *reader) accountSettings(a *Account) []setting {
	c := &a.Credentials
	return []setting{
		{name: "name", about: "Required, unique: a-z, 0-9 and -. Appears in alerts, events and metrics.", read: r.word(&a.Name)},
		{name: "credentials", below: []setting{
			{name: "type", about: "access_key, sts, ecs_ram_role, ram_role_arn, oidc_role_arn or credentials_uri. Empty: the cloud's default chain.", read: r.word(&c.Type)},
			{name: "access_key_id", about: "For access_key, sts and ram_role_arn.", read: r.word(&c.AccessKeyId)},
			{name: "access_key_secret", about: "For access_key, sts and ram_role_arn.", secret: &c.AccessKeySecret},
			{name: "security_token", about: "For sts; optional for ram_role_arn.", secret: &c.SecurityToken},
			{name: "role_name", about: "For ecs_ram_role. Empty: the instance's own role.", read: r.word(&c.RoleName)},
			{name: "role_arn", about: "For ram_role_arn and oidc_role_arn.", read: r.word(&c.RoleArn)},
			{name: "role_session_name", about: "Optional for ram_role_arn and oidc_role_arn.", read: r.word(&c.RoleSessionName)},
			{name: "external_id", about: "Optional for ram_role_arn.", read: r.word(&c.ExternalId)},
			{name: "policy", about: "Optional for ram_role_arn and oidc_role_arn: restricts the role further.", read: r.word(&c.Policy)},
			{name: "oidc_provider_arn", about: "For oidc_role_arn.", read: r.word(&c.OidcProviderArn)},
			{name: "oidc_token_file", about: "For oidc_role_arn: the file with the token, read at every refresh.", read: r.word(&c.OidcTokenFile)},
			{name: "sts_endpoint", about: "Optional for ram_role_arn and oidc_role_arn: another address of STS.", read: r.word(&c.StsEndpoint)},
			{name: "url", about: "For credentials_uri: where credentials are fetched.", secret: &c.URL},
		}},
		{name: "region", def: "ap-southeast-1", about: "The region of the API.", read: r.word(&a.Region)},
		{name: "endpoint", about: "A complete URL that replaces the region's. No user, query or fragment.", read: r.word(&a.Endpoint)},
		{name: "requests_per_second", def: "8", about: "Above 0, at most 10: the documented limit, which all tools of the account share.", read: r.number(&a.RequestsPerSecond)},
		{name: "spaces", def: "[]", about: "The customers' spaces: a list of {id, name, labels}. Choose labels freely; rules.yaml can use them.", read: r.list(func(n *yamldoc.Node) {
			var s Space
			r.section(n, []setting{
				{name: "id", about: "CustSpaceId.", read: r.word(&s.ID)},
				{name: "name", read: r.word(&s.Name)},
				{name: "labels", read: r.labels(&s.Labels)},
			})
			a.Spaces = append(a.Spaces, s)
		})},
		{name: "spaces_file", about: "A CSV file of spaces in addition: lines of `id,name,label=value,…`. Re-read when it changes.", read: r.word(&a.SpacesFile)},
		{name: "discover", below: []setting{
			{name: "enabled", def: "false", about: "List the account's spaces every hour, and watch them in addition.", read: r.flag(&a.Discover.Enabled)},
			{name: "include", def: "[]", about: "Only those whose whole id or name matches one of these patterns of `*`, `?` and `[a-z]`. Empty: all.", read: r.words(&a.Discover.Include)},
			{name: "exclude", def: "[]", about: "Not those that match one of these. Takes precedence over include.", read: r.words(&a.Discover.Exclude)},
		}},
	}
}

func (r *reader) natsSettings(n *NATS) []setting {
	return []setting{
		{name: "url", about: "`nats://host:4222`; several separated by commas; tls, ws and wss too. Empty: a server is embedded.", secret: &n.URL},
		{name: "listen", def: "127.0.0.1:4222", about: "Where the embedded server listens. Beyond loopback a token is required. Empty: it does not listen.", read: r.word(&n.Listen)},
		{name: "dir", def: "data/nats", about: "The embedded server's files.", read: r.word(&n.Dir)},
		{name: "stream", def: "NUMWATCH", about: "The JetStream stream: letters, digits, _ and -.", read: r.word(&n.Stream)},
		{name: "create_stream", def: "true", about: "Create the stream if it does not exist.", read: r.flag(&n.CreateStream)},
		{name: "max_age", def: "30d", about: "How long a stream that numwatch creates keeps events.", read: r.duration(&n.MaxAge)},
		{name: "max_bytes", def: "0", about: "How large a stream that numwatch creates may grow: 512MB, 10GiB. 0: no limit.", read: r.size(&n.MaxBytes)},
		{name: "publish_changes", def: "true", about: "Publish every change, not only alerts.", read: r.flag(&n.PublishChanges)},
		{name: "redact_urls", def: "false", about: "Publish callback URLs redacted: they may carry tokens.", read: r.flag(&n.RedactURLs)},
		{name: "creds_file", about: "A credentials file (JWT). At most one of creds_file, nkey_file and token.", read: r.word(&n.CredsFile)},
		{name: "nkey_file", about: "A file with the seed of an nkey.", read: r.word(&n.NkeyFile)},
		{name: "token", about: "The server's token. Clients of an embedded server must send it.", secret: &n.Token},
		{name: "tls", below: []setting{
			{name: "ca_file", about: "The authority that signed the server's certificate, if the machine does not know it.", read: r.word(&n.TLS.CAFile)},
			{name: "cert_file", about: "The client's certificate. Together with key_file.", read: r.word(&n.TLS.CertFile)},
			{name: "key_file", about: "The client's key.", read: r.word(&n.TLS.KeyFile)},
		}},
	}
}

// oneOf suggests the word that was meant, or lists all; the word itself is not
// shown.
func oneOf(word string, known []string) string {
	if near := diagnostic.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(known, ", ")
}
