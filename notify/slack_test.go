package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/slacksim"
	"numwatch/phone"
)

const simToken = "xoxb-sim"

// direct calls a handler without a network, so that time can be simulated.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// desk is a simulated workspace, what was kept, and what posts there.
type desk struct {
	t      *testing.T
	sim    *slacksim.Server
	memory *memory
	alerts map[string]alert.Alert
	sink   *Slack
	points map[string]int
	mu     sync.Mutex
	stop   func()
}

var opsChannel = []Channel{{Name: "ops", Slack: "C0000000001", Mention: []string{"<!subteam^S012>"}}}

// onDesk runs a test in simulated time.
func onDesk(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, memory: newMemory(), alerts: map[string]alert.Alert{}, points: map[string]int{}}
		d.sim = slacksim.New(slacksim.Config{Token: simToken, Channels: []slacksim.Channel{
			{ID: "C0000000001", Name: "wa-ops"}, {ID: "C0000000002", Name: "wa-gold"},
		}})
		defer d.halt()
		test(t, d)
	})
}

func (d *desk) start(channels []Channel) {
	o := SlackOptions{
		Poster: newSlackAPI(simToken, "http://slack.test/api/", direct{d.sim}), Keeper: d.memory, Channels: channels,
		Messages: d.memory.keptMessages(), Space: spaceOf, Link: "https://numwatch.example.com/alerts", Trace: d.count,
	}
	for _, a := range d.alerts {
		o.Alerts = append(o.Alerts, a)
	}
	d.sink = NewSlack(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.sink.Run(ctx) }()
	d.stop = func() {
		cancel()
		require.NoError(d.t, <-done)
	}
}

func (d *desk) halt() {
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

func (d *desk) count(point string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points[point]++
}

func (d *desk) update(alerts ...alert.Alert) {
	for _, a := range alerts {
		d.alerts[a.ID] = a
	}
	if d.sink != nil {
		d.sink.Update(alerts)
	}
}

func (d *desk) messages() []slacksim.Message { return d.sim.Messages("C0000000001") }

// after lets simulated time pass.
func (d *desk) after(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}

// requireShown checks guarantee G2: each alert is listed once, by a posted
// message that shows it as it is.
func (d *desk) requireShown(channel string) {
	d.t.Helper()
	shown := map[string]int{}
	for _, m := range d.memory.keptMessages() {
		if m.Channel != channel {
			continue
		}
		require.Equal(d.t, alert.Posted, m.State)
		require.NotEmpty(d.t, m.TS)
		require.Nil(d.t, m.Reply)
		for _, s := range m.Alerts {
			shown[s.Alert]++
			a := d.alerts[s.Alert]
			require.Equal(d.t, a.Revision, s.Revision, "the message shows an old revision")
			require.GreaterOrEqual(d.t, s.Told, a.Notified)
		}
	}
	require.Len(d.t, shown, len(d.alerts))
	for id, n := range shown {
		require.Equal(d.t, 1, n, "alert %s is shown by %d messages", id, n)
	}
	kept := map[string]bool{}
	for _, m := range d.memory.keptMessages() {
		kept[m.TS] = true
	}
	for _, m := range d.messages() {
		require.True(d.t, kept[m.Ts], "a message in Slack that nothing knows of: %s", m.Text)
	}
}

// inSpace moves an alert to a space of its own, and so to a message of its own.
func inSpace(a alert.Alert, space int) alert.Alert {
	a.Subject.Space = fmt.Sprint(space)
	a.Change.Subject = a.Subject
	a.ID = fmt.Sprintf("%s-%d", a.ID, space)
	return a
}

func TestSlackShowsAnAlertToItsEnd(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		a := firing(1)
		d.update(a)
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		m := d.messages()[0]
		require.Contains(t, m.Text, "Critical: Quality of 8613800000001 (Shop 1) fell from YELLOW to RED")
		require.Contains(t, texts(t, m.Blocks), "<!subteam^S012>")
		require.Equal(t, []string{"none", "false", "false", "false"}, []string{
			m.Args.Get("parse"), m.Args.Get("link_names"), m.Args.Get("unfurl_links"), m.Args.Get("unfurl_media"),
		})
		a.Change.Old, a.Change.New = "RED", "BLACK"
		a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
		d.update(a)
		d.after(10 * time.Second)
		m = d.messages()[0]
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "Worse: 8613800000001 (Shop 1): QualityRating RED → BLACK")
		require.Contains(t, texts(t, m.Replies[0].Blocks), "<!subteam^S012>")
		require.Len(t, m.Edits, 1)

		d.update(resolved(a, noon.Add(time.Hour)))
		d.after(10 * time.Second)
		m = d.messages()[0]
		require.Len(t, m.Replies, 2)
		require.Contains(t, m.Replies[1].Text, "Resolved: 8613800000001 (Shop 1): recovered: now GREEN (after 1 h 0 min)")
		require.NotContains(t, texts(t, m.Replies[1].Blocks), "subteam")
		require.Contains(t, m.Text, "Resolved: 8613800000001 (Shop 1): recovered: now GREEN")
		require.NotContains(t, string(m.Blocks), "subteam")
		d.requireShown("ops")
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		require.Equal(t, d.points["post:before"], d.points["post:after"])
		require.Equal(t, 2, d.points["update:after"])
	})
}

func TestSlackForgetsWhatIsOver(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		a := firing(1)
		d.update(a)
		d.after(time.Second)
		d.update(resolved(a, time.Now()))
		d.after(time.Hour)
		require.Empty(t, d.memory.forgot())
		d.after(2 * time.Hour)
		require.Equal(t, []string{a.ID}, d.memory.forgot())
		require.Empty(t, d.memory.keptMessages())
	})
}

func TestSlackStormIsFewMessages(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		for i := range 200 {
			d.update(inSpace(firing(i), i))
		}
		d.after(10 * time.Second)
		require.Len(t, d.messages(), 2)
		require.Contains(t, d.messages()[1].Text, "199 × quality-red")
		d.requireShown("ops")
		require.LessOrEqual(t, d.sim.MaxPostsPerSecond("C0000000001"), 1)
	})
}

func TestSlackAlertsOfOnePollAreOneMessage(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		var all []alert.Alert
		for i := range 12 {
			all = append(all, firing(i))
		}
		d.update(all...)
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "12 × quality-red in Acme (main)")
		d.update(resolved(all[0], noon.Add(time.Hour)), resolved(all[1], noon.Add(time.Hour)), resolved(all[2], noon.Add(time.Hour)))
		d.after(10 * time.Second)
		m := d.messages()[0]
		require.Contains(t, string(m.Blocks), "12 alerts: 9 critical, 3 resolved")
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "3 of 12 resolved")
		d.requireShown("ops")
	})
}

func TestSlackStorm429(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, Probability: 0.7, RetryAfter: 7 * time.Second})
		d.start(opsChannel)
		for i := range 200 {
			d.update(inSpace(firing(i), i))
			d.after(time.Second)
		}
		d.after(10 * time.Minute)
		d.requireShown("ops")
	})
}

// Every kind of trouble at once, with alerts that come, get worse and go.
func TestSlackEndsInTheSamePictureWhateverHappens(t *testing.T) {
	faults := []slacksim.Fault{
		{Kind: slacksim.Drop, Applied: true, Probability: 0.2},
		{Kind: slacksim.Drop, Probability: 0.2},
		{Kind: slacksim.ServerError, Applied: true, Probability: 0.2},
		{Kind: slacksim.HTMLPage, Applied: true, Probability: 0.2},
		{Kind: slacksim.RateLimited, Probability: 0.2, RetryAfter: 3 * time.Second},
		{Kind: slacksim.Refuse, Code: "internal_error", Applied: true, Probability: 0.2},
		{Latency: 20 * time.Second, Applied: true, Probability: 0.05},
	}
	onDesk(t, func(t *testing.T, d *desk) {
		for _, f := range faults {
			d.sim.Inject(f)
		}
		d.start(opsChannel)
		for i := range 60 {
			a := inSpace(firing(i), i)
			d.update(a)
			d.after(5 * time.Second)
			if i%3 == 0 {
				d.update(resolved(a, time.Now()))
			}
			if i%10 == 0 { // a restart in the middle of it all
				d.halt()
				d.start(opsChannel)
			}
		}
		d.after(20 * time.Minute)
		d.sim.ClearFaults()
		d.after(20 * time.Minute)
		d.requireShown("ops")
		replies := 0
		for _, m := range d.messages() {
			for _, r := range m.Replies {
				replies++
				require.Contains(t, r.Text, "esolved")
			}
		}
		require.LessOrEqual(t, replies, 20)
		ids := map[string]bool{}
		for _, m := range d.messages() {
			for _, r := range append(m.Replies, m) {
				require.False(t, ids[string(r.Metadata.EventPayload)], "posted twice")
				ids[string(r.Metadata.EventPayload)] = true
			}
		}
	})
}

func TestSlackFindsAMessageThatWasBeingSent(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			onDesk(t, func(t *testing.T, d *desk) {
				a := firing(1)
				d.update(a)
				m := alert.Message{
					ID: "m-1", Channel: "ops", Target: "C0000000001", State: alert.Sending, At: time.Now(),
					Alerts: []alert.Shown{{Alert: a.ID, Revision: 1, Told: 1}},
				}
				d.memory.messages[m.ID] = m
				if applied {
					api := newSlackAPI(simToken, "http://slack.test/api/", direct{d.sim})
					card := testCards().message([]alert.Alert{a}, time.Now(), true)
					_, err := api.Post(t.Context(), Outgoing{ID: m.ID, Target: m.Target, Card: card})
					require.NoError(t, err)
				}
				d.start(opsChannel)
				d.after(5 * time.Second)
				require.Len(t, d.messages(), 1)
				d.requireShown("ops")
			})
		})
	}
}

func TestSlackPrefersADuplicateToALoss(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.sim.SetScopes("chat:write")
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop, Applied: true, Count: 1, Method: slacksim.PostMessage})
		d.start(opsChannel)
		d.update(firing(1))
		d.after(time.Minute)
		require.Len(t, d.messages(), 2)
	})
}

func TestSlackParksOnlyTheChannelThatFails(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops", NotMember: true})
		d.start(append(slices.Clone(opsChannel), Channel{Name: "gold", Slack: "#wa-gold"}))
		a := firing(1)
		a.Channels = []string{"gold", "ops"}
		d.update(a)
		d.after(10 * time.Second)
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops"))
		require.Contains(t, d.memory.reason("slack:ops"), "invite the bot")
		require.Len(t, d.sim.Messages("C0000000002"), 1)
		require.Equal(t, phone.OK, d.memory.condition("slack:gold"))
		require.Equal(t, 1, d.sink.Status().Channels[0].Waiting)
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops"})
		d.sink.Retry()
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
	})
}

func TestSlackParksAllWithoutAToken(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.sim.SetToken("xoxb-other")
		d.start(opsChannel)
		d.update(firing(1))
		d.after(time.Minute)
		require.Equal(t, phone.Parked, d.memory.condition("slack"))
		require.Contains(t, d.memory.reason("slack"), "slack.bot_token")
		require.NotContains(t, d.memory.reason("slack"), simToken)
		require.NotEmpty(t, d.sink.Status().Parked)
		require.Equal(t, 1, d.sim.Stats(slacksim.PostMessage).Calls)
		d.sim.SetToken(simToken)
		d.after(5 * time.Minute)
		require.Equal(t, phone.OK, d.memory.condition("slack"))
		d.requireShown("ops")
	})
}

func TestSlackTakesPlainTextOrNothing(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_blocks", Count: 1})
		d.start(opsChannel)
		d.update(firing(1))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Nil(t, d.messages()[0].Blocks)
		require.Contains(t, d.messages()[0].Text, "<!subteam^S012>")
		d.requireShown("ops")

		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Count: 2})
		d.update(firing(2))
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		dead := d.sink.Status().Dead
		require.Len(t, dead, 1)
		require.Contains(t, dead[0].Reason, "msg_too_long")
		require.NoError(t, d.sink.RetryDead(t.Context(), dead[0].ID))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 2)
		require.Error(t, d.sink.RetryDead(t.Context(), dead[0].ID))
	})
}

func TestSlackPostsAnewWhatWasDeleted(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		a, b := firing(1), firing(2)
		d.update(a, b)
		d.after(time.Second)
		require.NoError(t, d.sim.Delete("C0000000001", d.messages()[0].Ts))
		d.update(resolved(a, noon.Add(time.Hour)))
		b.Revision, b.Transition, b.Change.New = 2, alert.GotBetter, "YELLOW"
		d.update(b)
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "8613800000002")
		require.NotContains(t, d.messages()[0].Text, "8613800000001")
	})
}

func TestSlackRepliesWhereItMayNotEdit(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		a := firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "edit_window_closed", Method: slacksim.Update})
		a.Revision, a.Transition, a.Change.Old, a.Change.New = 2, alert.GotBetter, "RED", "YELLOW"
		d.update(a)
		d.after(time.Minute)
		m := d.messages()[0]
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "Better: 8613800000001 (Shop 1): QualityRating RED → YELLOW")
		d.requireShown("ops")
	})
}

func TestSlackTellsOnceWhatEndedMeanwhile(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		end := d.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError, Status: 503})
		d.start(opsChannel)
		a, b := inSpace(firing(1), 1), inSpace(firing(2), 2)
		d.update(a, b)
		d.after(30 * time.Minute)
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops"), "a channel that is stuck for long says so")
		d.update(resolved(a, time.Now()))
		end()
		d.after(10 * time.Minute)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		d.requireShown("ops")
		var all []string
		for _, m := range d.messages() {
			all = append(all, m.Text)
			require.Empty(t, m.Replies)
		}
		require.Contains(t, strings.Join(all, "\n"), "Resolved: 8613800000001 (Shop 1)")
	})
}

func TestSlackEditsWithinTheBudget(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		var all []alert.Alert
		for i := range 100 {
			a := inSpace(firing(i), i)
			all = append(all, a)
			d.update(a)
			d.after(1100 * time.Millisecond)
		}
		for i := range all {
			all[i].Revision, all[i].Transition = 2, alert.GotBetter
		}
		d.update(all...)
		d.after(3 * time.Minute)
		d.requireShown("ops")
		require.Zero(t, d.sim.Stats(slacksim.Update).Limited)
	})
}

func TestSlackChannelsComeAndGo(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(nil)
		d.update(firing(1))
		d.after(time.Second)
		require.Empty(t, d.messages())
		d.sink.SetChannels(opsChannel)
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		d.sink.SetChannels(nil)
		d.update(firing(2))
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
	})
}

func TestSlackSurvivesAKeeperThatFails(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		broken := true
		d.memory.fail = func(alert.Receipt) error {
			if broken {
				return errors.New("disk full")
			}
			return nil
		}
		d.start(opsChannel)
		d.update(firing(1))
		d.after(time.Minute)
		require.Empty(t, d.messages(), "nothing is posted that could not be found again")
		d.memory.mu.Lock()
		broken = false
		d.memory.mu.Unlock()
		d.after(2 * time.Minute)
		d.requireShown("ops")
	})
}

func TestSlackAnnounces(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		require.NoError(t, d.sink.Announce(t.Context(), Mark{"Critical", Red}, "The store cannot be written: disk full"))
		require.Contains(t, d.messages()[0].Text, "disk full")
		require.Empty(t, d.memory.keptMessages())
	})
}

// Over a real connection, every way to fail has its class.
func TestSlackErrorsOverARealConnection(t *testing.T) {
	sim := slacksim.New(slacksim.Config{Token: simToken, Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}},
		Limits: slacksim.Limits{Posts: slacksim.Rate{Max: -1}}})
	server := httptest.NewServer(sim)
	defer server.Close()
	api := NewSlackAPI(simToken, server.URL+"/api")
	cases := []struct {
		fault slacksim.Fault
		want  Refusal
	}{
		{slacksim.Fault{Kind: slacksim.Drop, Applied: true}, Ambiguous},
		{slacksim.Fault{Kind: slacksim.ServerError}, Ambiguous},
		{slacksim.Fault{Kind: slacksim.HTMLPage, Applied: true}, Ambiguous},
		{slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 30 * time.Second}, NotApplied},
		{slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: -1}, NotApplied},
		{slacksim.Fault{Kind: slacksim.ServerError, Status: 403}, NotApplied},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "ratelimited"}, NotApplied},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "fatal_error"}, Ambiguous},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_arguments"}, BadMessage},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_metadata_schema"}, BadMessage},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "restricted_action_read_only_channel"}, BadChannel},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "ekm_access_denied"}, BadChannel},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "token_revoked"}, BadToken},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "message_not_found"}, Gone},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "cant_update_message"}, Uneditable},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "some_new_error"}, Unknown},
	}
	card := &Card{Mark: Mark{"Info", Blue}, Title: "hello"}
	for _, c := range cases {
		c.fault.Count = 1
		sim.Inject(c.fault)
		_, err := api.Post(t.Context(), Outgoing{ID: "m-1", Target: "C0000000001", Card: card})
		require.Error(t, err)
		require.Equal(t, c.want, refusal(err), "%+v", c.fault)
		require.NotContains(t, err.Error(), simToken)
	}
	_, err := api.Post(t.Context(), Outgoing{Target: "C0000000001", Card: card})
	require.NoError(t, err)
	who, err := api.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, "numwatch@numwatch sim", who)
	server.Close()
	_, err = api.Post(t.Context(), Outgoing{Target: "C0000000001", Card: card})
	require.Equal(t, NotApplied, refusal(err), "%v", err)
	var asURL *url.Error
	require.ErrorAs(t, err, &asURL)
	require.NotContains(t, err.Error(), simToken)
}

func TestSlackResolvesNames(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		api := newSlackAPI(simToken, "http://slack.test/api/", direct{d.sim})
		id, err := api.Resolve(t.Context(), "#wa-gold")
		require.NoError(t, err)
		require.Equal(t, "C0000000002", id)
		id, err = api.Resolve(t.Context(), "C0999999999")
		require.NoError(t, err)
		require.Equal(t, "C0999999999", id)
		_, err = api.Resolve(t.Context(), "#nowhere")
		require.Equal(t, BadChannel, refusal(err))
		d.sim.SetScopes("chat:write")
		_, err = api.Resolve(t.Context(), "#elsewhere")
		require.Equal(t, BadChannel, refusal(err), "a missing scope to list concerns named channels alone")
	})
}

func texts(t *testing.T, blocks json.RawMessage) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(blocks, &v))
	return fmt.Sprint(v)
}
