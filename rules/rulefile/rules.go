package rulefile

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
	"numwatch/rules"
)

type node = yamldoc.Node

// file reads the whole file.
func (r *reader) file(n *node) {
	r.Object(n, "the file",
		yamldoc.Required("version", r.version),
		yamldoc.Optional("defaults", r.defaults),
		yamldoc.Optional("channels", r.channels),
		yamldoc.Optional("mute_times", r.muteTimes),
		yamldoc.Required("rules", r.rules),
	)
}

func (r *reader) version(n *node) {
	if n.Kind != yamldoc.Number || n.Text != "1" {
		r.FailAt(n, "this numwatch reads version 1", "version must be 1")
	}
}

func (r *reader) defaults(n *node) {
	d := &r.spec.Defaults
	r.Object(n, "defaults",
		yamldoc.Optional("notify", r.words("notify", false, &d.Notify)),
		yamldoc.Optional("remind_every", r.duration("remind_every", &d.RemindEvery)),
		yamldoc.Optional("reopen_within", r.duration("reopen_within", &d.ReopenWithin)),
		yamldoc.Optional("settle_after", r.duration("settle_after", &d.SettleAfter)),
		yamldoc.Optional("mute", r.words("mute", false, &d.Mute)),
		yamldoc.Optional("severity", r.floor(&d.Severity)),
		yamldoc.Optional("explain_with", r.word("explain_with", func(w rules.Part[string]) { d.ExplainWith = r.explainWith(w) })),
		yamldoc.Optional("where", r.text("where", maxExpression, &d.Where)),
		yamldoc.Optional("language", r.language(&d.Language)),
	)
}

func (r *reader) language(to *rules.Part[phone.Language]) func(*node) {
	return r.word("language", func(w rules.Part[string]) {
		l, known := phone.ParseLanguage(w.Value)
		if !known {
			r.Fail(w.At, cmp.Or(diagnostic.DidYouMean(w.Value, phone.Languages()), "en or zh"), "unknown language %q", w.Value)
		}
		*to = rules.Part[phone.Language]{Value: l, At: w.At}
	})
}

func (r *reader) explainWith(w rules.Part[string]) rules.Part[string] {
	if known := []string{rules.ExplainWithHealth, rules.ExplainWithNothing}; !slices.Contains(known, w.Value) {
		r.Fail(w.At, diagnostic.DidYouMean(w.Value, known), "unknown explain_with %q", w.Value)
	}
	return w
}

// named reads a mapping from names to mappings.
func (r *reader) named(n *node, what string, each func(name rules.Part[string], n *node)) {
	r.Named(n, what, func(name, value *node) {
		if r.checkName(part(name)) {
			each(part(name), value)
		}
	})
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`) // fits a NATS subject

func (r *reader) checkName(name rules.Part[string]) bool {
	ok := nameForm.MatchString(name.Value)
	if !ok {
		r.Fail(name.At, "a name has up to 64 of a-z, 0-9 and -, and does not begin with -", "bad name %q", name.Value)
	}
	return ok
}

// mentionForms are how each kind of channels names people, and how that reads in a hint.
var mentionForms = map[rules.Kind]struct {
	form *regexp.Regexp
	hint string
}{
	rules.Slack:    {regexp.MustCompile(`^<(!here|!channel|(@U|@W|!subteam\^S)[0-9A-Z]+)>$`), "<@U…>, <!subteam^S…>, <!here> or <!channel>"},
	rules.DingTalk: {regexp.MustCompile(`^(all|user:[\w.-]{1,64}|mobile:\+?[0-9-]{6,20})$`), `"mobile:13800138000", "user:ID" or "all"`},
	rules.Feishu:   {regexp.MustCompile(`^(all|user:[\w.-]{1,64})$`), `"user:ou_…" or "all"`},
	rules.WeCom:    {regexp.MustCompile(`^user:[\w.@-]{1,64}$`), `"user:ID": markdown in WeCom mentions nobody else`},
}

var channelForm = regexp.MustCompile(`^([CGD][0-9A-Z]{8,}|#[^ #<>&\t\n]{1,80})$`)

func (r *reader) channels(n *node) {
	r.named(n, "channels", func(name rules.Part[string], n *node) {
		c := rules.ChannelSpec{Name: name}
		var mentions []rules.Part[string]
		var digest digestKeys
		keys := []yamldoc.Key{
			yamldoc.Optional("slack", r.word("slack", func(w rules.Part[string]) {
				r.target(&c, rules.Slack, w)
				if !channelForm.MatchString(w.Value) {
					r.Fail(w.At, `an id like C0123456789, or a name like "#wa-ops"`, "%q is not a Slack channel", w.Value)
				}
			})),
			yamldoc.Optional("mention", r.words("mention", false, &mentions)),
			yamldoc.Optional("mute", r.words("mute", false, &c.Mute)),
			yamldoc.Optional("severity", r.floor(&c.Severity)),
			yamldoc.Optional("where", r.text("where", maxExpression, &c.Where)),
			yamldoc.Optional("mode", r.word("mode", func(w rules.Part[string]) { digest.mode = w })),
			yamldoc.Optional("every", r.duration("every", &digest.every)),
			yamldoc.Optional("at", r.words("at", false, &digest.at)),
			yamldoc.Optional("location", r.word("location", func(w rules.Part[string]) { digest.location = w })),
			yamldoc.Optional("language", r.language(&c.Language)),
		}
		for _, kind := range rules.Configured() {
			keys = append(keys, yamldoc.Optional(string(kind), r.configured(&c, kind)))
		}
		r.Object(n, "channel "+name.Value, keys...)
		r.digest(&c, &digest)
		if c.Kind == "" {
			r.Fail(name.At, `slack: "#wa-ops", or webhook: NAME of an entry below channels in config.yaml`, "channel %q has no destination", name.Value)
		}
		if c.Kind != "" && !c.Kind.Mentions() && len(mentions) > 0 {
			r.Fail(mentions[0].At, "remove it", "a channel of kind %s does not support mentions", c.Kind)
		}
		if c.Kind.TakesEvents() && len(c.Mute) > 0 {
			r.Fail(c.Mute[0].At, "remove it", "a webhook gets events as they happen, so it cannot have mute")
		}
		if c.Kind.Follows() && c.Language.Given() {
			r.Fail(c.Language.At, "remove it", "a channel of kind %s is for programs, which read English", c.Kind)
		}
		for _, m := range mentions {
			if is, ok := mentionForms[c.Kind]; ok && !is.form.MatchString(m.Value) {
				r.Fail(m.At, is.hint, "%q is not a mention", m.Value)
			}
			c.Mention = append(c.Mention, m.Value)
		}
		r.spec.Channels = append(r.spec.Channels, c)
	})
}

// configured reads the name of a channel in config.yaml.
func (r *reader) configured(c *rules.ChannelSpec, kind rules.Kind) func(*node) {
	return r.word(string(kind), func(w rules.Part[string]) {
		r.target(c, kind, w)
		if !nameForm.MatchString(w.Value) {
			r.Fail(w.At, "its name below channels in config.yaml, which holds its address and secret", "%q is not a channel name", w.Value)
		}
	})
}

// target says where a channel is, which can be one place only.
func (r *reader) target(c *rules.ChannelSpec, kind rules.Kind, where rules.Part[string]) {
	if c.Kind != "" {
		r.Fail(where.At, "split it into two channels", "channel %q has two destinations", c.Name.Value)
	}
	c.Kind, c.Target = kind, where
}

func (r *reader) rules(n *node) {
	if n.Kind != yamldoc.List {
		r.FailAt(n, "begin each rule with `- name: …`", "rules must be a list, not %s", n.Kind)
		return
	}
	for _, item := range n.Items {
		if name := item.Get("name"); name != nil && name.Kind == yamldoc.Text {
			r.Rule = name.Text
		}
		r.spec.Rules = append(r.spec.Rules, r.ruleOf(item))
		r.Rule = ""
	}
}

func (r *reader) ruleOf(n *node) rules.RuleSpec {
	s := rules.RuleSpec{At: n.At}
	var fields []rules.Part[string]
	r.Object(n, "the rule",
		yamldoc.Required("name", r.word("name", func(w rules.Part[string]) {
			if r.checkName(w) {
				s.Name = w
			}
		})),
		yamldoc.Optional("was", r.words("was", false, &s.Was)),
		yamldoc.Required("on", r.words("on", false, &fields)),
		yamldoc.Optional("to", r.words("to", true, &s.To)),
		yamldoc.Optional("from", r.words("from", true, &s.From)),
		yamldoc.Optional("direction", r.word("direction", func(w rules.Part[string]) { s.Direction = r.direction(w) })),
		yamldoc.Optional("where", r.text("where", maxExpression, &s.Where)),
		yamldoc.Optional("for", r.duration("for", &s.For)),
		yamldoc.Optional("once", r.Flag("once", &s.Once)),
		yamldoc.Required("severity", r.word("severity", func(w rules.Part[string]) { s.Severity = r.severity(w) })),
		yamldoc.Optional("title", r.texts("title", &s.Title)),
		yamldoc.Required("summary", r.texts("summary", &s.Summary)),
		yamldoc.Optional("action", r.texts("action", &s.Action)),
		yamldoc.Optional("runbook", r.word("runbook", func(w rules.Part[string]) { s.Runbook = r.runbook(w) })),
		yamldoc.Optional("notify", r.words("notify", false, &s.Notify)),
		yamldoc.Optional("mute", func(n *node) {
			if s.MuteGiven = true; n.Kind != yamldoc.List || len(n.Items) > 0 {
				r.words("mute", false, &s.Mute)(n)
			}
		}),
		yamldoc.Optional("inhibited_by", r.words("inhibited_by", false, &s.InhibitedBy)),
		yamldoc.Optional("remind_every", r.duration("remind_every", &s.RemindEvery)),
		yamldoc.Optional("explain_with", r.word("explain_with", func(w rules.Part[string]) { s.ExplainWith = r.explainWith(w) })),
		yamldoc.Optional("escalate", func(n *node) { s.Escalate = r.escalation(n) }),
	)
	for _, name := range fields {
		if f, ok := phone.ParseField(name.Value); ok {
			s.On = append(s.On, rules.Part[phone.Field]{Value: f, At: name.At})
		} else {
			r.Fail(name.At, diagnostic.DidYouMean(name.Value, phone.FieldNames(phone.Fields())), "unknown field %q", name.Value)
		}
	}
	r.checkOpening(n, &s, len(fields) > 0)
	return s
}

// checkOpening reports rules that do not say when they open, and what a rule
// that opens and closes at once cannot have.
func (r *reader) checkOpening(n *node, s *rules.RuleSpec, hasFields bool) {
	opens := false
	for _, key := range []string{"to", "from", "direction", "once"} {
		v := n.Get(key)
		opens = opens || v != nil && !(v.Kind == yamldoc.Bool && v.Text == "false")
	}
	if hasFields && !opens {
		r.FailAt(n, "name values with to or from, or direction: worse, or once: true", "the rule does not say when it opens")
	}
	if s.Once && s.For.Value > 0 {
		r.Fail(s.For.At, "leave one of them out", "a rule with once cannot wait with for")
	}
	if s.Once && s.Escalate != nil {
		r.FailAt(n.Get("escalate"), "leave one of them out", "a rule with once cannot escalate")
	}
}

func (r *reader) direction(w rules.Part[string]) rules.Part[phone.Direction] {
	d, ok := phone.ParseDirection(w.Value)
	if !ok || d != phone.Better && d != phone.Worse {
		r.Fail(w.At, diagnostic.DidYouMean(w.Value, []string{"better", "worse"}), "unknown direction %q", w.Value)
		return rules.Part[phone.Direction]{}
	}
	return rules.Part[phone.Direction]{Value: d, At: w.At}
}

// floor reads the least severity of something.
func (r *reader) floor(to *rules.Part[alert.Severity]) func(*node) {
	return r.word("severity", func(w rules.Part[string]) { *to = rules.Part[alert.Severity]{Value: r.severity(w), At: w.At} })
}

func (r *reader) severity(w rules.Part[string]) (s alert.Severity) {
	if err := s.UnmarshalText([]byte(w.Value)); err != nil {
		r.Fail(w.At, diagnostic.DidYouMean(w.Value, alert.Severities()), "unknown severity %q", w.Value)
	}
	return s
}

func (r *reader) runbook(w rules.Part[string]) string {
	u, err := url.Parse(w.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(w.Value, "<>|\" \n") {
		r.Fail(w.At, "a whole URL, https://…", "runbook is not a link")
	}
	return w.Value
}

func (r *reader) escalation(n *node) *rules.EscalateSpec {
	var after rules.Part[time.Duration]
	e := &rules.EscalateSpec{}
	if !r.Object(n, "escalate",
		yamldoc.Required("after", r.duration("after", &after)),
		yamldoc.Required("to", r.words("to", false, &e.To)),
	) {
		return nil
	}
	e.After = after.Value
	return e
}
