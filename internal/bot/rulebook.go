package bot

import (
	"errors"
	"strings"
	"sync"
	"time"

	"numwatch/internal/view"
	"numwatch/rules"
	"numwatch/web"
)

// rulebook remembers for the pages which rules are in force and how the last
// reading of their file went.
type rulebook struct {
	mu      sync.Mutex
	set     *rules.Set
	loaded  time.Time
	refused *web.Refusal
}

func (b *rulebook) accept(set *rules.Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set, b.loaded, b.refused = set, time.Now(), nil
}

func (b *rulebook) refuse(err error) {
	r := &web.Refusal{At: time.Now(), Text: err.Error(), Problems: []web.Problem{}}
	var problems rules.Problems
	if errors.As(err, &problems) {
		r.Problems = problemsOf(problems)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = r
}

// keepClosed is how long the rules in force need alerts that have closed.
func (b *rulebook) keepClosed() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set.KeepClosed()
}

// page returns what is known, with how often each rule spoke.
func (b *rulebook) page(file string, view *view.View, last *compared) web.Rules {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	out := web.Rules{File: file, Loaded: b.loaded, Refused: b.refused, Warnings: problemsOf(b.set.Warnings())}
	if last != nil {
		text := last.Difference.String()
		out.Compared = &web.Compared{At: last.At, Text: strings.ToUpper(text[:1]) + text[1:]}
	}
	for _, r := range b.set.Rules() {
		hits := view.Hits(r.Name, now)
		out.Rules = append(out.Rules, web.Rule{
			Name: r.Name, On: r.On, Severity: r.Severity, For: web.Seconds(r.For), Once: r.Once, Summary: r.Summary, Action: r.Action,
			Runbook: r.Runbook, Channels: r.Channels, Hits: web.Hits{Today: hits.Day, Month: hits.Month, Last: hits.Last},
		})
	}
	for _, c := range b.set.Channels() {
		out.Channels = append(out.Channels, web.Channel{Name: c.Name, Slack: c.Slack})
	}
	return out
}

func problemsOf(problems rules.Problems) []web.Problem {
	out := []web.Problem{}
	for _, p := range problems {
		out = append(out, web.Problem{Line: p.Line, Column: p.Column, Rule: p.Rule, Text: p.Text, Hint: p.Hint, Source: p.Source})
	}
	return out
}
