package card

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/golden"
	"numwatch/phone"
)

// A play of incidents with texts like those of the shipped rules.

const minute = time.Minute

var shops = []string{"Northwind Parcels", "Contoso Care", "Fabrikam Fresh", "Adventure Works", "Litware", "Tailspin Toys"}

// opened is an alert of the i-th shop that opened at a time after noon.
func opened(i int, rule string, severity alert.Severity, f phone.Field, old, value string, after time.Duration) alert.Alert {
	n := phone.Number{PhoneNumber: fmt.Sprintf("120155501%02d", 18+i)}
	n.Set(phone.VerifiedName, shops[i%len(shops)])
	n.Set(phone.Status, "CONNECTED")
	n.Set(phone.QualityRating, "GREEN")
	n.Set(phone.MessagingLimitTier, "TIER_10K")
	n.Set(f, value)
	at := alerttest.Noon.Add(after)
	s := phone.Subject{Account: "main", Space: "29348", PhoneNumber: n.PhoneNumber}
	k := alert.Key{Rule: rule, Subject: s, Field: f}
	a := alert.Alert{
		ID: alert.ID(k, at), Incident: "i-" + n.PhoneNumber, Rule: rule, Severity: severity, Subject: s, Field: f, State: alert.Firing,
		Change: phone.Change{Subject: s, Field: f, Old: old, New: value, Direction: f.Direction(old, value), SeenAt: at, Number: &n},
		Before: old, Transition: alert.Opened, Revision: 1, Notified: 1, Since: at, Changed: at, Openings: 1, Channels: []string{"ops"},
	}
	summarize(&a)
	return a
}

// summarize says in both languages what happened.
func summarize(a *alert.Alert) {
	was, before := "", ""
	if a.Change.Old != "" {
		was, before = " (was "+a.Change.Old+")", "（此前为 "+a.Change.Old+"）"
	}
	a.Summary = alert.Text{"", testCards().state(a.Field, a.Change.New), ": ", a.Subject.PhoneNumber, " ", nameOf(a), "", was, ""}
	translate(a, func(t *alert.Texts) {
		t.Summary = alert.Text{"", chineseCards().state(a.Field, a.Change.New), "：", a.Subject.PhoneNumber, " ", nameOf(a), "", before, ""}
	})
}

func translate(a *alert.Alert, set func(*alert.Texts)) {
	texts := a.Translations[phone.Chinese]
	set(&texts)
	a.Translations = map[phone.Language]alert.Texts{phone.Chinese: texts}
}

func banned(i int, after time.Duration) alert.Alert {
	a := opened(i, "status-blocked", alert.Critical, phone.Status, "CONNECTED", "BANNED", after)
	a.Action = alert.Text{"Stop all sending from this number, look up the violation in Business Support Home and request a review there."}
	translate(&a, func(t *alert.Texts) {
		t.Action = alert.Text{"立即停止使用该号码发送消息，在 Business Support Home 查看违规详情并申请复审。"}
	})
	a.Runbook = "https://wiki.example.com/wa/banned"
	return a
}

func red(i int, after time.Duration) alert.Alert {
	a := opened(i, "quality-red", alert.Critical, phone.QualityRating, "GREEN", "RED", after)
	a.Action = alert.Text{"Pause marketing on this number now, then find the templates that people block or report."}
	translate(&a, func(t *alert.Texts) {
		t.Action = alert.Text{"立即暂停该号码的营销消息，并找出被用户屏蔽或举报的模板。"}
	})
	return a
}

func limitLowered(i int, after time.Duration) alert.Alert {
	a := opened(i, "limit-lowered", alert.Warning, phone.MessagingLimitTier, "TIER_10K", "TIER_1K", after)
	a.Title = alert.Text{"messaging limit lowered"}
	a.Action = alert.Text{"The limit counts for the customer's whole portfolio: resize the campaigns of all its numbers, and look at their quality."}
	translate(&a, func(t *alert.Texts) {
		t.Title, t.Action = alert.Text{"消息限额下调"}, alert.Text{"限额由该客户的所有号码共用：请调整所有号码的群发计划，并检查质量评级。"}
	})
	return a
}

// became is the alert after another value, which its rule covers or not.
func became(a alert.Alert, t alert.Transition, value string, after time.Duration) alert.Alert {
	n := *a.Change.Number
	n.Set(a.Field, value)
	a.Change.Number = &n
	a.Change.Old, a.Change.New = a.Change.New, value
	a.Change.Direction = a.Field.Direction(a.Change.Old, value)
	a.Transition, a.Changed, a.Change.SeenAt = t, alerttest.Noon.Add(after), alerttest.Noon.Add(after)
	a.Revision++
	a.Notified = a.Revision
	switch t {
	case alert.WasResolved:
		a.State, a.Closing = alert.Resolved, "now "+value
	case alert.WasEnded:
		a.State, a.Closing = alert.Ended, "the number is missing from its space"
	case alert.Reopened:
		a.State, a.Since, a.Openings = alert.Firing, a.Changed, a.Openings+1
	}
	if !a.State.Closed() {
		summarize(&a)
	}
	return a
}

func yellow(i int, after time.Duration) alert.Alert {
	a := opened(i, "quality-yellow", alert.Warning, phone.QualityRating, "RED", "YELLOW", after)
	a.Action = alert.Text{"Send less often and tighten the audience before it turns RED."}
	translate(&a, func(t *alert.Texts) {
		t.Action = alert.Text{"降低发送频率并收紧受众，避免评级降为低（RED）。"}
	})
	return a
}

// notice is an alert of a rule that leaves nothing open.
func notice(a alert.Alert) alert.Alert {
	a.State = alert.Ended
	return a
}

// flapping is an alert that opened for the third time in 20 minutes.
func flapping(after time.Duration) alert.Alert {
	a := became(became(red(0, 0), alert.WasResolved, "GREEN", after-5*minute), alert.Reopened, "RED", after)
	a.Flapping, a.Openings = true, 3
	for _, ago := range []time.Duration{20 * minute, 8 * minute, 0} {
		a.Flaps = append(a.Flaps, a.Changed.Add(-ago))
	}
	return a
}

func settledAs(value string) alert.Alert {
	t := alert.WasResolved
	if value == "RED" {
		t = alert.Reopened
	}
	a := became(flapping(20*minute), t, value, 21*minute)
	a.Transition, a.Flapping, a.Changed = alert.Settled, false, a.Changed.Add(15*minute)
	return a
}

func several(n int, one func(int, time.Duration) alert.Alert) (list []alert.Alert) {
	for i := range n {
		list = append(list, one(i, 0))
	}
	return list
}

// shown is what people are shown in one state of an incident.
type shown struct {
	name  string
	card  *Card
	reply bool
	text  string // its first sentence, as a notification shows it
}

// states are all that a message or a reply can say, once each.
func states() []shown { return statesIn(testCards()) }

func statesIn(c *Maker) []shown {
	at := alerttest.Noon.Add(2 * time.Second) // of the post
	message := func(alerts ...alert.Alert) *Card {
		m := c.Message(alerts, at)
		if !m.Mark.over() {
			m.Buttons = []Button{Acknowledge, SilenceHour, SilenceDay}
		}
		return m
	}
	limits, restored, first := several(8, limitLowered), several(3, limitLowered), several(7, yellow)
	for i := range restored {
		restored[i] = became(restored[i], alert.WasResolved, "TIER_10K", 41*minute)
	}
	first = append(first, banned(0, 0), red(8, 0), red(9, 0))
	for i := range first {
		first[i].Baseline, first[i].Change.Baseline, first[i].Change.Old = true, true, ""
		summarize(&first[i])
	}
	routes := []alert.Alert{
		notice(opened(0, "routing-changed", alert.High, phone.UpQueue, "", "q-up-2", 0)),
		notice(opened(0, "routing-changed", alert.High, phone.UpCallbackUrl, "https://hooks.example.com/up?key=1", "https://other.example.com/up?key=2", 0)),
	}
	names := []alert.Alert{
		opened(0, "name-rejected", alert.High, phone.NameStatus, "APPROVED", "DECLINED", 0), opened(0, "name-rejected", alert.High, phone.NewNameStatus, "NONE", "DECLINED", 0),
	}
	green, connected := became(red(0, 0), alert.WasResolved, "GREEN", 41*minute), became(banned(0, 0), alert.WasResolved, "CONNECTED", 41*minute)
	fewer := became(red(0, 0), alert.WasResolved, "YELLOW", 41*minute)
	limited := opened(0, "status-rate-limited", alert.High, phone.Status, "BANNED", "RATE_LIMITED", 41*minute)
	worse := became(opened(0, "status-blocked", alert.Critical, phone.Status, "CONNECTED", "RESTRICTED", 0), alert.GotWorse, "BANNED", 18*time.Second)
	meanwhile := became(red(0, 0), alert.WasResolved, "GREEN", time.Second)
	return []shown{
		{"one fact", message(banned(0, 0)), false, "BANNED: 12015550118 Northwind Parcels (was CONNECTED), critical"},
		{"two facts", message(red(0, 0), banned(0, 0)), false, "BANNED: 12015550118 Northwind Parcels (was CONNECTED), critical"},
		{"one of them over", message(green, banned(0, 0)), false, "BANNED: 12015550118 Northwind Parcels (was CONNECTED), critical"},
		{"the warning that is left", message(fewer, yellow(0, 41*minute)), false, "QualityRating YELLOW: 12015550118 Northwind Parcels (was RED), warning"},
		{"recovered", message(green, connected), false, "Resolved: 12015550118 Northwind Parcels recovered after 41 min: CONNECTED (was BANNED)"},
		{
			"recovered by way of a warning", message(fewer, became(yellow(0, 41*minute), alert.WasResolved, "GREEN", 50*minute)), false,
			"Resolved: 12015550118 Northwind Parcels recovered after 50 min: QualityRating GREEN (was RED)",
		},
		{
			"closed, and still bad", message(became(banned(0, 0), alert.WasResolved, "DISCONNECTED", 41*minute), green), false,
			"Closed: 12015550118 Northwind Parcels after 41 min: now DISCONNECTED (was BANNED)",
		},
		{"ended", message(became(red(0, 0), alert.WasEnded, "RED", 41*minute)), false, "Ended: 12015550118 Northwind Parcels after 41 min: the number is missing from its space (was RED)"},
		{"over before it was posted", message(meanwhile), false, "Resolved: 12015550118 Northwind Parcels recovered after 1 s: QualityRating GREEN (was RED)"},
		{"flapping", message(flapping(20 * minute)), false, "QualityRating RED: 12015550118 Northwind Parcels (was GREEN), critical"},
		{"notices of two fields", message(routes...), false, "UpQueue q-up-2: 12015550118 Northwind Parcels, high"},
		{"two alerts of one rule", message(names...), false, "NewNameStatus DECLINED: 12015550118 Northwind Parcels (was NONE), high"},
		{"a list", message(limits[:7]...), false, "7 numbers of Acme: messaging limit lowered, warning"},
		{
			"a list with critical ones", message(append(limits[3:6:6], banned(0, 0), red(0, 0), red(1, 0), became(limitLowered(2, 0), alert.WasResolved, "TIER_10K", 5*minute), reopened(6))...), false,
			"12015550118 Northwind Parcels, 12015550119 Contoso Care and 12015550124 Northwind Parcels: BANNED and QualityRating RED, and 4 others of Acme, critical",
		},
		{"a list with one critical", message(append(limits[:2:2], banned(5, 0))...), false, "BANNED: 12015550123 Tailspin Toys (was CONNECTED), and 2 others of Acme, critical"},
		{"a list that is over", message(restored[:3]...), false, "Resolved: 3 numbers of Acme recovered after 41 min (messaging limit lowered)"},
		{"the first look at a space", message(first...), false, "12015550118 Northwind Parcels, 12015550126 Fabrikam Fresh and 1 more: BANNED and QualityRating RED, and 6 others in the first poll of Acme, critical"},

		{"worse", c.Reply([]alert.Alert{worse}, []alert.Alert{worse}), true, "Worse: 12015550118 Northwind Parcels: BANNED, was RESTRICTED"},
		{"joined", c.Reply([]alert.Alert{banned(0, minute)}, []alert.Alert{red(0, 0), banned(0, minute)}), true, "Now also: 12015550118 Northwind Parcels: BANNED, was CONNECTED"},
		{"better", c.Reply([]alert.Alert{connectedTo("RATE_LIMITED"), limited}, []alert.Alert{connectedTo("RATE_LIMITED"), limited}), true, "Better: 12015550118 Northwind Parcels: RATE_LIMITED, was BANNED"},
		{"better, where the other alert is not told", c.Reply([]alert.Alert{connectedTo("RATE_LIMITED")}, []alert.Alert{connectedTo("RATE_LIMITED"), limited}), true, "Better: 12015550118 Northwind Parcels: RATE_LIMITED, was BANNED"},
		{"not better", c.Reply([]alert.Alert{connectedTo("DISCONNECTED"), disconnected()}, []alert.Alert{connectedTo("DISCONNECTED"), disconnected()}), true, "Now: 12015550118 Northwind Parcels: DISCONNECTED, was BANNED"},
		{"one fact over", c.Reply([]alert.Alert{green}, []alert.Alert{banned(0, 0), green}), true, "Better: 12015550118 Northwind Parcels: QualityRating GREEN again, was RED; still open: BANNED"},
		{"the end", c.Reply([]alert.Alert{green}, []alert.Alert{green}), true, "Resolved: 12015550118 Northwind Parcels recovered after 41 min: QualityRating GREEN (was RED)"},
		{"the end of two", c.Reply([]alert.Alert{connected}, []alert.Alert{green, connected}), true, "Resolved: 12015550118 Northwind Parcels recovered after 41 min: CONNECTED (was BANNED); QualityRating GREEN again, was RED"},
		{"again", c.Reply([]alert.Alert{reopened(0)}, []alert.Alert{reopened(0)}), true, "Open again: 12015550118 Northwind Parcels: QualityRating RED, was GREEN"},
		{
			"it flaps", c.Reply([]alert.Alert{flapping(20 * minute)}, []alert.Alert{flapping(20 * minute)}), true,
			"Open again: 12015550118 Northwind Parcels: QualityRating RED, was GREEN; flapping: 3 times RED in 20 min; next update once stable for 15 min",
		},
		{"it settled", c.Reply([]alert.Alert{settledAs("GREEN")}, []alert.Alert{settledAs("GREEN")}), true, "Resolved: 12015550118 Northwind Parcels: QualityRating has been GREEN for 15 min: no longer flapping"},
		{"it settled badly", c.Reply([]alert.Alert{settledAs("RED")}, []alert.Alert{settledAs("RED")}), true, "Still open: 12015550118 Northwind Parcels: QualityRating has been RED for 15 min: no longer flapping"},
		{"some of a list", c.Reply([]alert.Alert{worse, restored[1]}, append(limits[2:8:8], worse, restored[1])), true, "Update: 12015550118 Northwind Parcels: 1 of 8 worse, 1 resolved"},
		{"the end of a list", c.Reply(restored[:3], restored[:3]), true, "Resolved: 3 numbers of Acme recovered after 41 min (messaging limit lowered)"},
		{"reminder", c.Reminder([]alert.Alert{worse}, []alert.Alert{worse}, alerttest.Noon.Add(38*time.Second)), true, "Still open: 12015550118 Northwind Parcels: BANNED for 20 s (open for 38 s)"},
		{
			"reminder of a list", c.Reminder([]alert.Alert{banned(0, 0), limits[1]}, append(limits[1:3:3], banned(0, 0), red(0, 0)), alerttest.Noon.Add(24*time.Hour)), true,
			"Still open: 12015550118 Northwind Parcels: 2 of 3 numbers of Acme",
		},
	}
}

func (m Mark) over() bool { return slices.Contains([]string{"Resolved", "Closed", "Ended"}, m.Word) }

func reopened(i int) alert.Alert {
	return became(became(red(i, 0), alert.WasResolved, "GREEN", 10*minute), alert.Reopened, "RED", 20*minute)
}

// connectedTo is the alert on a ban, closed because the status moved on.
func connectedTo(status string) alert.Alert {
	return became(banned(0, 0), alert.WasResolved, status, 41*minute)
}

func disconnected() alert.Alert {
	return opened(0, "status-disconnected", alert.Critical, phone.Status, "BANNED", "DISCONNECTED", 41*minute)
}

// A notice is shown beside what is over, in a list as well.
func TestListsShowNoticesOfWhatIsOver(t *testing.T) {
	queue := notice(opened(0, "routing-changed", alert.High, phone.UpQueue, "q-1", "q-2", 0))
	made := testCards().Message([]alert.Alert{connectedTo("CONNECTED"), queue, banned(1, 0)}, alerttest.Noon)
	require.Equal(t, "12015550118 Northwind Parcels: CONNECTED again, was BANNED; UpQueue q-1 → q-2 (after 41 min)", made.Lines[1].Text)
}

// Of several notices on a field, a message shows what the last says, be it that the field
// has settled after it flapped.
func TestMessagesShowTheLastNoticeOfAField(t *testing.T) {
	first := notice(opened(0, "routing-changed", alert.High, phone.UpQueue, "q-1", "q-2", 0))
	second := notice(opened(0, "routing-changed", alert.High, phone.UpQueue, "q-2", "q-3", 5*minute))
	settled := notice(opened(0, "routing-changed", alert.High, phone.UpQueue, "q-3", "q-4", 10*minute))
	settled.Transition, settled.Changed = alert.Settled, alerttest.Noon.Add(25*minute)
	made := testCards().Message([]alert.Alert{banned(0, 0), first, second}, alerttest.Noon)
	require.Equal(t, []Line{{Mark: Mark{"High", Orange}, Text: "UpQueue q-3, was q-2"}}, made.Lines)
	made = testCards().Message([]alert.Alert{connectedTo("CONNECTED"), first, second, settled, banned(1, 0)}, alerttest.Noon)
	require.Equal(t, "12015550118 Northwind Parcels: CONNECTED again, was BANNED; UpQueue q-3 → q-4 (after 41 min)", made.Lines[1].Text)
	told := testCards().Reply([]alert.Alert{settled}, []alert.Alert{banned(0, 0), first, second, settled})
	require.Equal(t, Mark{"Now", Red}, told.Mark)
	require.Equal(t, "12015550118 Northwind Parcels: UpQueue has been q-4 for 15 min: no longer flapping", told.Title)
}

func TestStates(t *testing.T) {
	var all strings.Builder
	p := NewPrinter(&all, false)
	for _, s := range states() {
		sentence, _, _ := strings.Cut(s.card.Text(false), "\n")
		require.Equal(t, s.text, sentence, s.name)
		requireBudget(t, s.card)
		if s.reply {
			require.NoError(t, p.Reply([]string{"#" + s.name}, "1", s.card))
		} else {
			require.NoError(t, p.Message([]string{"#" + s.name}, "1", s.card))
		}
	}
	require.NotContains(t, all.String(), "(none)")
	require.NotContains(t, all.String(), "RED → RED")
	golden.Equal(t, "testdata/states.golden", all.String())
}
