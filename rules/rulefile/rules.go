package rulefile

import (
	"net/url"
	"regexp"
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
		yamldoc.Optional("where", r.text("where", maxExpression, &d.Where)),
	)
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

var (
	mentionForm = regexp.MustCompile(`^<(!here|!channel|(@U|@W|!subteam\^S)[0-9A-Z]+)>$`)
	channelForm = regexp.MustCompile(`^([CGD][0-9A-Z]{8,}|#[^ #<>&\t\n]{1,80})$`)
)

func (r *reader) channels(n *node) {
	r.named(n, "channels", func(name rules.Part[string], n *node) {
		c := rules.ChannelSpec{Name: name}
		var mentions []rules.Part[string]
		r.Object(n, "channel "+name.Value,
			yamldoc.Required("slack", r.word("slack", func(w rules.Part[string]) {
				if c.Slack = w; !channelForm.MatchString(w.Value) {
					r.Fail(w.At, `an id like C0123456789, or a name like "#wa-ops"`, "%q is no channel of Slack", w.Value)
				}
			})),
			yamldoc.Optional("mention", r.words("mention", false, &mentions)),
			yamldoc.Optional("where", r.text("where", maxExpression, &c.Where)),
		)
		for _, m := range mentions {
			if !mentionForm.MatchString(m.Value) {
				r.Fail(m.At, "<@U…>, <!subteam^S…>, <!here> or <!channel>", "%q is no mention", m.Value)
			}
			c.Mention = append(c.Mention, m.Value)
		}
		r.spec.Channels = append(r.spec.Channels, c)
	})
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
		yamldoc.Optional("mute", r.words("mute", false, &s.Mute)),
		yamldoc.Optional("inhibited_by", r.words("inhibited_by", false, &s.InhibitedBy)),
		yamldoc.Optional("remind_every", r.duration("remind_every", &s.RemindEvery)),
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

func (r *reader) severity(w rules.Part[string]) (s alert.Severity) {
	if err := s.UnmarshalText([]byte(w.Value)); err != nil {
		r.Fail(w.At, diagnostic.DidYouMean(w.Value, alert.Severities()), "unknown severity %q", w.Value)
	}
	return s
}

func (r *reader) runbook(w rules.Part[string]) string {
	u, err := url.Parse(w.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(w.Value, "<>|\" \n") {
		r.Fail(w.At, "a whole URL, https://…", "runbook is no link")
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
