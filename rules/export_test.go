package rules

import (
	"slices"
	"time"

	"numwatch/alert"
)

// ExpressionNames lists the names and functions that expressions may use.
func ExpressionNames() []string { return slices.Concat(names, functions) }

// MutedAt reports whether a channel is muted at a time.
func (s *Set) MutedAt(channel string, at time.Time) bool {
	return s.channelOf(channel).mutedAt(at) != nil
}

// Admits reports whether a channel takes anything of a severity.
func (s *Set) Admits(channel string, severity alert.Severity) bool {
	return s.channelOf(channel).admits(severity)
}

func (s *Set) channelOf(name string) *channel {
	i := slices.IndexFunc(s.channels, func(c *channel) bool { return c.Name == name })
	if i < 0 {
		return &channel{} // it had another name
	}
	return s.channels[i]
}
