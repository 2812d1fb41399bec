package rules

// The file as it is written: the right keys and types, names not yet resolved.
type rawFile struct {
	defaults  rawDefaults
	channels  []rawChannel
	muteTimes []rawMute
	rules     []rawRule
}

type rawDefaults struct {
	notify       []term
	remindEvery  span
	reopenWithin span
	where        term
}

type rawChannel struct {
	name    term
	slack   term
	mention []term
	where   term
}

type rawMute struct {
	name     term
	weekdays []term
	times    []term
	location term
}

type rawRule struct {
	at       position
	name     term
	on       []term
	to, from []term
	where    term
	opens    bool // it has a key that says when

	direction   term
	severity    term
	delay       span
	once        bool
	summary     term
	action      term
	runbook     term
	notify      []term
	mute        []term
	inhibitedBy []term
	escalate    *rawEscalation
	remindEvery span
	was         []term
}

type rawEscalation struct {
	at    position
	after span
	to    []term
}

func (r *report) file(n *node) rawFile {
	var f rawFile
	r.object(n, "the file",
		key{"version", true, r.version},
		key{"defaults", false, func(n *node) { f.defaults = r.defaults(n) }},
		key{"channels", false, func(n *node) { f.channels = r.channelsOf(n) }},
		key{"mute_times", false, func(n *node) { f.muteTimes = r.muteTimesOf(n) }},
		key{"rules", true, func(n *node) { f.rules = r.rulesOf(n) }},
	)
	return f
}

func (r *report) version(n *node) {
	if n.kind != aNumber || n.text != "1" {
		r.fail(n.at, "this numwatch reads version 1", "version must be 1")
	}
}

func (r *report) defaults(n *node) rawDefaults {
	var d rawDefaults
	r.object(n, "defaults",
		key{"notify", false, r.texts("notify", false, &d.notify)},
		key{"remind_every", false, r.duration("remind_every", &d.remindEvery)},
		key{"reopen_within", false, r.duration("reopen_within", &d.reopenWithin)},
		key{"where", false, r.text("where", maxExpression, &d.where)},
	)
	return d
}

// named reads a mapping from names to mappings.
func (r *report) named(n *node, what string, each func(name term, n *node)) {
	if n.kind != aMapping {
		r.fail(n.at, "", "%s must be a mapping of names, not %s", what, n.kind)
		return
	}
	r.repeated(n)
	for _, p := range n.pairs {
		if r.checkName(p.key, p.at) {
			each(term{p.key, &node{at: p.at, text: p.key}}, p.value)
		}
	}
}

func (r *report) channelsOf(n *node) (list []rawChannel) {
	r.named(n, "channels", func(name term, n *node) {
		c := rawChannel{name: name}
		r.object(n, "channel "+name.value,
			key{"slack", true, r.text("slack", maxWord, &c.slack)},
			key{"mention", false, r.texts("mention", false, &c.mention)},
			key{"where", false, r.text("where", maxExpression, &c.where)},
		)
		list = append(list, c)
	})
	return list
}

func (r *report) muteTimesOf(n *node) (list []rawMute) {
	r.named(n, "mute_times", func(name term, n *node) {
		m := rawMute{name: name}
		r.object(n, "mute time "+name.value,
			key{"weekdays", false, r.texts("weekdays", false, &m.weekdays)},
			key{"times", false, r.texts("times", false, &m.times)},
			key{"location", false, r.text("location", maxWord, &m.location)},
		)
		list = append(list, m)
	})
	return list
}

func (r *report) rulesOf(n *node) (list []rawRule) {
	if n.kind != aList {
		r.fail(n.at, "begin each rule with `- name: …`", "rules must be a list, not %s", n.kind)
		return nil
	}
	for _, item := range n.items {
		if name := item.get("name"); name != nil && name.kind == aText {
			r.rule = name.text
		}
		list = append(list, r.ruleOf(item))
		r.rule = ""
	}
	return list
}

func (r *report) ruleOf(n *node) rawRule {
	u := rawRule{at: n.at}
	for _, key := range []string{"to", "from", "direction", "once"} {
		v := n.get(key)
		u.opens = u.opens || v != nil && !(v.kind == aBool && v.text == "false")
	}
	r.object(n, "the rule",
		key{"name", true, func(n *node) {
			r.text("name", maxWord, &u.name)(n)
			if u.name.given() && !r.checkName(u.name.value, n.at) {
				u.name = term{}
			}
		}},
		key{"was", false, r.texts("was", false, &u.was)},
		key{"on", true, r.texts("on", false, &u.on)},
		key{"to", false, r.texts("to", true, &u.to)},
		key{"from", false, r.texts("from", true, &u.from)},
		key{"direction", false, r.text("direction", maxWord, &u.direction)},
		key{"where", false, r.text("where", maxExpression, &u.where)},
		key{"for", false, r.duration("for", &u.delay)},
		key{"once", false, r.flag("once", &u.once)},
		key{"severity", true, r.text("severity", maxWord, &u.severity)},
		key{"summary", true, r.text("summary", maxText, &u.summary)},
		key{"action", false, r.text("action", maxText, &u.action)},
		key{"runbook", false, r.text("runbook", maxText, &u.runbook)},
		key{"notify", false, r.texts("notify", false, &u.notify)},
		key{"mute", false, r.texts("mute", false, &u.mute)},
		key{"inhibited_by", false, r.texts("inhibited_by", false, &u.inhibitedBy)},
		key{"remind_every", false, r.duration("remind_every", &u.remindEvery)},
		key{"escalate", false, func(n *node) { u.escalate = r.escalationOf(n) }},
	)
	return u
}

func (r *report) escalationOf(n *node) *rawEscalation {
	e := &rawEscalation{at: n.at}
	if !r.object(n, "escalate",
		key{"after", true, r.duration("after", &e.after)},
		key{"to", true, r.texts("to", false, &e.to)},
	) {
		return nil
	}
	return e
}

// maxName keeps a rule's name within a NATS subject.
const maxName = 64

func (r *report) checkName(name string, at position) bool {
	ok := name != "" && len(name) <= maxName && name[0] != '-'
	for i := range len(name) {
		c := name[i]
		ok = ok && (isDigit(c) || 'a' <= c && c <= 'z' || c == '-')
	}
	if !ok {
		r.fail(at, "a name has up to 64 of a-z, 0-9 and -, and does not begin with -", "bad name %q", name)
	}
	return ok
}
