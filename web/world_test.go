package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// town is a small fleet with a past, as the handler sees it.
type town struct {
	spaces   []SpaceState
	numbers  []FoundNumber
	events   map[phone.Subject][]alert.Event // newest first
	bars     []Bar                           // by the half hour; zero: none
	messages []alert.Message
	counting bool
	broken   error
	query    Query // the last
	retried  []string
	refuse   error
	parked   int // how often parked channels were tried
}

func (t *town) space(k phone.SpaceKey) (phone.Space, bool) {
	for _, s := range t.spaces {
		if s.SpaceKey == k {
			return s.Space, true
		}
	}
	return phone.Space{}, false
}

func (t *town) Complete() bool       { return !t.counting }
func (t *town) Spaces() []SpaceState { return slices.Clone(t.spaces) }

func (t *town) Counts() (all []Count) {
	for _, n := range t.numbers {
		c := Count{n.Number.Get(phone.Status), n.Number.Get(phone.QualityRating), 1}
		i := slices.IndexFunc(all, func(o Count) bool { return o.Status == c.Status && o.QualityRating == c.QualityRating })
		if i < 0 {
			all = append(all, c)
		} else {
			all[i].Numbers++
		}
	}
	slices.SortFunc(all, func(a, b Count) int {
		x, _ := phone.Status.Rank(a.Status)
		y, _ := phone.Status.Rank(b.Status)
		return x - y
	})
	return all
}

func (t *town) Find(q Query) (Found, error) {
	t.query = q
	var found Found
	for _, n := range t.numbers {
		fits := q.Text == "" || strings.Contains(strings.ToLower(n.Number.PhoneNumber+n.Number.Get(phone.VerifiedName)), strings.ToLower(q.Text))
		for f, wanted := range q.Fields {
			fits = fits && slices.Contains(wanted, n.Number.Get(f))
		}
		if fits && (q.Space == "" || q.Space == n.Space.ID) {
			if found.Total >= q.Offset && len(found.Rows) < q.Limit {
				found.Rows = append(found.Rows, n)
			}
			found.Total++
		}
	}
	return found, t.broken
}

func (t *town) Number(k phone.SpaceKey, phoneNumber string) (*Known, error) {
	for _, n := range t.numbers {
		if n.Space == k && n.Number.PhoneNumber == phoneNumber {
			return &Known{TrackedNumber: phone.TrackedNumber{Number: n.Number}, At: noon.Add(-time.Hour)}, t.broken
		}
	}
	return nil, t.broken
}

func (t *town) History(s phone.Subject, before uint64, limit int) (found []alert.Event, err error) {
	for _, e := range t.events[s] {
		if (before == 0 || e.Seq < before) && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, t.broken
}

func (t *town) Activity(now time.Time, n int, width time.Duration) []Bar {
	bars := make([]Bar, n)
	for i := range bars {
		bars[i].From = now.Add(-time.Duration(n-i) * width).Truncate(width)
		bars[i].To = bars[i].From.Add(width)
		if i < len(t.bars) {
			bars[i].Better, bars[i].Worse, bars[i].Other = t.bars[i].Better, t.bars[i].Worse, t.bars[i].Other
		}
	}
	return bars
}

func (t *town) Messages(id string) (all []*alert.Message) {
	for i := range t.messages {
		if slices.ContainsFunc(t.messages[i].Alerts, func(s alert.ShownAlert) bool { return s.Alert == id }) {
			all = append(all, &t.messages[i])
		}
	}
	return all
}

func (t *town) DeadLetters() (dead []alert.Message) {
	for _, m := range t.messages {
		if m.State == alert.Dead {
			dead = append(dead, m)
		}
	}
	return dead
}

func (t *town) RetryDead(_ context.Context, id string) error {
	t.retried = append(t.retried, id)
	return t.refuse
}

func (t *town) RetryParked() { t.parked++ }

// hostile is a name that tries everything at once.
const hostile = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\u202eevil\x1b[31m"

var customers = []string{
	"Harbour Coffee", "Lion City Motors", "Northwind Airways", "Sunda Insurance", "Merlion Bank", "Pasar Online",
	"Orchid Clinics", "Kopi & Co", "Straits Logistics", "Garuda Tickets", "Peranakan Kitchen", "Batam Ferries",
}

// busyTown is a bot in the middle of a bad morning: something of everything that
// pages have to show.
func busyTown() *bot {
	r := rand.New(rand.NewPCG(7, 7))
	b := &bot{status: fullStatus(), changed: make(chan struct{}), ending: make(chan struct{})}
	b.status.Accounts[0].Failing = nil
	b.town.events = map[phone.Subject][]alert.Event{}
	for i, name := range customers {
		s := SpaceState{Space: phone.Space{
			SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprintf("2934839388494%02d", i)}, Name: name,
			Labels: map[string]string{"tier": []string{"gold", "silver"}[i%2]},
		}, Known: true, Polled: noon.Add(-time.Duration(r.IntN(240)) * time.Second)}
		for j := range 6 + r.IntN(9) {
			n := plainNumber(fmt.Sprintf("65%d%02d%04d", 8+j%2, i, 1000+r.IntN(9000)), name)
			b.town.numbers = append(b.town.numbers, FoundNumber{s.SpaceKey, n})
			s.Numbers++
		}
		b.town.spaces = append(b.town.spaces, s)
	}
	for range 48 {
		b.town.bars = append(b.town.bars, Bar{Better: r.IntN(4), Worse: r.IntN(3), Other: r.IntN(2) * r.IntN(3)})
	}
	b.town.bars[37] = Bar{Better: 1, Worse: 14, Other: 2}
	b.town.bars[40] = Bar{Better: 11, Worse: 3}
	b.trouble()
	b.deliveries()
	b.rules = busyRules()
	return b
}

func plainNumber(number, name string) phone.Number {
	n := phone.Number{PhoneNumber: number}
	for f, v := range map[phone.Field]string{
		phone.VerifiedName: name, phone.Status: "CONNECTED", phone.QualityRating: "GREEN", phone.CodeVerificationStatus: "VERIFIED",
		phone.NameStatus: "APPROVED", phone.MessagingLimitTier: "TIER_10K", phone.IsOfficial: "N", phone.StatusQueue: "",
		phone.UpCallbackUrl: "https://hooks.example.com/in?token=TOPSECRET",
	} {
		n.Set(f, v)
	}
	return n
}

// trouble befalls some of the numbers.
func (b *bot) trouble() {
	b.befall(3, "quality-red", alert.Critical, phone.QualityRating, "YELLOW", "RED", 92*time.Minute)
	b.befall(17, "status-banned", alert.Critical, phone.Status, "RESTRICTED", "BANNED", 34*time.Minute)
	b.befall(29, "quality-red", alert.Critical, phone.QualityRating, "YELLOW", "RED", 11*time.Minute)
	b.befall(41, "status-flagged", alert.High, phone.Status, "CONNECTED", "FLAGGED", 3*time.Hour)
	b.befall(52, "name-rejected", alert.High, phone.NameStatus, "PENDING_REVIEW", "DECLINED", 26*time.Hour)
	b.befall(60, "limit-lowered", alert.Warning, phone.MessagingLimitTier, "TIER_100K", "TIER_10K", 5*time.Hour)
	b.befall(66, "quality-yellow", alert.Warning, phone.QualityRating, "GREEN", "YELLOW", 7*time.Hour)
	b.befall(70, "quality-yellow", alert.Warning, phone.QualityRating, "GREEN", "YELLOW", 55*time.Minute)
	b.befall(75, "status-flagged", alert.High, phone.Status, "CONNECTED", "FLAGGED", 48*time.Minute)
	b.alerts[1].Ack = &alert.Ack{By: "Wei Ling", At: noon.Add(-20 * time.Minute)}
	b.alerts[3].HeldBy = []string{"mute nights"}

	n := &b.town.numbers[0].Number
	n.Set(phone.VerifiedName, hostile)
	b.befall(0, "name-changed", alert.Warning, phone.VerifiedName, "Harbour Coffee", hostile, 6*time.Minute)

	closed := b.befall(20, "quality-red", alert.Critical, phone.QualityRating, "RED", "GREEN", 4*time.Hour)
	closed.State, closed.Transition, closed.Changed, closed.Closing = alert.Resolved, alert.WasResolved, noon.Add(-19*time.Minute), "recovered: now GREEN"

	b.alerts = append(b.alerts, alert.Alert{
		ID: "a-sink", Rule: "sink-parked", Severity: alert.Critical, State: alert.Firing, Field: phone.Sink, Subject: phone.Subject{Component: "slack:gold"},
		Since: noon.Add(-14 * time.Minute), Changed: noon.Add(-14 * time.Minute), Transition: alert.Opened, Revision: 1, Openings: 1,
		Change:  phone.Change{Old: phone.OK, New: phone.Parked, Direction: phone.Worse, Code: "channel_not_found", Reason: "channel_not_found: invite the bot into the channel", SeenAt: noon.Add(-14 * time.Minute)},
		Summary: alert.Text{"numwatch cannot deliver through ", "slack:gold"}, Action: alert.Text{"Nothing is lost: what waits goes out once it works again."},
	})
	b.status.Accounts[0].Discovery = &DiscoveryStatus{
		Spaces: len(customers), At: noon.Add(-3 * time.Hour),
		Error: "account main: NoPermission: see https://x.example.com/?a=TOPSECRET; grant the RAM user or role the action cams:ListInstance",
	}
	b.status.Accounts[0].Failing = []FailingSpace{{
		Space: b.town.spaces[4].ID, Class: "denied_space", Code: "Forbidden.RAM", Message: "You are not authorised to operate on this CustSpaceId.",
		Advice: "Grant the RAM user cams:ChatappSyncPhoneNumber on this space, or take it out of the configuration.", RequestId: "90E63D28-E31D-1EB2", Since: noon.Add(-2 * time.Hour),
	}}
}

// befall lets a field of a number go from old to new, and an alert with it.
func (b *bot) befall(i int, rule string, severity alert.Severity, f phone.Field, old, now string, ago time.Duration) *alert.Alert {
	entry := &b.town.numbers[i]
	entry.Number.Set(f, now)
	n := entry.Number
	subject := phone.SubjectOf(entry.Space, n.PhoneNumber)
	at := noon.Add(-ago)
	seq := uint64(len(b.alerts)*10 + 10)
	first := phone.Change{Subject: subject, Field: phone.Presence, New: phone.Appeared, SeenAt: at.Add(-60 * time.Hour), Number: &n, Baseline: true}
	before := n
	before.Set(f, map[phone.Field]string{phone.Status: "CONNECTED", phone.QualityRating: "GREEN"}[f])
	if before.Get(f) == "" {
		before.Set(f, old)
	}
	first.Number = &before
	change := phone.Change{
		Subject: subject, Field: f, Old: old, New: now, Direction: f.Direction(old, now), SeenAfter: at.Add(-2 * time.Minute), SeenAt: at,
		RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O", Number: &n,
	}
	a := alert.Alert{
		Rule: rule, Severity: severity, State: alert.Firing, Subject: subject, Field: f, Transition: alert.Opened, Revision: 1, Openings: 1,
		Since: at, Changed: at, Change: change, Channels: []string{"oncall", "ops"},
		Summary: alert.Text{f.String() + " of ", n.PhoneNumber, " (", n.Get(phone.VerifiedName), ") went from ", old, " to ", now},
		Action:  alert.Text{"Pause marketing on this number now, and find the templates that people block or report."},
		Runbook: "https://wiki.example.com/wa/" + rule,
	}
	a.ID = alert.ID(a.Key(), at)
	b.alerts = append(b.alerts, a)
	story := []alert.Event{
		{Seq: seq + 3, Time: at, Kind: alert.KindAlert, Change: change, Alert: &a},
		{Seq: seq + 2, Time: at, Kind: alert.KindChange, Change: change},
		{Seq: seq + 1, Time: first.SeenAt, Kind: alert.KindChange, Change: first},
	}
	if old == "YELLOW" {
		fell := change
		fell.Old, fell.New, fell.SeenAt = "GREEN", "YELLOW", at.Add(-9*time.Hour)
		story = slices.Insert(story, 2, alert.Event{Seq: seq + 1, Time: fell.SeenAt, Kind: alert.KindChange, Change: fell})
		story[3].Seq = seq
	}
	b.town.events[subject] = story
	return &b.alerts[len(b.alerts)-1]
}

func (b *bot) deliveries() {
	for i, a := range b.alerts {
		for j, channel := range a.Channels {
			b.town.messages = append(b.town.messages, alert.Message{
				ID: fmt.Sprintf("m-%d-%d", i, j), Channel: channel, Target: "C0123456789", State: alert.Posted, At: a.Since.Add(2 * time.Second),
				Alerts: []alert.ShownAlert{{Alert: a.ID, Revision: a.Revision, NotifiedRevision: a.Revision}},
			})
		}
	}
	b.town.messages = append(b.town.messages, alert.Message{
		ID: "m-dead", Channel: "gold", State: alert.Dead, At: noon.Add(-40 * time.Minute), Reason: "invalid_blocks: https://hooks.example.com/?token=TOPSECRET",
		Alerts: []alert.ShownAlert{{Alert: b.alerts[1].ID, Revision: 1}, {Alert: "a-forgotten", Revision: 1}},
	})
	b.status.Sinks = []SinkStatus{
		{Name: "nats", State: "OK"},
		{Name: "slack:oncall", State: "OK"},
		{Name: "slack:ops", State: "OK", Lag: 2},
		{Name: "slack:gold", State: phone.Parked, Lag: 3, LastError: "channel_not_found: invite the bot into the channel"},
	}
}

func busyRules() Rules {
	rule := func(name string, s alert.Severity, hits int, on ...phone.Field) Rule {
		r := Rule{Name: name, On: on, Severity: s, Summary: "{Field} of {PhoneNumber} ({VerifiedName}, {Space}) is {New}, was {Old}", Channels: []string{"oncall", "ops"}}
		if hits > 0 {
			r.Hits = Hits{Today: hits / 3, Month: hits, Last: noon.Add(-time.Duration(hits) * time.Minute)}
		}
		return r
	}
	return Rules{
		File: "rules.yaml", Loaded: noon.Add(-26 * time.Hour),
		Rules: []Rule{
			rule("limit-lowered", alert.Warning, 6, phone.MessagingLimitTier), rule("name-changed", alert.Warning, 1, phone.VerifiedName),
			rule("name-rejected", alert.High, 4, phone.NameStatus), rule("quality-red", alert.Critical, 34, phone.QualityRating),
			rule("quality-yellow", alert.Warning, 121, phone.QualityRating),
			rule("routing-changed", alert.High, 0, phone.StatusCallbackUrl, phone.UpCallbackUrl, phone.StatusQueue, phone.UpQueue),
			rule("sink-parked", alert.Critical, 1, phone.Sink), rule("space-blind", alert.High, 2, phone.Poll),
			rule("status-banned", alert.Critical, 9, phone.Status), rule("status-flagged", alert.High, 17, phone.Status),
		},
		Channels: []Channel{{Name: "oncall", Slack: "#wa-oncall"}, {Name: "ops", Slack: "#wa-ops"}, {Name: "gold", Slack: "#wa-gold"}},
		Warnings: []Problem{{Line: 41, Column: 12, Rule: "status-flagged", Text: `"FLAGED" is not documented for Status`, Hint: `did you mean "FLAGGED"?`, Source: "    to: [FLAGGED, FLAGED]"}},
		Compared: &Compared{At: noon.Add(-2 * time.Minute), Text: "In the last week the new rules would have sent 412 messages, the old ones 3"},
		Refused: &Refusal{At: noon.Add(-3 * time.Minute), Text: "rules.yaml:12:9: no", Problems: []Problem{
			{Line: 12, Column: 9, Rule: "quality-red", Text: `there is no field "QualityRatin"`, Hint: `did you mean "QualityRating"?`, Source: "    on: QualityRatin"},
			{Line: 19, Column: 15, Rule: "status-banned", Text: `there is no severity "urgent"`, Hint: "one of critical, high, warning, info", Source: "    severity: urgent"},
		}},
	}
}

// happen adds an alert while pages look on.
func (b *bot) happen(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := plainNumber("6590009999", name)
	subject := phone.SubjectOf(b.town.spaces[2].SpaceKey, n.PhoneNumber)
	a := alert.Alert{
		ID: "a-new", Rule: "status-banned", Severity: alert.Critical, State: alert.Firing, Subject: subject, Field: phone.Status, Revision: 1, Since: noon, Changed: noon,
		Change: phone.Change{Subject: subject, Field: phone.Status, Old: "CONNECTED", New: "BANNED", Direction: phone.Worse, SeenAt: noon, Number: &n},
	}
	b.alerts = append(b.alerts, a)
	close(b.changed)
	b.changed = make(chan struct{})
}

var errDisk = errors.New("the disk is gone")
