package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

// values reports values that are not documented, less those that the log has.
func (l *linter) values() {
	for _, m := range l.set.Mentions() {
		if m.Label != "" {
			continue
		}
		seen := slices.ContainsFunc(m.Fields, func(f phone.Field) bool { return l.facts.Seen[f][f.Canonical(m.Value)] })
		if seen {
			continue
		}
		p := l.spec.Undocumented(m)
		if l.facts.Seen != nil {
			p.Text += ", and the log has never seen it"
		}
		l.found = append(l.found, p)
	}
}

// labels reports labels that no space has, and values that no space has of them.
func (l *linter) labels() {
	if len(l.facts.Spaces) == 0 {
		return
	}
	known := map[string]map[string]bool{}
	for _, s := range l.facts.Spaces {
		for k, v := range s.Labels {
			if known[k] == nil {
				known[k] = map[string]bool{}
			}
			known[k][v] = true
		}
	}
	for _, m := range l.set.Mentions() {
		values, ok := known[m.Label]
		switch {
		case m.Label == "":
		case !ok && !m.Compared:
			l.warn(m.At, m.Rule, unknownLabel, diagnostic.DidYouMean(m.Label, slices.Sorted(maps.Keys(known))), "no space has a label %q", m.Label)
		case ok && m.Compared && m.Value != "" && !values[m.Value]:
			l.warn(m.At, m.Rule, unknownLabel, diagnostic.DidYouMean(m.Value, slices.Sorted(maps.Keys(values))), "no space has %s %q", m.Label, m.Value)
		}
	}
}

// unused reports channels and mute times that no rule names.
func (l *linter) unused() {
	channels, mutes := map[string]bool{}, map[string]bool{}
	for _, r := range l.rules {
		for _, c := range slices.Concat(l.spec.Defaults.Notify, r.spec.Notify) {
			channels[c.Value] = true
		}
		for _, m := range l.spec.MutesOf(r.spec) {
			mutes[m.Value] = true
		}
		if r.spec.Escalate != nil {
			for _, c := range r.spec.Escalate.To {
				channels[c.Value] = true
			}
		}
	}
	for _, c := range l.spec.Channels {
		for _, m := range c.Mute {
			mutes[m.Value] = true
		}
		if !channels[c.Name.Value] {
			l.warn(c.Name.At, "", unusedChannel, "name it in notify or escalate, or remove it", "no rule notifies channel %q", c.Name.Value)
		}
	}
	for _, m := range l.spec.MuteTimes {
		if !mutes[m.Name.Value] {
			l.warn(m.Name.At, "", unusedMute, "name it in mute of a rule, a channel or the defaults, or remove it", "nothing uses mute time %q", m.Name.Value)
		}
	}
}

// translations reports what channels do not get in their language, and texts of no rule.
func (l *linter) translations() {
	for _, language := range l.spec.Languages() {
		for _, r := range l.rules {
			if keys := l.spec.Untranslated(language, r.spec); len(keys) > 0 {
				l.warn(r.spec.Name.At, r.Name, untranslated, "add it to "+rulefile.TextsFile(l.spec.File, language),
					"no %s in language %s, so its channels get English", strings.Join(keys, " and "), language)
			}
		}
	}
	names := make([]string, len(l.rules))
	for i, r := range l.rules {
		names[i] = r.Name
	}
	for _, file := range l.spec.Translations {
		own := file.Original == nil // the shipped texts may be of rules that were removed
		for _, t := range file.Rules {
			if own && !slices.Contains(names, t.Name.Value) {
				p := (&rules.Spec{File: file.File, Lines: file.Lines}).Problem(t.Name.At, "", diagnostic.DidYouMean(t.Name.Value, names), fmt.Sprintf("there is no rule %q", t.Name.Value))
				p.Check, p.Level = unknownRule, diagnostic.Warning
				l.found = append(l.found, p)
			}
		}
	}
}
