package bot

import (
	"context"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/rules"
)

// keeper hands what sinks report to the loop, which is made after them.
type keeper struct{ m *Bot }

func (k keeper) Record(ctx context.Context, r alert.DeliveryUpdate) error {
	return k.m.loop.Record(ctx, r)
}

// board hands what the loop decides to Slack, which is made after it.
type board struct{ m *Bot }

func (b board) Update(alerts []alert.Alert)         { b.m.slack.Update(alerts) }
func (b board) BaselineDone(account string)         { b.m.slack.BaselineDone(account) }
func (b board) Channels(channelsOf []rules.Channel) { b.m.slack.SetChannels(channels(channelsOf)) }

const announceWithin = 20 * time.Second

// Notice announces what could not be stored, beside the loop, which waits for
// nobody.
func (b board) Notice(text string) {
	b.m.announce(notify.Mark{Word: "Critical", Color: notify.Red}, text)
}

// announce posts a text to every channel in the background.
func (m *Bot) announce(mark notify.Mark, text string) {
	m.sinks.once(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, announceWithin)
		defer cancel()
		if err := m.slack.Announce(ctx, mark, text); err != nil {
			m.log.Warn("a notice could not be posted", "err", err)
		}
	})
}

func channels(set []rules.Channel) []notify.Channel {
	out := make([]notify.Channel, len(set))
	for i, c := range set {
		out[i] = notify.Channel{Name: c.Name, Slack: c.Slack, Mention: c.Mention}
	}
	return out
}
