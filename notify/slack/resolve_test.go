package slack

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
)

// meddler is a Poster that lets something happen during its calls.
type meddler struct {
	Poster
	resolving func()
	posting   func() error // an error is that of the call
}

func (m *meddler) Resolve(ctx context.Context, channel string) (string, error) {
	if m.resolving != nil {
		m.resolving()
	}
	return m.Poster.Resolve(ctx, channel)
}

func (m *meddler) Post(ctx context.Context, out Outgoing) (string, error) {
	if m.posting != nil {
		if err := m.posting(); err != nil {
			return "", err
		}
	}
	return m.Poster.Post(ctx, out)
}

// A channel that is given another place while it is looked up, or while a post
// to the old place fails, goes to the new one.
func TestSlackChannelChangedDuringACall(t *testing.T) {
	moved := []Channel{{Name: "ops", Slack: "#wa-gold"}}
	for name, meddle := range map[string]func(d *rig, m *meddler, once func(func())){
		"lookup": func(d *rig, m *meddler, once func(func())) {
			m.resolving = func() { once(func() { d.sink.SetChannels(moved) }) }
		},
		"lookup that fails": func(d *rig, m *meddler, once func(func())) {
			d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "channel_not_found", Method: slacksim.List, Count: 1})
			m.resolving = func() { once(func() { d.sink.SetChannels(moved) }) }
		},
		"post that fails": func(d *rig, m *meddler, once func(func())) {
			m.posting = func() (err error) {
				once(func() {
					d.sink.SetChannels(moved)
					err = &PostError{Class: BadChannel, Err: errors.New("is_archived")}
				})
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				m, done := &meddler{}, false
				meddle(d, m, func(act func()) {
					if !done {
						done = true
						act()
					}
				})
				d.between = func(o *Options) { m.Poster, o.Poster = o.Poster, m }
				d.start([]Channel{{Name: "ops", Slack: "#wa-ops"}})
				d.update(inSpace(alerttest.Firing(1), 1))
				d.after(5 * time.Second)
				require.True(t, done)
				require.Len(t, d.sim.Messages("C0000000002"), 1)
				d.update(inSpace(alerttest.Firing(2), 2))
				d.after(5 * time.Second)
				require.Len(t, d.sim.Messages("C0000000002"), 2)
				require.Empty(t, d.sim.Messages("C0000000001"))
			})
		})
	}
}

// onALargeWorkspace runs a test against five pages of channels, of which Slack
// gives two a minute.
func onALargeWorkspace(t *testing.T, test func(t *testing.T, sim *slacksim.Server, api *API)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := slacksim.Config{Token: simToken, Limits: slacksim.Limits{List: slacksim.Rate{Max: 2, Per: time.Minute}}}
		for i := range 5 * listPage {
			c.Channels = append(c.Channels, slacksim.Channel{ID: fmt.Sprintf("C%010d", i), Name: fmt.Sprintf("ch-%d", i)})
		}
		sim := slacksim.New(c)
		test(t, sim, NewAPI(simToken, "http://slack.test/api/", simtest.Direct(sim)))
	})
}

// patiently asks until Slack has given enough pages, each time as late as it
// asks for, and returns how often that was.
func patiently(t *testing.T, api *API, channel string) (id string, tries int) {
	t.Helper()
	for tries = 1; ; tries++ {
		require.Less(t, tries, 10)
		id, err := api.Resolve(t.Context(), channel)
		if err == nil {
			return id, tries
		}
		require.Equal(t, Transient, classOf(err), "%v", err)
		require.Positive(t, asPostError(err).RetryAfter)
		time.Sleep(asPostError(err).RetryAfter)
	}
}

func TestSlackListsALargeWorkspaceBitByBit(t *testing.T) {
	onALargeWorkspace(t, func(t *testing.T, sim *slacksim.Server, api *API) {
		id, tries := patiently(t, api, "#ch-4990")
		require.Equal(t, "C0000004990", id)
		require.Equal(t, 3, tries)
		require.Equal(t, 5, sim.Stats(slacksim.List).Good, "no page is asked for twice")
		id, err := api.Resolve(t.Context(), "#ch-7")
		require.NoError(t, err)
		require.Equal(t, "C0000000007", id)
		require.Equal(t, 5, sim.Stats(slacksim.List).Good)
	})
}

func TestSlackListsAnewWhereTheListCannotGoOn(t *testing.T) {
	for name, spoil := range map[string]func(*slacksim.Server, *API){
		"the cursor is refused": func(sim *slacksim.Server, api *API) {
			time.Sleep(time.Minute)
			sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_cursor", Count: 1, Method: slacksim.List})
			_, err := api.Resolve(context.Background(), "#ch-4990")
			require.Equal(t, Unrecognized, classOf(err))
		},
		"it was left for long": func(*slacksim.Server, *API) { time.Sleep(2 * listGap) },
	} {
		t.Run(name, func(t *testing.T) {
			onALargeWorkspace(t, func(t *testing.T, sim *slacksim.Server, api *API) {
				_, err := api.Resolve(t.Context(), "#ch-4990")
				require.Equal(t, Transient, classOf(err))
				spoil(sim, api)
				id, _ := patiently(t, api, "#ch-4990")
				require.Equal(t, "C0000004990", id)
				require.Equal(t, 2+5, sim.Stats(slacksim.List).Good)
			})
		})
	}
}

// Whoever edits the rules hears at once that a new channel is not there, before anything is
// to be posted to it, and once more when it is.
func TestSlackLooksForNewChannelsAtOnce(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		parked := func() (parts []string) {
			for _, c := range d.memory.Conditions() {
				parts = append(parts, c.Subject.Component)
			}
			return parts
		}
		d.start(opsChannel)
		d.after(time.Second)
		with := func(slack string) []Channel {
			return append([]Channel{{Name: "vip", Slack: slack}}, opsChannel...)
		}
		d.sink.SetChannels(with("#wa-vip"))
		d.after(time.Second)
		require.Equal(t, []string{"slack:vip"}, parked())
		d.sink.SetChannels(with("#wa-gold"))
		d.after(time.Second)
		require.Empty(t, parked(), "another name, which is there")
		d.sink.SetChannels(with("#wa-vip"))
		d.after(time.Second)
		require.Len(t, parked(), 1)
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000009", Name: "wa-vip"})
		d.after(parkFor + time.Second)
		require.Empty(t, parked(), "somebody has made it")
		d.sink.SetChannels(with("#wa-none"))
		d.after(time.Second)
		require.Len(t, parked(), 1)
		d.sink.SetChannels(opsChannel)
		d.after(2 * parkFor)
		require.Empty(t, parked(), "nobody looks for what is no longer named")
	})
}
