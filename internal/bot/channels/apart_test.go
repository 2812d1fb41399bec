package channels

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/config"
	alertmanagersim "numwatch/internal/sim/alertmanager"
	robotsim "numwatch/internal/sim/robot"
	slacksim "numwatch/internal/sim/slack"
	webhooksim "numwatch/internal/sim/webhook"
	"numwatch/internal/view"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// How the host of a channel can be down.
const (
	works = iota
	hangs // it takes requests and does not answer
	fails // it answers 500
	refuses
)

// network is hosts by name, without a network, so that time can be simulated.
type network struct {
	mu    sync.Mutex
	down  map[string]int
	hosts map[string]chan net.Conn
}

func (n *network) how(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down[host]
}

func (n *network) set(host string, how int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down[host] = how
}

func (n *network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := strings.Cut(address, ":")
	if n.how(host) == refuses {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	select {
	case n.hosts[host] <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve answers for a host until the test ends.
func (n *network) serve(t *testing.T, host string, h http.Handler) {
	n.hosts[host] = make(chan net.Conn)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n.how(host) {
		case hangs:
			_, _ = io.Copy(io.Discard, r.Body) // only then it sees that nobody waits any more
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case refuses: // connections that are open break as well
			panic(http.ErrAbortHandler)
		case fails:
			http.Error(w, "broken", http.StatusInternalServerError)
		default:
			h.ServeHTTP(w, r)
		}
	})}
	l := &listener{conns: n.hosts[host], closed: make(chan struct{})}
	go func() { _ = s.Serve(l) }() // until it is closed
	t.Cleanup(func() { require.NoError(t, s.Close()) })
}

// listener accepts what is dialled to one host.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// town is a channel of every kind, each with a host of its own, and what is committed.
type town struct {
	t     *testing.T
	net   *network
	store *store.Store
	view  *view.View
	mu    sync.Mutex // of commits
	set   *Set
	slack *slack.Sink
	// heard is how far a number's alert is known at each kind: 1 that it opened, 2 that it ended.
	heard map[string]func(number string) int
}

// commit is quick: only the log, which sinks read again, goes to the disk.
func (w *town) commit(c *store.Commit) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(c.Events) > 0 {
		c.Events[0].Seq = w.store.LastSeq() + 1
		if err := w.store.Commit(c); err != nil {
			return err
		}
	}
	w.view.Committed(c)
	return nil
}

func (w *town) Record(_ context.Context, u alert.DeliveryUpdate) error {
	c := &store.Commit{Messages: u.Messages, DropMessages: u.Drop}
	if u.Sink != nil {
		c.Conditions = []phone.Condition{u.Sink.Condition()}
	}
	return w.commit(c)
}

func (w *town) Save(context.Context, string, []byte) error { return nil }

// newTown must be called in a bubble of synctest.
func newTown(t *testing.T) *town {
	w := &town{t: t, net: &network{down: map[string]int{}, hosts: map[string]chan net.Conn{}}, store: openStore(t), heard: map[string]func(string) int{}}
	transport := http.DefaultTransport // which every sink's own is a copy of
	t.Cleanup(func() { http.DefaultTransport = transport })
	http.DefaultTransport = &http.Transport{DialContext: w.net.DialContext}
	var err error
	w.view, err = view.New(w.store)
	require.NoError(t, err)
	o := Options{
		Store: w.store, Loop: w, Alerts: w.view.Alerts, State: w.view, Space: alerttest.Space, Settle: func() time.Duration { return time.Hour },
		Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	}
	add := func(kind rules.Kind, h http.Handler, c config.Channel) {
		c.Name, c.Type, c.AllowPrivate = string(kind), string(kind), true
		o.Channels = append(o.Channels, c)
		o.Rules = append(o.Rules, rules.Channel{Name: string(kind), Kind: kind, Target: string(kind)})
		w.net.serve(t, string(kind), h)
	}
	hook := webhooksim.New(webhooksim.Config{})
	add(rules.Webhook, hook, config.Channel{URL: config.NewSecret("http://webhook/in"), Events: []string{"alert"}})
	w.heard["webhook"] = func(number string) int {
		return count(hook.Taken(), func(e webhooksim.Event) bool { return strings.Contains(string(e.Body), number) })
	}
	manager := alertmanagersim.New(alertmanagersim.Config{})
	add(rules.Alertmanager, manager, config.Channel{URLs: []string{"http://alertmanager"}})
	w.heard["alertmanager"] = func(number string) int {
		is := func(a alertmanagersim.Alert) bool { return a.Labels["number"] == number }
		return count(slices.Collect(maps.Values(manager.Firing())), is) + 2*count(manager.Ends(), is)
	}
	for _, kind := range []rules.Kind{rules.DingTalk, rules.Feishu, rules.WeCom} {
		group := robotsim.New(robotsim.Config{Kind: string(kind), Token: "t"})
		add(kind, group, config.Channel{URL: config.NewSecret("http://" + string(kind) + group.Path())})
		w.heard[string(kind)] = func(number string) int {
			return count(group.Taken(), func(m robotsim.Message) bool { return strings.Contains(m.Title+m.Text, number) })
		}
	}
	workspace := slacksim.New(slacksim.Config{Token: "xoxb-t", Channels: []slacksim.Channel{{ID: "C0000000001", Name: "ops"}}})
	w.net.serve(t, "slack", workspace)
	w.heard["slack"] = func(number string) (n int) {
		for _, m := range workspace.Messages("C0000000001") {
			if strings.Contains(m.Text, number) {
				n += 1 + len(m.Replies)
			}
		}
		return n
	}
	w.set, err = New(o)
	require.NoError(t, err)
	w.slack = slack.New(slack.Options{
		Poster: slack.NewAPI("xoxb-t", "http://slack/api/", http.DefaultTransport), State: w.view, Recorder: w, Log: w.store, Space: alerttest.Space,
		Channels: []slack.Channel{{Name: "slack", Slack: "C0000000001"}},
	})
	return w
}

func count[T any](all []T, is func(T) bool) (n int) {
	for _, v := range all {
		if is(v) {
			n++
		}
	}
	return n
}

// run has everything at work until the bubble ends.
func (w *town) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(w.t, w.slack.Run(ctx)) })
	for _, sink := range w.set.Sinks() {
		running.Go(func() { require.NoError(w.t, sink.Run(ctx)) })
	}
	w.t.Cleanup(func() { cancel(); running.Wait(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
}

func (w *town) tell(a *alert.Alert) {
	require.NoError(w.t, w.commit(&store.Commit{
		Events: []alert.Event{{Time: time.Now(), Kind: alert.KindAlert, Change: a.Change, Alert: a}}, Alerts: []alert.Alert{*a},
	}))
	w.slack.Update([]alert.Alert{*a})
	w.set.Update([]alert.Alert{*a})
	w.set.Wake()
}

// opens has an alert begin that is for all channels.
func (w *town) opens(i int) alert.Alert {
	a := alerttest.Firing(i)
	a.Since, a.Changed, a.Change.SeenAt = time.Now(), time.Now(), time.Now()
	a.Change.RequestId = fmt.Sprintf("R-%d", i)
	a.ID = alert.ID(a.Key(), a.Since)
	a.Incident = a.NewIncident()
	a.Channels = slices.Sorted(maps.Keys(w.heard))
	a.Followers = []string{"webhook", "alertmanager"}
	w.tell(&a)
	return a
}

// within is the time in which a channel at its own pace hears of something: a robot may
// post every three seconds, and Slack is told of an end at most every few.
const within = 20 * time.Second

// Whatever is wrong with the host of one kind, for a whole day, all others hear of
// everything as soon as if nothing was; and in the end that one knows what holds, too.
func TestAChannelThatIsDownForADayHoldsUpNoOther(t *testing.T) {
	for _, down := range []string{"slack", "webhook", "alertmanager", "dingtalk", "feishu", "wecom"} {
		t.Run(down, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { aDayWithout(newTown(t), down) })
		})
	}
}

func aDayWithout(w *town, down string) {
	w.net.set(down, hangs)
	w.run()
	var all []alert.Alert
	hours := 24
	if testing.Short() {
		hours = 6
	}
	for hour := range hours {
		w.net.set(down, []int{hangs, fails, refuses}[3*hour/hours])
		a := w.opens(hour)
		time.Sleep(within)
		w.requireHeard(1, &a, down)
		time.Sleep(30*time.Minute - within)
		a = alerttest.Resolved(a, time.Now())
		w.tell(&a)
		all = append(all, a)
		time.Sleep(within)
		w.requireHeard(2, &a, down)
		require.Zero(w.t, w.heard[down](a.Subject.PhoneNumber), "%s is down", down)
		time.Sleep(30*time.Minute - within)
	}
	w.net.set(down, works)
	w.slack.Retry()
	w.set.Retry()
	time.Sleep(5 * time.Minute)
	for _, s := range w.set.Sinks() {
		require.Zero(w.t, s.Status().Lag, s.Component())
		require.False(w.t, s.Status().Parked, s.Component())
	}
	a := w.opens(1000)
	time.Sleep(within)
	w.requireHeard(1, &a, "")
	for i := range all {
		require.False(w.t, w.set.Needs(&all[i]))
	}
}

// requireHeard checks how far an alert is known at all kinds but one.
func (w *town) requireHeard(want int, a *alert.Alert, but string) {
	w.t.Helper()
	for kind, heard := range w.heard {
		if kind != but {
			require.Equal(w.t, want, heard(a.Subject.PhoneNumber), "%s, of alert %s", kind, a.ID)
		}
	}
}
