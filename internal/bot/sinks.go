package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/internal/watch"
	"numwatch/notify"
	"numwatch/notify/jetstream"
	"numwatch/notify/slack"
	"numwatch/rules"
	"numwatch/store"
)

func (b *Bot) makeNATS() (err error) {
	c := &b.config.NATS
	login := NATSLogin(c)
	if c.Embedded() {
		b.embedded, err = jetstream.NewServer(jetstream.ServerOptions{
			Listen: c.Listen, Dir: c.Dir, Token: c.Token.Reveal(), Logger: b.log,
		})
		if err != nil {
			return err
		}
		login.Server = b.embedded
	}
	cursor, err := storedCursor(b.store)
	if err != nil {
		return err
	}
	b.nats = jetstream.New(jetstream.Options{
		Log: b.store, Recorder: b.loop, Cursor: cursor, Login: login,
		Renderer:       &jetstream.Renderer{Epoch: b.store.Epoch(), Space: b.directory.Space, RedactURLs: c.RedactURLs},
		Stream:         StreamOptions(c),
		PublishChanges: c.PublishChanges, OtherEpoch: b.otherEpoch, Ready: b.loop.Ready,
		Logger: b.log, Registerer: b.registry, Trace: b.o.Trace,
	})
	return nil
}

// storedCursor is where the last run stopped; zero if that is not known: the stream
// itself says more.
func storedCursor(s *store.Store) (c alert.Cursor, err error) {
	data, err := s.Checkpoint(watch.CursorCheckpoint)
	if err != nil || data == nil || json.Unmarshal(data, &c) != nil {
		return alert.Cursor{}, err
	}
	return c, nil
}

// otherEpoch hears that the stream ends with an event of another store. After a restore
// that is as it should be; for a new store it may mean that the old one is lost.
func (b *Bot) otherEpoch(epoch string) {
	if !b.store.Fresh() {
		return
	}
	b.damage.lost(fmt.Sprintf("The store %s is new, but stream %s holds events of an earlier one, %s. All numbers are seen as if for the "+
		"first time. If the store was lost or emptied, stop numwatch and restore a backup; if it was removed on purpose, or another "+
		"numwatch publishes to this stream, nothing is wrong, and the next start resolves this.",
		b.config.Store.Path, b.config.NATS.Stream, epoch))
}

func (b *Bot) makeSlack() error {
	b.slack = slack.New(slack.Options{
		Poster: b.poster(), State: b.view, Recorder: b.loop, Channels: channels(b.rules.set.Channels()),
		Space: b.directory.Space, Link: b.config.HTTP.PublicURL, Buttons: b.config.Slack.Buttons(), Keep: b.rules.keepClosed, Settle: b.rules.settleAfter,
		Logger: b.log, Registerer: b.registry, Trace: b.o.Trace,
	})
	b.makeButtons()
	return nil
}

// poster is Slack where there is a token, and else the terminal.
func (b *Bot) poster() slack.Poster {
	if c := b.config.Slack; !c.BotToken.Empty() {
		return slack.NewAPI(c.BotToken.Reveal(), c.APIURL, notify.NewTransport())
	}
	return slack.NewConsole(b.o.Terminal, b.o.Coloured)
}

// messenger hands what the loop decides to Slack.
type messenger struct{ b *Bot }

func (s messenger) Update(alerts []alert.Alert)         { s.b.slack.Update(alerts) }
func (s messenger) BaselineDone(account string)         { s.b.slack.BaselineDone(account) }
func (s messenger) Channels(channelsOf []rules.Channel) { s.b.slack.SetChannels(channels(channelsOf)) }
func (s messenger) Notice(text string)                  { s.b.announce(text) }

func channels(set []rules.Channel) []slack.Channel {
	out := make([]slack.Channel, len(set))
	for i, c := range set {
		out[i] = slack.Channel{Name: c.Name, Slack: c.Slack, Mention: c.Mention}
	}
	return out
}

const (
	maxAnnouncements = 16 // that wait
	announceWithin   = 10 * time.Minute
)

// announce posts a text to every channel beside all alerts: what people must hear
// although nothing can be stored. It does not block.
func (b *Bot) announce(text string) {
	select {
	case b.announcements <- text:
	default:
		b.log.Warn("a notice was dropped: too many wait already", "text", text)
	}
}

// postAnnouncements posts until ctx ends.
func (b *Bot) postAnnouncements(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case text := <-b.announcements:
			if err := b.postAnnouncement(ctx, text); err != nil {
				b.log.Warn("a notice could not be posted", "err", err)
			}
		}
	}
}

func (b *Bot) postAnnouncement(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	return b.slack.Announce(ctx, text)
}
