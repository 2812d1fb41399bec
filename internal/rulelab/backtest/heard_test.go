package backtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
)

const (
	timelinesVariable = "NUMWATCH_SOAK_TIMELINES"
	timelinesSeed     = "NUMWATCH_TEST_SEED"
)

// heardFiles are rules files whose defaults and channels differ in when and how much they
// want.
func heardFiles(t *testing.T) (sets []*rules.Set) {
	for _, defaults := range []string{"", ", mute: [pauses]", ", severity: high"} {
		for _, ops := range []string{"", ", mute: [pauses]", ", severity: high", ", mute: [lunch, pauses], severity: warning"} {
			for _, oncall := range []string{"", ", mute: [lunch]"} {
				sets = append(sets, parse(t, fmt.Sprintf(heardHeader, defaults, ops, oncall)+heardRules))
			}
		}
	}
	return sets
}

const heardHeader = `
version: 1
defaults: {notify: [ops]%s}
channels:
  ops: {slack: "#wa-ops"%s}
  oncall: {slack: "#wa-oncall", where: 'Severity == "critical"'%s}
mute_times:
  pauses: {times: ["08:20-08:50", "09:30-10:00", "10:40-11:30", "13:00-13:05", "14:10-15:00", "16:00-17:00"]}
  lunch: {times: ["12:00-13:00"]}
rules:
`

// heardRules open, wait, remind, hold back and give notices, for two channels.
const heardRules = `
  - {name: red, on: QualityRating, to: [RED], severity: critical, notify: [oncall], summary: "{PhoneNumber} is {New}"}
  - {name: yellow, on: QualityRating, to: [YELLOW], severity: warning, summary: "{PhoneNumber} is {New}"}
  - {name: blocked, on: Status, to: [RESTRICTED, BANNED], severity: critical, notify: [oncall], summary: "{PhoneNumber} is {New}"}
  - {name: flagged, on: Status, to: [FLAGGED, PAUSED], severity: high, for: 3m, summary: "{PhoneNumber} is {New}"}
  - {name: refused, on: NameStatus, to: [REJECTED], severity: high, inhibited_by: [blocked], remind_every: 6h, summary: "{PhoneNumber}: {New}"}
  - {name: lowered, on: MessagingLimitTier, direction: worse, severity: warning, summary: "{PhoneNumber} is {New}"}
  - {name: raised, on: MessagingLimitTier, direction: better, once: true, severity: info, summary: "{PhoneNumber} is {New}"}
  - {name: renamed, on: VerifiedName, once: true, severity: high, summary: "{PhoneNumber} is {New}"}
  - {name: gone, on: Number, to: [MISSING], severity: high, summary: "{PhoneNumber} is gone"}
`

var heardValues = map[phone.Field][]string{
	phone.QualityRating:      {"GREEN", "GREEN", "YELLOW", "RED", "UNKNOWN"},
	phone.Status:             {"CONNECTED", "CONNECTED", "FLAGGED", "PAUSED", "RESTRICTED", "BANNED"},
	phone.NameStatus:         {"APPROVED", "REJECTED"},
	phone.MessagingLimitTier: {"TIER_1K", "TIER_10K", "TIER_100K"},
	phone.VerifiedName:       {"Acme", "Acme Two"},
}

// heardTimeline is some numbers of a space whose values change at random, what the rules
// say of them, and what the readers of the channels were notified of.
type heardTimeline struct {
	set     *rules.Set
	state   *rules.State
	slack   *slack.Simulation
	dice    *rand.Rand
	now     time.Time
	numbers []phone.Number
	gone    []bool
	open    map[string]map[string]bool // by channel, then alert: readers know it to be open
	loud    map[string]map[string]bool // by channel, then incident: everybody was notified since its end was told
	late    int                        // channels that got an alert once their mute time was over
	story   []string
}

func newHeardTimeline(set *rules.Set, seed, i uint64) *heardTimeline {
	h := &heardTimeline{
		set: set, state: rules.NewState(nil), dice: rand.New(rand.NewPCG(seed, i)), now: monday, slack: slack.NewSimulation(channelNames(set), monday),
		open: map[string]map[string]bool{}, loud: map[string]map[string]bool{},
	}
	for n := range 1 + h.dice.IntN(3) {
		number := phone.Number{PhoneNumber: fmt.Sprint("8613800", n)}
		for f, values := range heardValues {
			number.Set(f, values[0])
		}
		h.numbers, h.gone = append(h.numbers, number), append(h.gone, false)
	}
	for _, c := range channelNames(set) {
		h.open[c], h.loud[c] = map[string]bool{}, map[string]bool{}
	}
	return h
}

func (h *heardTimeline) note(format string, args ...any) {
	h.story = append(h.story, h.now.Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (h *heardTimeline) step(in rules.Input) {
	for _, a := range h.set.Step(h.state, in, h.now) {
		if rules.Unsaid(&a) {
			h.state.Drop(a.ID)
			continue
		}
		h.put(a)
	}
}

func (h *heardTimeline) put(a alert.Alert) {
	if old, _ := h.state.Get(a.ID); a.State == alert.Firing && len(a.Later) < len(old.Later) && len(a.Channels) > len(old.Channels) {
		h.late++
	}
	h.state.Apply(a)
	h.slack.Update(a, h.now)
}

// poll lets some values of some numbers change.
func (h *heardTimeline) poll() {
	request := fmt.Sprint("R-", len(h.story))
	for i := range h.numbers {
		n := &h.numbers[i]
		subject := phone.SubjectOf(spaces[0].SpaceKey, n.PhoneNumber)
		var changes []phone.Change
		changed := func(f phone.Field, from, to string) {
			h.note("%s %s %s → %s", n.PhoneNumber, f, from, to)
			changes = append(changes, phone.Change{Subject: subject, Field: f, Old: from, New: to, Direction: f.Direction(from, to), SeenAt: h.now, RequestId: request})
		}
		switch {
		case h.gone[i] || h.dice.IntN(25) == 0:
			values := []string{phone.Appeared, phone.Missing}
			if h.gone[i] {
				slices.Reverse(values)
			}
			h.gone[i] = !h.gone[i]
			changed(phone.Presence, values[0], values[1])
		default:
			for f := range phone.FieldsOfNumber() {
				values := heardValues[f]
				if len(values) == 0 || h.dice.IntN(6) > 0 {
					continue
				}
				if v := values[h.dice.IntN(len(values))]; v != n.Get(f) {
					changed(f, n.Get(f), v)
					n.Set(f, v)
				}
			}
		}
		copied := *n
		for j := range changes {
			changes[j].Number = &copied
		}
		if len(changes) > 0 {
			h.step(rules.Seen{Space: spaceOf(spaces[0].SpaceKey), Changes: changes})
		}
	}
}

// hold has a silence hold back what is open, or ends it, and somebody take what is open.
func (h *heardTimeline) hold() {
	const silence = alert.SilenceHold + "s"
	kind := h.dice.IntN(3)
	for a := range h.state.All() {
		if a.State != alert.Firing {
			continue
		}
		a.HeldBy = slices.DeleteFunc(slices.Clone(a.HeldBy), func(s string) bool { return s == silence })
		switch kind {
		case 0:
			a.HeldBy = append(a.HeldBy, silence)
		case 1:
			a.Ack = &alert.Ack{By: "ada", At: h.now}
		}
		h.put(a)
	}
	h.note("%s", []string{"silenced", "taken", "silence ended"}[kind])
}

// pass lets time pass, and notes what readers are notified of.
func (h *heardTimeline) pass(d time.Duration) {
	listen := func() {
		for _, told := range h.slack.Until(h.now) {
			h.hear(&told)
		}
	}
	for end := h.now.Add(d); h.now.Before(end); listen() {
		h.now = h.now.Add(min(time.Minute, end.Sub(h.now)))
		h.step(rules.Tick{})
	}
	h.now = h.now.Add(10 * time.Second) // a channel takes a message a second
	listen()
}

func (h *heardTimeline) hear(n *slack.Notification) {
	if n.Means == slack.Edit {
		return
	}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		if n.Means == slack.Post && (len(a.HeldBy) > 0 || !slices.Contains(a.Channels, n.Channel)) {
			continue
		}
		h.open[n.Channel][a.ID] = a.State == alert.Firing
		if a.State == alert.Firing && a.Severity <= alert.High && n.Means != slack.Reply {
			h.loud[n.Channel][a.Incident] = true
		}
		h.note("  %s %s %s %s %s", n.Means, n.Channel, a.Rule, a.Transition, a.Change.New)
	}
	for i := range n.Alerts {
		if incident := n.Alerts[i].Incident; !h.knownOpen(n.Channel, incident) {
			h.loud[n.Channel][incident] = false
		}
	}
}

// knownOpen reports whether readers know something of an incident to be open.
func (h *heardTimeline) knownOpen(channel, incident string) bool {
	for a := range h.state.All() {
		if a.Incident == incident && h.open[channel][a.ID] {
			return true
		}
	}
	return false
}

// wrong returns what readers believe that is not so: an incident counts as open for them
// while something critical or high is.
func (h *heardTimeline) wrong() string {
	type place struct{ channel, incident string }
	is, heard, excused := map[place]bool{}, map[place]bool{}, map[place]bool{}
	for a := range h.state.All() {
		for channel, open := range h.open {
			at := place{channel, a.Incident}
			firing := a.State == alert.Firing
			excused[at] = excused[at] || a.Flapping || firing && len(a.HeldBy) > 0
			if a.Severity <= alert.High {
				is[at] = is[at] || firing && slices.Contains(a.Channels, channel)
				heard[at] = heard[at] || open[a.ID]
			}
		}
	}
	for at := range is {
		if is[at] != heard[at] && !excused[at] {
			return fmt.Sprintf("in %s something of %s is open: %v, and people heard: %v", at.channel, at.incident, is[at], heard[at])
		}
		if is[at] && !excused[at] && !h.loud[at.channel][at.incident] {
			return fmt.Sprintf("in %s only those heard of %s who follow its thread", at.channel, at.incident)
		}
	}
	return ""
}

// What people were notified of last is true, whatever happens.
func TestWhatPeopleHeardLastIsTrue(t *testing.T) {
	timelines, seed := uint64(10_000), rand.Uint64()
	if testing.Short() {
		timelines = 300
	}
	for name, v := range map[string]*uint64{timelinesVariable: &timelines, timelinesSeed: &seed} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			require.NoError(t, err, name)
			*v = n
		}
	}
	t.Logf("%s=%d", timelinesSeed, seed)
	sets := heardFiles(t)
	var working sync.WaitGroup
	workers := uint64(runtime.GOMAXPROCS(0))
	means, late := map[slack.Means]int{}, 0
	var mu sync.Mutex
	for w := range workers {
		working.Go(func() {
			for i := w; i < timelines && !t.Failed(); i += workers {
				h := newHeardTimeline(sets[i%uint64(len(sets))], seed, i)
				for range 5 + h.dice.IntN(25) {
					if h.poll(); h.dice.IntN(6) == 0 {
						h.hold()
					}
					h.pass(time.Duration(10+h.dice.IntN(30)) * time.Second)
					if h.dice.IntN(3) == 0 {
						h.pass(time.Duration(h.dice.IntN(90)) * time.Minute)
					}
					if wrong := h.wrong(); wrong != "" {
						t.Errorf("timeline %d: %s\n%s", i, wrong, h.story)
						break
					}
				}
				mu.Lock()
				late += h.late
				for _, line := range h.story {
					for _, m := range []slack.Means{slack.Post, slack.Broadcast, slack.Reply} {
						if len(line) > 11 && line[11:min(len(line), 11+len(m))] == string(m) {
							means[m]++
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	working.Wait()
	require.Greater(t, late, 20, "timelines reach the end of mute times of channels")
	for _, m := range []slack.Means{slack.Post, slack.Broadcast, slack.Reply} {
		require.Greater(t, means[m], 100, "timelines reach every way of telling: %v", means)
	}
}
