package timeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"numwatch/internal/yamldoc"
	"numwatch/notify/slack"
)

// sent is what a step has Slack be sent: by channel, the means in order. A channel that
// is not named is sent nothing.
type sent struct {
	at    yamldoc.Position
	means map[string][]string
	nodes []*node // the channels
}

// meansOfSlack are the words for how people are told, and for what only changes in place.
var meansOfSlack = []string{string(slack.Post), string(slack.Broadcast), string(slack.Reply), string(slack.Edit)}

// sent reads a mapping from channels to what they are sent: one of the means, or a list.
func (r reader) sent(n *node) *sent {
	out := &sent{at: n.At, means: map[string][]string{}}
	r.Named(n, "channels", func(name, value *node) {
		out.nodes = append(out.nodes, name)
		for _, m := range r.scalars(name.Text, value) {
			r.known(m, "way to notify people", meansOfSlack)
			out.means[name.Text] = append(out.means[name.Text], m.Text)
		}
	})
	return out
}

// compare returns "" if exactly what was expected was sent, and otherwise the differences.
func (s *sent) compare(got []slack.Notification) string {
	if s == nil {
		return ""
	}
	means := map[string][]string{}
	for _, n := range got {
		means[n.Channel] = append(means[n.Channel], string(n.Means))
	}
	channels := maps.Clone(s.means)
	maps.Copy(channels, means)
	var text strings.Builder
	for _, c := range slices.Sorted(maps.Keys(channels)) {
		if !slices.Equal(s.means[c], means[c]) {
			fmt.Fprintf(&text, "  slack, channel %s: expected [%s]  (line %d), got [%s]\n", c, strings.Join(s.means[c], ", "), s.at.Line, strings.Join(means[c], ", "))
		}
	}
	return text.String()
}
