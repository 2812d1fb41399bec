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
			{name: "api_url", about: "Another address for Slack's API, such as that of `numwatch sim slack`.", read: r.word(&c.Slack.APIURL)},
			{name: "print", def: "true", about: "Print messages if there is no bot token. If false, a token is required.", read: r.flag(&c.Slack.Print)},
			{name: "operators", def: "[]", about: "Ids (U0123456789) of the people who may press buttons and use `/numwatch`. Empty: buttons are for everybody in the channel, `/numwatch` for everybody in the workspace.", read: r.words(&c.Slack.Operators)},
		}},
		{name: "http", below: []setting{
			{name: "listen", def: "127.0.0.1:8080", about: "Where the page, the API, health and metrics are served. Beyond loopback a token is required.", read: r.word(&c.HTTP.Listen)},
			{name: "token", about: "The token that allows everything. Without it and without tokens, only clients on this machine are served.", secret: &c.HTTP.Token},
			{name: "tokens", def: "[]", about: "Tokens with a name and a role, see below.", read: r.list(func(n *yamldoc.Node) {
				var t Token
				settings := r.tokenSettings(&t)
				r.setDefaults(settings)
				r.section(n, settings)
				c.HTTP.Tokens = append(c.HTTP.Tokens, t)
			})},
			{name: "public_url", about: "The pages' URL for people, e.g. through a proxy, for links in messages. Requires a token, unless it is this machine's own name. No user, query or fragment.", read: r.word(&c.HTTP.PublicURL)},
			{name: "open", def: "false", about: "Serve everybody who can reach the proxy, without a token: they see all numbers, and can acknowledge and silence.", read: r.flag(&c.HTTP.Open)},
		}},
		{name: "replicas", below: r.replicaSettings(&c.Replicas)},
		{name: "hints", below: []setting{
			{name: "share", def: "0.3", about: "The share of the pace for hints, above 0 and at most 0.9: 0.3 allows 3 hinted polls for 10 others.", read: r.number(&c.Hints.Share)},
			{name: "receipt_key", about: "The key of the path for the vendor's push receipts, `/api/v1/receipts/chatapp-audit/KEY`: 16 or more letters, digits, - and _. Empty: no such path.", secret: &c.Hints.ReceiptKey},
		}},
		{name: "channels", def: "{}", about: "Webhooks and other targets by name, see below. rules.yaml refers to them by type and name: `channels: {siem: {webhook: siem}}`.", read: r.named(func(name, n *yamldoc.Node) {
			ch := Channel{Name: name.Text}
			settings := r.channelSettings(&ch)
			r.setDefaults(settings)
			r.section(n, settings)
			c.Channels = append(c.Channels, ch)
		})},
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

func (r *reader) tokenSettings(t *Token) []setting {
	return []setting{
		{name: "name", about: "Required, unique. The name of the token's user in messages, events and the log.", read: r.word(&t.Name)},
		{name: "token", about: "Required, at least 16 characters.", secret: &t.Token},
		{name: "role", def: "view", about: "`view`: read. `act`: also acknowledge, silence, drill and send again. `admin`: also reload rules, accept that spaces are gone, and copy the store.", read: r.word(&t.Role)},
		{name: "labels", about: "Limits the token to spaces that have all of these labels, with their numbers, alerts and silences. Not for `admin`. Empty: everything.", read: r.labels(&t.Labels)},
		{name: "user_header", about: "The header in which the proxy names the user, e.g. X-Forwarded-User; that user replaces `name`. Give such a token to the proxy alone. Requests without the header, or with two, are refused.", read: r.word(&t.UserHeader)},
	}
}

func (r *reader) channelSettings(c *Channel) []setting {
	return []setting{
		{name: "type", def: "webhook", about: "`webhook`; `dingtalk`, `feishu` (Lark too) or `wecom`; `alertmanager`, which has `urls`, `username`, `password` and `token`. rules.yaml uses the same type.", read: r.word(&c.Type)},
		{name: "url", about: "Required for webhooks and chats: the https or http address for events or messages. Redirects are not followed. For a chat, the robot's address with its token.", secret: &c.URL},
		{name: "secret", about: "`whsec_` and a key of 24 to 64 bytes in base64, with which webhooks are signed (Standard Webhooks). For DingTalk and Feishu, the secret from the robot's security settings. Empty: requests are not signed.", secret: &c.Secret},
		{name: "old_secret", about: "A webhook's previous secret: requests are signed with both until the receiver has the new one.", secret: &c.OldSecret},
		{name: "events", def: "[alert]", about: "`alert`: the alerts of rules that notify the channel. `change`: every change of every number.", read: r.words(&c.Events)},
		{name: "allow_private", def: "false", about: "Allow private addresses. Otherwise the name must resolve to a public address, and no proxy is used.", read: r.flag(&c.AllowPrivate)},
		{name: "redact_urls", def: "true", about: "Shorten callback URLs in events: they may carry tokens.", read: r.flag(&c.RedactURLs)},
		{name: "urls", def: "[]", about: "Required for an alertmanager: its address, or those of all members of a cluster, each of which gets every alert; scheme, host and path, such as http://alertmanager:9093.", read: r.words(&c.URLs)},
		{name: "username", about: "For basic authentication.", read: r.word(&c.Username)},
		{name: "password", about: "For basic authentication.", secret: &c.Password},
		{name: "token", about: "For bearer authentication.", secret: &c.Token},
	}
}

func (r *reader) natsSettings(n *NATS) []setting {
	return []setting{
		{name: "url", about: "`nats://host:4222`; several separated by commas; tls, ws and wss too. Empty: an embedded server.", secret: &n.URL},
		{name: "listen", def: "127.0.0.1:4222", about: "Where the embedded server listens. Beyond loopback a token is required. Empty: it does not listen.", read: r.word(&n.Listen)},
		{name: "dir", def: "data/nats", about: "The embedded server's files.", read: r.word(&n.Dir)},
		{name: "stream", def: "NUMWATCH", about: "The JetStream stream: letters, digits, _ and -.", read: r.word(&n.Stream)},
		{name: "create_stream", def: "true", about: "Create the stream if it does not exist.", read: r.flag(&n.CreateStream)},
		{name: "max_age", def: "30d", about: "How long a stream that numwatch creates keeps events.", read: r.duration(&n.MaxAge)},
		{name: "max_bytes", def: "0", about: "The maximum size of a stream that numwatch creates: 512MB, 10GiB. 0: no limit.", read: r.size(&n.MaxBytes)},
		{name: "publish_changes", def: "true", about: "Publish every change, not only alerts.", read: r.flag(&n.PublishChanges)},
		{name: "redact_urls", def: "false", about: "Publish callback URLs redacted: they may carry tokens.", read: r.flag(&n.RedactURLs)},
		{name: "creds_file", about: "A credentials file (JWT). At most one of creds_file, nkey_file and token.", read: r.word(&n.CredsFile)},
		{name: "nkey_file", about: "A file with the seed of an nkey.", read: r.word(&n.NkeyFile)},
		{name: "token", about: "The server's token. Clients of an embedded server must send it.", secret: &n.Token},
		{name: "tls", below: []setting{
			{name: "ca_file", about: "The server's certificate authority, if the machine does not trust it already.", read: r.word(&n.TLS.CAFile)},
			{name: "cert_file", about: "The client's certificate. Together with key_file.", read: r.word(&n.TLS.CertFile)},
			{name: "key_file", about: "The client's key.", read: r.word(&n.TLS.KeyFile)},
		}},
	}
}

func (r *reader) replicaSettings(c *Replicas) []setting {
	return []setting{
		{name: "name", about: "The name of the set of replicas: letters, digits, _ and -. Empty: no replicas. Requires nats.url. See docs/replicas.md.", read: r.word(&c.Name)},
		{name: "id", about: "This replica's name in the set. Empty: the host's name.", read: r.word(&c.ID)},
		{name: "advertise", about: "The URL at which the other replicas reach this one, such as http://host:8080. Required.", read: r.word(&c.Advertise)},
		{name: "lease", def: "10s", about: "How long the leader may be silent before another replica takes over: 3s to 60s.", read: r.duration(&c.Lease)},
		{name: "stream_replicas", def: "3", about: "How many NATS servers store the log, and the event stream if numwatch creates it: 1, 3 or 5.", read: r.whole(&c.StreamReplicas)},
		{name: "create", def: "true", about: "Create the stream of the log if it does not exist.", read: r.flag(&c.Create)},
		{name: "max_bytes", def: "10GiB", about: "The maximum size of a log that numwatch creates.", read: r.size(&c.MaxBytes)},
	}
}

// oneOf suggests the word that was meant, or lists all, without showing the word
// itself.
func oneOf(word string, known []string) string {
	if near := diagnostic.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(known, ", ")
}
