package rules

// checkInhibition reports unknown rules, and circles: rules that hold back each
// other would all keep silent.
func (c *compiler) checkInhibition(rules []rawRule) {
	circles := c.circles(rules)
	for _, raw := range rules {
		c.rule = raw.name.value
		for _, t := range raw.inhibitedBy {
			_, ok := c.rules[t.value]
			mine, inCircle := circles[raw.name.value]
			switch other, too := circles[t.value]; {
			case t.value == raw.name.value:
				c.fail(t.node.at, "", "a rule cannot hold back itself")
			case !ok:
				c.fail(t.node.at, didYouMean(t.value, sortedKeys(c.rules)), "unknown rule %q", t.value)
			case inCircle && too && mine == other:
				c.fail(t.node.at, "leave one of them out", "%q is itself held back by this rule", t.value)
			}
		}
		c.rule = ""
	}
}

// circles finds the rules that hold back themselves through others, and gives
// those of one circle the same number.
func (c *compiler) circles(rules []rawRule) map[string]int {
	f := circleFinder{rules: c.rules, order: map[string]int{}, low: map[string]int{}, found: map[string]int{}}
	for _, raw := range rules {
		if raw.name.given() && f.order[raw.name.value] == 0 {
			f.visit(raw.name.value)
		}
	}
	return f.found
}

// circleFinder is Tarjan's search for strongly connected components.
type circleFinder struct {
	rules map[string]rawRule
	order map[string]int // in which rules were visited, from 1
	low   map[string]int // the first in order that a rule reaches
	path  []string       // visited, and not yet in a component
	found map[string]int
}

func (f *circleFinder) visit(name string) {
	f.order[name] = len(f.order) + 1
	f.low[name] = f.order[name]
	f.path = append(f.path, name)
	for _, t := range f.rules[name].inhibitedBy {
		if _, ok := f.rules[t.value]; !ok {
			continue
		}
		if f.order[t.value] == 0 {
			f.visit(t.value)
			f.low[name] = min(f.low[name], f.low[t.value])
		} else if _, done := f.found[t.value]; !done {
			f.low[name] = min(f.low[name], f.order[t.value])
		}
	}
	if f.low[name] != f.order[name] {
		return
	}
	for {
		last := f.path[len(f.path)-1]
		f.path = f.path[:len(f.path)-1]
		f.found[last] = f.order[name]
		if last == name {
			return
		}
	}
}
