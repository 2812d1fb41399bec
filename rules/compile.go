package rules

import (
	"net/url"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

// addRule compiles a rule and adds it to the set, as far as it is right.
func (c *compiler) addRule(set *Set, raw rawRule) {
	u := &rule{
		name: raw.name.value, fields: c.fieldsOf(raw.on), delay: raw.delay.value, once: raw.once,
		givenTo: values(raw.to), givenFrom: values(raw.from), runbook: raw.runbook.value, inhibitedBy: values(raw.inhibitedBy), was: values(raw.was),
	}
	c.compileSeverity(u, raw)
	c.compileDirection(u, raw)
	c.compileCondition(u, raw)
	c.checkOpening(u, raw)
	c.checkRunbook(raw.runbook)
	u.summary, u.action = c.compileText(raw.summary, u.fields), c.compileText(raw.action, u.fields)
	u.channels = c.channelsOf(slices.Concat(c.known(c.notify), raw.notify))
	u.mute = c.muteTimesOf(raw.mute)
	if raw.escalate != nil {
		u.escalate = &escalation{raw.escalate.after.value, channelNames(c.channelsOf(raw.escalate.to))}
	}
	if u.remindEvery = set.remindEvery; raw.remindEvery.node != nil {
		u.remindEvery = raw.remindEvery.value
	}
	if u.once {
		u.remindEvery = 0
	}
	set.holds = set.holds || len(u.mute) > 0 || len(u.inhibitedBy) > 0 || u.escalate != nil
	c.adoptions(set, u, raw)
	set.rules = append(set.rules, u)
	set.byName[u.name] = u
	for _, f := range u.fields {
		set.fieldRules = append(set.fieldRules, fieldRule{u, f, matcherFor(f, raw.to), matcherFor(f, raw.from)})
	}
}

// known drops the names that were reported as unknown where they stand.
func (c *compiler) known(names []term) []term {
	return slices.DeleteFunc(slices.Clone(names), func(t term) bool { return c.channels[t.value] == nil })
}

func (c *compiler) fieldsOf(names []term) []phone.Field {
	var fields []phone.Field
	for _, t := range names {
		f, ok := phone.ParseField(t.value)
		if !ok {
			c.fail(t.node.at, didYouMean(t.value, allFieldNames()), "unknown field %q", t.value)
			continue
		}
		fields = append(fields, f)
	}
	return fields
}

func (c *compiler) compileSeverity(u *rule, raw rawRule) {
	if !raw.severity.given() {
		return
	}
	if err := u.severity.UnmarshalText([]byte(raw.severity.value)); err != nil {
		c.fail(raw.severity.node.at, didYouMean(raw.severity.value, alert.Severities()), "unknown severity %q", raw.severity.value)
	}
}

func (c *compiler) compileDirection(u *rule, raw rawRule) {
	if !raw.direction.given() {
		return
	}
	d, ok := phone.ParseDirection(raw.direction.value)
	if !ok || d != phone.Better && d != phone.Worse {
		c.fail(raw.direction.node.at, didYouMean(raw.direction.value, []string{"better", "worse"}), "unknown direction %q", raw.direction.value)
		return
	}
	u.direction = d
	for _, f := range u.fields {
		if !f.IsEnum() {
			c.fail(raw.direction.node.at, "its values have no order", "%s does not get better or worse", f)
		}
	}
}

func (c *compiler) compileCondition(u *rule, raw rawRule) {
	if len(u.fields) > 0 {
		c.checkValues("to", u.fields, raw.to)
		c.checkValues("from", u.fields, raw.from)
	}
	u.where = slices.Clone(c.defaults)
	if w := c.compileWhere(raw.where, u.fields); w != nil {
		u.where = append(u.where, w)
	}
	for _, w := range u.where {
		u.depends |= w.depends
	}
}

// checkOpening reports rules that could never open, or not as they say.
func (c *compiler) checkOpening(u *rule, raw rawRule) {
	if len(raw.on) > 0 && !raw.opens {
		c.fail(raw.at, "name values with to or from, or direction: worse, or once: true", "the rule does not say when it opens")
	}
	if !u.once {
		return
	}
	if raw.delay.node != nil && u.delay > 0 {
		c.fail(raw.delay.node.at, "leave one of them out", "a rule that speaks once cannot wait with for")
	}
	if raw.escalate != nil {
		c.fail(raw.escalate.at, "leave one of them out", "a rule that speaks once cannot escalate")
	}
}

func (c *compiler) checkRunbook(t term) {
	if !t.given() {
		return
	}
	u, err := url.Parse(t.value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(t.value, "<>|\" \n") {
		c.fail(t.node.at, "a whole URL, https://…", "runbook is no link")
	}
}

// adoptions makes the rule the heir of the alerts of its old names.
func (c *compiler) adoptions(set *Set, u *rule, raw rawRule) {
	for _, t := range raw.was {
		_, exists := c.rules[t.value]
		heir := set.adopters[t.value]
		switch {
		case t.value == u.name:
			c.fail(t.node.at, "give the name that it had before", "was names the rule itself")
		case exists:
			c.fail(t.node.at, "remove that rule, or this key", "was names %q, which is still a rule", t.value)
		case heir != nil:
			c.fail(t.node.at, "", "rule %q has been %q already", heir.name, t.value)
		default:
			set.adopters[t.value] = u
		}
	}
}
