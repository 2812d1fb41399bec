package robot

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	sim "numwatch/internal/sim/robot"
	"numwatch/phone"
)

// One message when an incident opens, one when it gets worse, one at its end.
func TestTellsABeginningAndAnEnd(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start()
		a := numbered(1)
		d.update(a)
		d.after(5 * time.Second)
		require.Len(t, d.texts(), 1)
		require.Contains(t, d.texts()[0], "Critical: Quality of 8613800000001")
		require.Contains(t, d.texts()[0], "Pause marketing and find the blocked or reported templates.")
		require.Equal(t, d.mentioned("ann"), d.group.Taken()[0].Mentions)
		require.Contains(t, d.group.Taken()[0].Links, "https://wiki.example.com/wa/quality")
		require.Contains(t, strings.Join(d.group.Taken()[0].Links, " "), "https://numwatch.example.com/numbers/main/")

		b := banned(a)
		d.update(b)
		d.after(5 * time.Second)
		require.Len(t, d.texts(), 2)
		require.Contains(t, d.texts()[1], "BANNED")
		require.Equal(t, d.mentioned("ann"), d.group.Taken()[1].Mentions)

		d.update(alerttest.Resolved(a, time.Now()))
		d.after(time.Minute)
		require.Len(t, d.texts(), 2, "what is no worse is not told before the end")

		ended := alerttest.Resolved(b, time.Now())
		ended.Change.New, ended.Closing = "CONNECTED", "recovered: now CONNECTED"
		d.update(ended)
		d.after(time.Minute)
		require.Len(t, d.texts(), 3)
		require.Contains(t, d.texts()[2], "Resolved")
		require.Empty(t, d.group.Taken()[2].Mentions)
		require.Contains(t, d.memory.state(d.Component()), "OK")
		d.requireTrue()
	})
}

// mentioned is how the group's simulator calls somebody who is mentioned.
func (d *rig) mentioned(who string) []string { return []string{who} }

// After a restart, what was told is known.
func TestARestartTellsNothingTwice(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start()
		a, b := numbered(1), numbered(2)
		d.update(a, b)
		d.after(time.Minute)
		n := len(d.texts())
		d.stop()
		d.update(alerttest.Resolved(a, time.Now())) // while it is not running
		d.start()
		d.after(time.Minute)
		require.Len(t, d.texts(), n+1)
		require.Contains(t, d.texts()[n], "Resolved")
		d.requireTrue()
	})
}

// A process that is killed may have told something just before: the next one waits.
func TestLivesOneAfterTheOtherKeepTheLimit(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		for i := range 60 {
			d.start()
			d.update(numbered(i))
			d.after(d.dialect.pace + time.Millisecond)
			d.stop()
		}
		d.requireTrue()
	})
}

var (
	listed = regexp.MustCompile(`(?m)^(?:🔴|🟢|🟠|🟡) .*86138`)
	rest   = regexp.MustCompile(`(?m)^and ([\d,]+) more`)
)

// counted adds up what messages list and what they say is not listed.
func counted(t *testing.T, texts []string) (sum int) {
	for _, text := range texts {
		_, text, _ = strings.Cut(text, "\n") // the title
		n := len(listed.FindAllString(text, -1))
		for _, found := range rest.FindAllStringSubmatch(text, -1) {
			more, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
			require.NoError(t, err)
			n += more
		}
		sum += max(n, 1)
	}
	return sum
}

// A storm is a few messages whose counts add up, and never breaks the group's limit.
func TestAStormOfTenThousand(t *testing.T) {
	size := map[time.Duration]int{time.Minute: 10_000, 15 * time.Minute: 2000}
	if testing.Short() {
		size[time.Minute] = 2000
	}
	for name, lasts := range map[string]time.Duration{"in a minute": time.Minute, "in a quarter of an hour": 15 * time.Minute} {
		for kind, dialect := range dialects() {
			t.Run(kind+" "+name, func(t *testing.T) {
				inOne(t, dialect, func(t *testing.T, d *rig) { storm(t, d, size[lasts], lasts) })
			})
		}
	}
}

func storm(t *testing.T, d *rig, size int, lasts time.Duration) {
	d.start()
	var all []alert.Alert
	for i := 0; i < size; i += 5 {
		var poll []alert.Alert
		for j := range 5 {
			a := numbered(i + j)
			a.Change.RequestId = fmt.Sprint("R-", i)
			poll = append(poll, a)
		}
		all = append(all, poll...)
		d.update(poll...)
		d.after(lasts * 5 / time.Duration(size))
	}
	d.after(10 * time.Minute)
	opened := len(d.texts())
	require.Equal(t, size, counted(t, d.texts()))
	for i := range all {
		d.update(alerttest.Resolved(all[i], time.Now()))
		d.after(lasts / time.Duration(size))
	}
	d.after(10 * time.Minute)
	require.Equal(t, size, counted(t, d.texts()[opened:]))
	require.LessOrEqual(t, len(d.texts()), 20)
	d.requireTrue()
}

// The first look at an account is one message.
func TestTheFirstLookIsOneMessage(t *testing.T) {
	inOne(t, WeCom(), func(t *testing.T, d *rig) {
		d.start()
		for i := range 100 {
			a := numbered(i)
			a.Baseline, a.Change.Baseline = true, true
			d.update(a)
			d.after(5 * time.Second)
		}
		require.Empty(t, d.texts())
		d.BaselineDone("main")
		d.after(time.Minute)
		require.Len(t, d.texts(), 1)
		require.Equal(t, 100, counted(t, d.texts()))
		d.requireTrue()
	})
}

func TestReminds(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start()
		a, b := numbered(1), numbered(2)
		a.RemindEvery, b.RemindEvery = time.Hour, time.Hour
		d.update(a)
		d.update(b)
		d.after(50 * time.Minute)
		n := len(d.texts())
		d.after(20 * time.Minute)
		require.Len(t, d.texts(), n+1, "both in one message")
		require.Contains(t, d.texts()[n], "Still open: 8613800000001")
		require.Contains(t, d.texts()[n], "8613800000002")
		require.Equal(t, d.mentioned("ann"), d.group.Taken()[n].Mentions)
		acked := a
		acked.Ack = &alert.Ack{By: "ann", At: time.Now()}
		d.update(acked)
		d.after(2 * time.Hour)
		require.Len(t, d.texts(), n+3)
		require.NotContains(t, d.texts()[n+2], "8613800000001")
	})
}

// What is held back is not told; what is meant for other channels is not either.
func TestTellsOnlyWhatIsForTheChannel(t *testing.T) {
	inOne(t, DingTalk(), func(t *testing.T, d *rig) {
		d.start()
		held, other, own := numbered(1), numbered(2), numbered(3)
		held.HeldBy = []string{"silence:1"}
		other.Channels = []string{"security"}
		own.Subject = phone.Subject{Component: d.Component()}
		own.Incident = own.NewIncident()
		d.update(held, other, own)
		d.after(time.Minute)
		require.Empty(t, d.texts())
		held.HeldBy = nil
		d.update(held)
		d.after(time.Minute)
		require.Len(t, d.texts(), 1)
		d.SetChannels([]Channel{{Name: "ops"}, {Name: "security"}})
		d.after(time.Minute)
		require.Len(t, d.texts(), 2)
	})
}

func TestWhatTheAnswersMean(t *testing.T) {
	for name, test := range map[string]struct {
		dialect      *Dialect
		faults       []sim.Fault
		within       time.Duration
		taken        int
		state        string
		deadOrParked string
	}{
		"away":                {dialect: DingTalk(), faults: []sim.Fault{{Code: 502}, {Code: 503}}, within: time.Minute, taken: 1, state: "OK"},
		"breaks off":          {dialect: WeCom(), faults: []sim.Fault{{}}, within: time.Minute, taken: 1, state: "OK"},
		"answer lost":         {dialect: Feishu(), faults: []sim.Fault{{Took: true}}, within: time.Minute, taken: 2, state: "OK"},
		"dingtalk: busy":      {dialect: DingTalk(), faults: []sim.Fault{{Answer: -1}}, within: time.Minute, taken: 1, state: "OK"},
		"dingtalk: too fast":  {dialect: DingTalk(), faults: []sim.Fault{{Answer: 130101}}, within: 9 * time.Minute, state: "PARKED 130101"},
		"dingtalk: over":      {dialect: DingTalk(), faults: []sim.Fault{{Answer: 130101}}, within: 11 * time.Minute, taken: 1, state: "OK"},
		"dingtalk: token":     {dialect: DingTalk(), faults: []sim.Fault{{Answer: 300001}}, within: time.Minute, state: "PARKED 300001 it answered 300001 a fault that was asked for: check the access_token"},
		"feishu: too fast":    {dialect: Feishu(), faults: []sim.Fault{{Answer: 11232}}, within: 2 * time.Minute, taken: 1, state: "OK"},
		"feishu: address":     {dialect: Feishu(), faults: []sim.Fault{{Answer: 19022}}, within: time.Minute, state: "PARKED 19022"},
		"wecom: too fast":     {dialect: WeCom(), faults: []sim.Fault{{Answer: 45009}}, within: 2 * time.Minute, taken: 1, state: "OK"},
		"wecom: key":          {dialect: WeCom(), faults: []sim.Fault{{Answer: 93000}}, within: time.Minute, state: "PARKED 93000"},
		"wecom: key, set":     {dialect: WeCom(), faults: []sim.Fault{{Answer: 93000}}, within: 6 * time.Minute, taken: 1, state: "OK"},
		"refused, then brief": {dialect: DingTalk(), faults: []sim.Fault{{Answer: 430102}}, within: time.Minute, taken: 1, state: "OK"},
	} {
		t.Run(name, func(t *testing.T) {
			inOne(t, test.dialect, func(t *testing.T, d *rig) {
				d.group.Fail(test.faults...)
				d.start()
				d.update(numbered(1))
				d.after(test.within)
				require.Len(t, d.texts(), test.taken)
				require.Contains(t, d.memory.state(d.Component()), test.state)
				require.Equal(t, strings.HasPrefix(test.state, "PARKED"), d.Status().Parked)
				require.NotContains(t, d.memory.state(d.Component())+d.Status().LastError, "TOPSECRET")
			})
		})
	}
}

// A robot that is set up wrongly says what to do.
func TestWrongSecretsAndKeywordsPark(t *testing.T) {
	for name, test := range map[string]struct {
		dialect *Dialect
		config  sim.Config
		want    string
	}{
		"dingtalk, secret":  {DingTalk(), sim.Config{Secret: "SECother"}, "check secret_file of the channel"},
		"dingtalk, keyword": {DingTalk(), sim.Config{Secret: simSecret, Keywords: []string{"weather"}}, "instead of keywords"},
		"dingtalk, token":   {DingTalk(), sim.Config{Secret: simSecret, Token: "other"}, "check the access_token"},
		"feishu, secret":    {Feishu(), sim.Config{Secret: "other"}, "check secret_file of the channel"},
		"feishu, keyword":   {Feishu(), sim.Config{Secret: simSecret, Keywords: []string{"weather"}}, "instead of keywords"},
		"feishu, token":     {Feishu(), sim.Config{Secret: simSecret, Token: "other"}, "there is no such robot"},
		"wecom, key":        {WeCom(), sim.Config{Token: "other"}, "check the key"},
	} {
		t.Run(name, func(t *testing.T) {
			inOne(t, test.dialect, func(t *testing.T, d *rig) {
				c := test.config
				c.Kind = test.dialect.Kind
				right := d.group.Path()
				if c.Token == "" {
					c.Token = simToken
				}
				d.group = sim.New(c)
				d.start()
				d.o.URL = "https://chat.example.com" + right
				d.update(numbered(1))
				d.after(time.Minute)
				require.Empty(t, d.texts())
				require.Contains(t, d.memory.state(d.Component()), "PARKED")
				require.Contains(t, d.memory.state(d.Component()), test.want)
			})
		})
	}
}

// A group that is away for a day hears afterwards what is true, in a few messages.
func TestAwayForADay(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		for range 100_000 {
			d.group.Fail(sim.Fault{Code: 503})
		}
		d.start()
		var all []alert.Alert
		for i := range 48 {
			all = append(all, numbered(i))
			d.update(all[i])
			if i%2 == 0 {
				all[i] = alerttest.Resolved(all[i], time.Now())
				d.update(all[i])
			}
			d.after(30 * time.Minute)
		}
		require.True(t, d.Status().Parked)
		require.EqualValues(t, 48, d.Status().Lag)
		for i := range all {
			require.True(t, d.Needs(&all[i]))
		}
		d.group.Heal()
		d.Retry()
		d.after(time.Minute)
		require.Len(t, d.texts(), 1)
		require.Equal(t, 48, counted(t, d.texts()))
		require.Contains(t, d.texts()[0], "meanwhile")
		require.False(t, d.Status().Parked)
		for i := range all {
			require.False(t, d.Needs(&all[i]))
		}
		d.requireTrue()
	})
}

// What a group refuses even without the texts of customers is a dead letter, and holds up
// nothing.
func TestDeadLetters(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start()
		d.group.Fail(sim.Fault{Answer: 430102}, sim.Fault{Answer: 430102})
		a := numbered(1)
		d.update(a)
		d.after(time.Minute)
		require.Empty(t, d.texts())
		require.Contains(t, d.memory.state(d.Component()+":dead-letters"), "PARKED dead_letters")
		d.update(numbered(2))
		d.after(time.Minute)
		require.Len(t, d.texts(), 1)
		var dead *alert.Message
		for _, m := range d.memory.Messages() {
			if m.State == alert.Dead {
				dead = m
			}
		}
		mine, err := d.RetryDead(t.Context(), "m-other")
		require.NoError(t, err)
		require.False(t, mine)
		mine, err = d.RetryDead(t.Context(), dead.ID)
		require.NoError(t, err)
		require.True(t, mine)
		d.after(2 * time.Minute)
		require.Len(t, d.texts(), 2)
		require.Contains(t, d.memory.state(d.Component()+":dead-letters"), "OK")
	})
}

// Nothing more is said while it cannot be noted what was said.
func TestADiskThatFails(t *testing.T) {
	inOne(t, Feishu(), func(t *testing.T, d *rig) {
		d.start()
		d.memory.mu.Lock()
		d.memory.broken = errors.New("disk full")
		d.memory.mu.Unlock()
		d.update(numbered(1))
		d.after(time.Hour)
		d.update(numbered(2))
		d.after(time.Hour)
		require.Len(t, d.texts(), 1)
		d.memory.mu.Lock()
		d.memory.broken = nil
		d.memory.mu.Unlock()
		d.after(10 * time.Minute)
		require.Len(t, d.texts(), 2)
		d.requireTrue()
	})
}

// What is over leaves nothing behind.
func TestForgetsWhatIsOver(t *testing.T) {
	inOne(t, WeCom(), func(t *testing.T, d *rig) {
		d.start()
		a := numbered(1)
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.memory.Messages(), 1)
		d.memory.mu.Lock()
		d.memory.alerts.Drop(a.ID)
		d.memory.mu.Unlock()
		d.after(2 * time.Minute)
		require.Empty(t, d.memory.Messages())
	})
}

func TestAnnounces(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start()
		d.group.Fail(sim.Fault{Code: 500})
		require.NoError(t, d.Announce(t.Context(), "The store is full."))
		require.Len(t, d.texts(), 1)
		require.Contains(t, d.texts()[0], "The store is full.")
	})
}

// A channel speaks its own language, from the headline to how many are left out.
func TestSpeaksChinese(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		d.start(Channel{Name: "ops", Language: phone.Chinese})
		var all []alert.Alert
		for i := range 200 {
			all = append(all, numbered(i))
		}
		d.update(all[0])
		d.after(time.Minute)
		d.update(alerttest.Resolved(all[0], time.Now()))
		d.after(time.Minute)
		d.update(all[1:]...)
		d.after(time.Minute)
		require.Len(t, d.texts(), 3)
		require.Contains(t, d.texts()[0], "🔴 紧急")
		require.Contains(t, d.texts()[1], "🟢 已恢复")
		require.Contains(t, d.texts()[2], "以及另外 196 个")
		for _, text := range d.texts() {
			require.NotContains(t, text, "all alerts")
		}
		d.requireTrue()
	})
}
