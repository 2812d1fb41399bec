package rulefile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules"
)

// The modes of a channel.
const (
	modeMessages = "messages" // as things happen
	modeDigest   = "digest"   // one message at a time
)

// leastEvery is how often a digest may come: what has to be known sooner needs messages.
const leastEvery = time.Hour

// digestKeys are those that say how a channel gets digests.
type digestKeys struct {
	mode     rules.Part[string]
	every    rules.Part[time.Duration]
	at       []rules.Part[string]
	location rules.Part[string]
}

// digest reads when a channel gets digests, and reports what does not go with them.
func (r *reader) digest(c *rules.ChannelSpec, keys *digestKeys) {
	modes := []string{modeMessages, modeDigest}
	if keys.mode.Given() && !slices.Contains(modes, keys.mode.Value) {
		r.Fail(keys.mode.At, diagnostic.DidYouMean(keys.mode.Value, modes), "unknown mode %q", keys.mode.Value)
		return
	}
	if keys.mode.Value != modeDigest {
		r.notWithoutDigest(keys)
		return
	}
	switch {
	case c.Kind != "" && c.Kind != rules.Slack:
		r.Fail(keys.mode.At, "remove mode, and every or at", "only Slack channels support digests, and this one is a %s", c.Kind)
	case !keys.every.Given() && len(keys.at) == 0:
		r.Fail(keys.mode.At, `every: 24h, or at: "09:00"`, "channel %q does not say when its digest comes", c.Name.Value)
	case keys.every.Given() && len(keys.at) > 0:
		r.Fail(keys.every.At, "leave one of them out", "channel %q has both every and at", c.Name.Value)
	case keys.every.Given() && keys.every.Value < leastEvery:
		r.Fail(keys.every.At, "give 1h or more, or use mode: messages", "a digest every %s is too often", phone.Duration(keys.every.Value))
	}
	if len(c.Mute) > 0 {
		r.Fail(c.Mute[0].At, "remove it: set the time with at", "a digest is sent on schedule, so its channel cannot have mute")
	}
	s := &alert.Schedule{Every: keys.every.Value, Location: time.UTC}
	if keys.location.Given() {
		s.Location = r.location(keys.location)
	}
	var texts []string
	for _, at := range keys.at {
		t, ok := parseDayTime(at.Value)
		if !ok {
			r.Fail(at.At, `like "09:00", "mon 09:00" or "mon-fri 09:00"`, "%q is not a time for a digest", at.Value)
			continue
		}
		s.At, texts = append(s.At, t), append(texts, at.Value)
	}
	s.Text = strings.Join(texts, ", ")
	if s.Every > 0 {
		s.Text = "every " + phone.Duration(s.Every)
	}
	s.Text += " " + s.Location.String()
	c.Digest = s
}

func (r *reader) notWithoutDigest(keys *digestKeys) {
	given := map[string]diagnostic.Position{"every": keys.every.At, "location": keys.location.At}
	if len(keys.at) > 0 {
		given["at"] = keys.at[0].At
	}
	for _, key := range []string{"every", "at", "location"} {
		if at := given[key]; at.Line > 0 {
			r.Fail(at, "add mode: digest, or remove it", "%s is for a channel that gets digests", key)
		}
	}
}

var timeForm = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)$`)

// parseDayTime reads hh:mm, with a weekday or a range of them before it.
func parseDayTime(s string) (t alert.DayTime, ok bool) {
	days, clock, onDays := strings.Cut(s, " ")
	if !onDays {
		t.Days, clock = everyDay, s
	}
	parts := timeForm.FindStringSubmatch(clock)
	if parts == nil || onDays && !addDays(&t.Days, days) {
		return t, false
	}
	hour, _ := strconv.Atoi(parts[1])
	minute, _ := strconv.Atoi(parts[2])
	t.Minute = hour*60 + minute
	return t, true
}
