package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"numwatch/internal/cli/command"
	robotsim "numwatch/internal/sim/robot"
	"numwatch/notify/card"
)

// The demo tells a second chat of what is critical: a group in Feishu, whose members read
// Chinese.
const (
	groupToken   = "demo-group"
	groupChannel = `
channels:
  oncall-cn:
    feishu: oncall-cn
    where: 'Severity == "critical"'
    language: zh
`
)

// toldInGroup is the shipped rules, which tell the group as well.
func toldInGroup(rules string) (string, error) {
	const notify, channels = "\n  notify: [ops]", "\nchannels:\n"
	if !strings.Contains(rules, notify) || !strings.Contains(rules, channels) {
		return "", errors.New("the shipped rules have no place for the demo's second chat")
	}
	rules = strings.Replace(rules, notify, "\n  notify: [ops, oncall-cn]", 1)
	return strings.Replace(rules, channels, groupChannel, 1), nil
}

// newGroup returns the group, which prints what it is told.
func newGroup(p *command.Program) *robotsim.Group {
	printer, n := card.NewPrinter(p.Stdout, p.Coloured(p.Stdout)), 0
	return robotsim.New(robotsim.Config{Kind: robotsim.Feishu, Token: groupToken, Taken: func(m robotsim.Message) {
		n++
		_ = printer.Other(fmt.Sprintf("Feishu, group oncall-cn · message %d", n), groupColor(m.Color), groupTexts(&m)) // the terminal may be gone
	}})
}

// groupColor is the colour of a title in Feishu.
func groupColor(name string) card.Color {
	return map[string]card.Color{"blue": card.Blue, "yellow": card.Yellow, "orange": card.Orange, "red": card.Red, "green": card.Green}[name]
}

// groupTexts is how a message begins, its title and its first paragraph, without markdown.
func groupTexts(m *robotsim.Message) []string {
	texts := []string{m.Title}
	first, _, more := strings.Cut(m.Text, "\n\n")
	for line := range strings.Lines(strings.ReplaceAll(first, "**", "")) {
		texts = append(texts, line)
	}
	if more {
		texts = append(texts, "…")
	}
	return texts
}

// besides serves the group beside the simulated cloud.
func besides(cloud, group http.Handler, path string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", cloud)
	mux.Handle(path, group)
	return mux
}
