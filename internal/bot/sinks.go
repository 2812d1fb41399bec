package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot/channels"
	"numwatch/internal/config"
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
		Stream:         StreamOptions(b.config),
		PublishChanges: c.PublishChanges, OtherEpoch: b.otherEpoch, Hint: b.hints.Message, Ready: b.ready, May: b.right.Err,
		Logger: b.log, Registerer: b.registry, Trace: b.o.Trace,
	})
	return nil
}

// NATSLogin is how the configuration says to log in to NATS.
func NATSLogin(c *config.NATS) jetstream.Login {
	return jetstream.Login{
		URL: c.URL.Reveal(), CredsFile: c.CredsFile, NKeyFile: c.NkeyFile, Token: c.Token.Reveal(),
		CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
	}
}

// StreamOptions is the stream that the configuration wants. Replicas survive the loss of a NATS server only if others
// have the events too.
func StreamOptions(c *config.Config) jetstream.StreamOptions {
	o := jetstream.StreamOptions{
		Name: c.NATS.Stream, Create: c.NATS.CreateStream, MaxAge: c.NATS.MaxAge, MaxBytes: int64(c.NATS.MaxBytes),
	}
	if c.Replicas.Enabled() {
		o.Replicas = c.Replicas.StreamReplicas
	}
	return o
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

// otherEpoch is called when the stream ends with an event of another store. After a
// restore that is expected; for a new store it may mean that the old one is lost.
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
		Poster: b.poster(), State: b.view, Recorder: b.loop, Log: b.store, Channels: inSlack(b.rules.set.Channels()),
		Space: b.directory.Space, Link: b.config.HTTP.PublicURL, Buttons: b.config.Slack.Buttons(), Keep: b.rules.keepClosed, Settle: b.rules.settleAfter,
		Needed: func(a *alert.Alert) bool { return b.channels.Needs(a) },
		Redraw: b.redrawSince(time.Now()), Logger: b.log, Registerer: b.registry, Trace: b.o.Trace,
	})
	b.makeButtons()
	return nil
}

func (b *Bot) makeChannels() (err error) {
	b.channels, err = channels.New(channels.Options{
		Channels: b.config.Channels, Rules: b.rules.set.Channels(), Store: b.store, Loop: b.loop, Alerts: b.view.Alerts,
		Space: b.directory.Space, Link: b.config.HTTP.PublicURL, May: b.right.Err,
		State: b.view, Settle: b.rules.settleAfter,
		Registerer: b.registry, Logger: b.log, Trace: b.o.Trace,
	})
	return err
}

// deliveries is what people may retry.
type deliveries struct{ b *Bot }

func (d deliveries) RetryDead(ctx context.Context, id string) error {
	if mine, err := d.b.channels.RetryDead(ctx, id); mine {
		return err
	}
	return d.b.slack.RetryDead(ctx, id)
}

func (d deliveries) Retry() {
	d.b.slack.Retry()
	d.b.channels.Retry()
}

// poster is Slack if there is a token, otherwise the terminal.
func (b *Bot) poster() slack.Poster {
	if c := b.config.Slack; !c.BotToken.Empty() {
		return slack.NewAPI(c.BotToken.Reveal(), c.APIURL, b.transport())
	}
	return slack.NewConsole(b.o.Terminal, b.o.Coloured)
}

// transport calls Slack only while this replica may act.
func (b *Bot) transport() http.RoundTripper { return notify.Gated(notify.NewTransport(), b.right.Err) }

// messenger passes the loop's decisions to the chats.
type messenger struct{ b *Bot }

func (s messenger) Update(alerts []alert.Alert) {
	s.b.slack.Update(alerts)
	s.b.channels.Update(alerts)
}

func (s messenger) BaselineDone(account string) {
	s.b.slack.BaselineDone(account)
	s.b.channels.BaselineDone(account)
}

func (s messenger) Notice(text string) { s.b.announce(text) }

func (s messenger) Channels(all []rules.Channel) {
	s.b.slack.SetChannels(inSlack(all))
	s.b.channels.Name(all)
}

// inSlack are those that are in Slack.
func inSlack(set []rules.Channel) (out []slack.Channel) {
	for _, c := range set {
		if c.Kind == rules.Slack {
			out = append(out, slack.Channel{Name: c.Name, Slack: c.Target, Mention: c.Mention, Digest: c.Digest, Language: c.Language})
		}
	}
	return out
}

const (
	maxAnnouncements = 16 // that wait
	announceWithin   = 10 * time.Minute
)

// announce posts a text to every channel, outside all alerts: what people must
// know although nothing can be stored. It does not block.
func (b *Bot) announce(text string) {
	select {
	case b.announcements <- text:
	default:
		b.log.Warn("a notice was dropped: too many are waiting", "text", text)
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
	robots := make(chan error, 1)
	go func() { robots <- b.channels.Announce(ctx, text) }()
	return errors.Join(b.slack.Announce(ctx, text), <-robots)
}
