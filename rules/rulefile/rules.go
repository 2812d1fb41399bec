package rulefile

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// file reads the whole file.
func (r *reader) file(n *node) {
	r.object(n, "the file",
		key{"version", true, r.version},
		key{"defaults", false, r.defaults},
		key{"channels", false, r.channels},
		key{"mute_times", false, r.muteTimes},
		key{"rules", true, r.rules},
	)
}

func (r *reader) version(n *node) {
	if n.kind != aNumber || n.text != "1" {
		r.fail(n.at, "this numwatch reads version 1", "version must be 1")
	}
}

func (r *reader) defaults(n *node) {
	d := &r.spec.Defaults
	r.object(n, "defaults",
		key{"notify", false, r.texts("notify", false, &d.Notify)},
		key{"remind_every", false, r.duration("remind_every", &d.RemindEvery)},
		key{"reopen_within", false, r.duration("reopen_within", &d.ReopenWithin)},
		key{"where", false, r.text("where", maxExpression, &d.Where)},
	)
}

// named reads a mapping from names to mappings.
func (r *reader) named(n *node, what string, each func(name rules.Part[string], n *node)) {
	if n.kind != aMapping {
		r.fail(n.at, "", "%s must be a mapping of names, not %s", what, n.kind)
		return
	}
	r.repeated(n)
	for _, p := range n.pairs {
		if name := (rules.Part[string]{Value: p.key, At: p.at}); r.checkName(name) {
			each(name, p.value)
		}
	}
}

func (r *reader) channels(n *node) {
	r.named(n, "channels", func(name rules.Part[string], n *node) {
		c := rules.ChannelSpec{Name: name}
		var mentions []rules.Part[string]
		r.object(n, "channel "+name.Value,
			key{"slack", true, r.word("slack", &c.Slack)},
			key{"mention", false, r.texts("mention", false, &mentions)},
			key{"where", false, r.text("where", maxExpression, &c.Where)},
		)
		if c.Slack.Given() && !slackChannel.MatchString(c.Slack.Value) {
			r.fail(c.Slack.At, `an id like C0123456789, or a name like "#wa-ops"`, "%q is no channel of Slack", c.Slack.Value)
		}
		for _, m := range mentions {
			if !mention.MatchString(m.Value) {
				r.fail(m.At, "<@U…>, <!subteam^S…>, <!here> or <!channel>", "%q is no mention", m.Value)
			}
			c.Mention = append(c.Mention, m.Value)
		}
		r.spec.Channels = append(r.spec.Channels, c)
	})
}

var (
	mention      = regexp.MustCompile(`^<(!here|!channel|(@U|@W|!subteam\^S)[0-9A-Z]+)>$`)
	slackChannel = regexp.MustCompile(`^([CGD][0-9A-Z]{8,}|#[^ #<>&\t\n]{1,80})$`)
)

func (r *reader) rules(n *node) {
	if n.kind != aList {
		r.fail(n.at, "begin each rule with `- name: …`", "rules must be a list, not %s", n.kind)
		return
	}
	for _, item := range n.items {
		if name := item.get("name"); name != nil && name.kind == aText {
			r.rule = name.text
		}
		r.spec.Rules = append(r.spec.Rules, r.ruleOf(item))
		r.rule = ""
	}
}

func (r *reader) ruleOf(n *node) rules.RuleSpec {
	s := rules.RuleSpec{At: n.at}
	var fields []rules.Part[string]
	r.object(n, "the rule",
		key{"name", true, func(n *node) {
			if r.word("name", &s.Name)(n); s.Name.Given() && !r.checkName(s.Name) {
				s.Name = rules.Part[string]{}
			}
		}},
		key{"was", false, r.texts("was", false, &s.Was)},
		key{"on", true, r.texts("on", false, &fields)},
		key{"to", false, r.texts("to", true, &s.To)},
		key{"from", false, r.texts("from", true, &s.From)},
		key{"direction", false, r.direction(&s.Direction)},
		key{"where", false, r.text("where", maxExpression, &s.Where)},
		key{"for", false, r.duration("for", &s.For)},
		key{"once", false, r.flag("once", &s.Once)},
		key{"severity", true, r.severity(&s.Severity)},
		key{"summary", true, r.text("summary", maxText, &s.Summary)},
		key{"action", false, r.text("action", maxText, &s.Action)},
		key{"runbook", false, r.runbook(&s.Runbook)},
		key{"notify", false, r.texts("notify", false, &s.Notify)},
		key{"mute", false, r.texts("mute", false, &s.Mute)},
		key{"inhibited_by", false, r.texts("inhibited_by", false, &s.InhibitedBy)},
		key{"remind_every", false, r.duration("remind_every", &s.RemindEvery)},
		key{"escalate", false, func(n *node) { s.Escalate = r.escalation(n) }},
	)
	for _, name := range fields {
		if f, ok := phone.ParseField(name.Value); ok {
			s.On = append(s.On, rules.Part[phone.Field]{Value: f, At: name.At})
		} else {
			r.fail(name.At, rules.DidYouMean(name.Value, fieldNames()), "unknown field %q", name.Value)
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
		v := n.get(key)
		opens = opens || v != nil && !(v.kind == aBool && v.text == "false")
	}
	if hasFields && !opens {
		r.fail(s.At, "name values with to or from, or direction: worse, or once: true", "the rule does not say when it opens")
	}
	if s.Once && s.For.Value > 0 {
		r.fail(s.For.At, "leave one of them out", "a rule that speaks once cannot wait with for")
	}
	if s.Once && s.Escalate != nil {
		r.fail(n.get("escalate").at, "leave one of them out", "a rule that speaks once cannot escalate")
	}
}

func (r *reader) direction(to *rules.Part[phone.Direction]) func(*node) {
	return func(n *node) {
		var word rules.Part[string]
		if r.word("direction", &word)(n); !word.Given() {
			return
		}
		d, ok := phone.ParseDirection(word.Value)
		if !ok || d != phone.Better && d != phone.Worse {
			r.fail(word.At, rules.DidYouMean(word.Value, []string{"better", "worse"}), "unknown direction %q", word.Value)
			return
		}
		*to = rules.Part[phone.Direction]{Value: d, At: word.At}
	}
}

func (r *reader) severity(to *alert.Severity) func(*node) {
	return func(n *node) {
		var word rules.Part[string]
		if r.word("severity", &word)(n); !word.Given() {
			return
		}
		if err := to.UnmarshalText([]byte(word.Value)); err != nil {
			r.fail(word.At, rules.DidYouMean(word.Value, alert.Severities()), "unknown severity %q", word.Value)
		}
	}
}

func (r *reader) runbook(to *string) func(*node) {
	return func(n *node) {
		var t rules.Text
		if r.text("runbook", maxText, &t)(n); !t.Given() {
			return
		}
		u, err := url.Parse(t.Value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(t.Value, "<>|\" \n") {
			r.fail(t.At, "a whole URL, https://…", "runbook is no link")
		}
		*to = t.Value
	}
}

func (r *reader) escalation(n *node) *rules.EscalateSpec {
	var after rules.Part[time.Duration]
	e := &rules.EscalateSpec{}
	ok := r.object(n, "escalate",
		key{"after", true, r.duration("after", &after)},
		key{"to", true, r.texts("to", false, &e.To)},
	)
	if !ok {
		return nil
	}
	e.After = after.Value
	return e
}

func fieldNames() (names []string) {
	for f := range phone.Fields() {
		names = append(names, f.String())
	}
	return names
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`) // fits a NATS subject

func (r *reader) checkName(name rules.Part[string]) bool {
	ok := nameForm.MatchString(name.Value)
	if !ok {
		r.fail(name.At, "a name has up to 64 of a-z, 0-9 and -, and does not begin with -", "bad name %q", name.Value)
	}
	return ok
}
