package cli_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	alertmanagersim "numwatch/internal/sim/alertmanager"
	robotsim "numwatch/internal/sim/robot"
	webhooksim "numwatch/internal/sim/webhook"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// findings are what is not as it should be.
type findings []string

const maxFindings = 40

func (f *findings) add(format string, v ...any) {
	if len(*f) < maxFindings {
		*f = append(*f, fmt.Sprintf(format, v...))
	}
}

func (f findings) String() string { return strings.Join(f, "\n") }

// picture is what a store holds.
type picture struct {
	epoch    string
	events   []alert.Event
	alerts   map[string]alert.Alert
	messages []alert.Message
}

func readPicture(path string) (p picture, err error) {
	s, err := store.Open(path, store.Options{})
	if err != nil {
		return p, err
	}
	defer s.Close()
	p = picture{epoch: s.Epoch(), alerts: map[string]alert.Alert{}}
	for from := s.FirstSeq(); ; {
		page, err := s.ReadLog(from, 10_000)
		if err != nil {
			return p, err
		}
		if len(page) == 0 {
			break
		}
		p.events = append(p.events, page...)
		from = page[len(page)-1].Seq + 1
	}
	alerts, err := s.Alerts()
	if err != nil {
		return p, err
	}
	for _, a := range alerts {
		p.alerts[a.ID] = a
	}
	p.messages, err = s.Messages()
	return p, err
}

// checkStore holds the file itself to its own rules.
func checkStore(path string) (f findings) {
	r, err := store.Verify(path)
	if err != nil {
		f.add("checking the store: %v", err)
	}
	for _, p := range r.Problems {
		f.add("the store: %s", p)
	}
	return f
}

// changes counts the changes in the log.
func (p *picture) changes() (n int) {
	for i := range p.events {
		if p.events[i].Kind == alert.KindChange {
			n++
		}
	}
	return n
}

// checkLog finds changes that are missing from the log: for each number and
// field the way from APPEARED to the cloud's present state must be unbroken.
func (p *picture) checkLog(truth map[phone.Subject]map[phone.Field]string) (f findings) {
	known := map[phone.Subject]map[phone.Field]string{}
	for i := range p.events {
		e := &p.events[i]
		if e.Seq != uint64(i+1) {
			f.add("event %d stands at place %d of the log", e.Seq, i+1)
		}
		if e.Kind == alert.KindChange && e.Change.Subject.Kind() == phone.OfNumber {
			follow(known, &e.Change, e.Seq, &f)
		}
	}
	for s, want := range truth {
		for field, v := range want {
			if got, ok := known[s][field]; got != v || !ok {
				f.add("the log leaves %s of %s at %q, and the cloud says %q", field, s, got, v)
			}
		}
	}
	for s := range known {
		if truth[s] == nil {
			f.add("the log does not know that %s is gone", s)
		}
	}
	return f
}

func follow(known map[phone.Subject]map[phone.Field]string, c *phone.Change, seq uint64, f *findings) {
	was := known[c.Subject]
	switch {
	case c.Field == phone.Presence && c.New == phone.Appeared:
		if was != nil {
			f.add("event %d: %s appeared twice", seq, c.Subject)
		}
		now := map[phone.Field]string{}
		for field, v := range c.Number.All() {
			now[field] = v
		}
		known[c.Subject] = now
	case was == nil:
		f.add("event %d: %s of %s changed before it appeared", seq, c.Field, c.Subject)
	case c.Field == phone.Presence:
		delete(known, c.Subject)
	case was[c.Field] != c.Old:
		f.add("event %d: %s of %s went from %q, and the log had %q", seq, c.Field, c.Subject, c.Old, was[c.Field])
		fallthrough
	default:
		was[c.Field] = c.New
	}
}

// checkAlerts finds alerts that do not follow from the log, or from the cloud's
// present state.
func (p *picture) checkAlerts(truth map[phone.Subject]map[phone.Field]string) (f findings) {
	said := map[string]*alert.Alert{}
	for i := range p.events {
		a := p.events[i].Alert
		if a == nil {
			continue
		}
		if last := said[a.ID]; last == nil && a.Revision != 1 || last != nil && a.Revision != last.Revision+1 {
			f.add("event %d: revision %d of alert %s does not follow", p.events[i].Seq, a.Revision, a.ID)
		}
		said[a.ID] = a
	}
	firing := map[alert.Key]bool{}
	for id, a := range p.alerts {
		if last := said[id]; last == nil || last.Revision != a.Revision || last.State != a.State {
			f.add("alert %s is not as the log left it", id)
		}
		if a.State == alert.Firing {
			firing[a.Key()] = true
		}
	}
	for s, values := range truth {
		for rule, field := range map[string]phone.Field{"quality-red": phone.QualityRating, "status-bad": phone.Status, "name-refused": phone.NameStatus} {
			k := alert.Key{Rule: rule, Subject: s, Field: field}
			want := strings.Contains(" RED RESTRICTED BANNED REJECTED DECLINED ", " "+values[field]+" ")
			if firing[k] != want {
				f.add("%s of %s is %s, and rule %s fires: %t", field, s, values[field], rule, firing[k])
			}
			delete(firing, k)
		}
	}
	for k := range firing {
		if k.Rule != "limit-lowered" {
			f.add("rule %s fires for %s, and nothing is wrong there", k.Rule, k.Subject)
		}
	}
	return f
}

// checkStream finds events of the log that are not in the stream, or twice, or
// before an earlier one of their subject.
func (p *picture) checkStream(r *rig) (f findings) {
	nc := r.connectNATS()
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	held, _, err := everything(ctx, nc)
	if err != nil {
		f.add("the stream: %v", err)
		return f
	}
	times := make([]int, len(p.events)+1)
	last := map[phone.Subject]uint64{}
	for _, e := range held {
		epoch, _, _ := strings.Cut(e.Id, "-")
		seq, err := sequence(e)
		if err != nil || epoch != p.epoch || seq == 0 || seq > uint64(len(p.events)) {
			f.add("the stream holds event %s, which is not in the log", e.Id)
			continue
		}
		times[seq]++
		of := p.events[seq-1].Subject()
		if seq <= last[of] {
			f.add("event %d of %s comes behind %d", seq, of, last[of])
		}
		last[of] = max(last[of], seq)
	}
	for seq, n := range times[1:] {
		if n != 1 {
			f.add("event %d is %d times in the stream", seq+1, n)
		}
	}
	return f
}

// checkWebhook finds events that the webhook lacks, or got before an earlier one of their
// subject.
func (p *picture) checkWebhook(hook *webhooksim.Receiver) (f findings) {
	for _, wrong := range hook.Wrong() {
		f.add("a request was wrong: %s", wrong)
	}
	taken := map[uint64]bool{}
	last := map[phone.Subject]uint64{}
	for _, e := range hook.Taken() {
		epoch, digits, _ := strings.Cut(e.ID, "-")
		seq, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || epoch != p.epoch || seq == 0 || seq > uint64(len(p.events)) {
			f.add("it got event %s, which is not in the log", e.ID)
			continue
		}
		if of := p.events[seq-1].Subject(); !taken[seq] { // what comes again is no news
			if seq < last[of] {
				f.add("event %d of %s comes behind %d", seq, of, last[of])
			}
			last[of] = max(last[of], seq)
		}
		taken[seq] = true
	}
	for i := range p.events {
		e := &p.events[i]
		wanted := e.Kind == alert.KindChange || e.Alert != nil && slices.Contains(e.Alert.Channels, "siem")
		if taken[e.Seq] != wanted {
			f.add("event %d, wanted %t, was taken %t", e.Seq, wanted, taken[e.Seq])
		}
	}
	return f
}

// checkAlertmanager finds alerts that are open and do not fire there, or the reverse, and
// ends that are told and did not happen, or the reverse.
func (p *picture) checkAlertmanager(manager *alertmanagersim.Server) (f findings) {
	for _, wrong := range manager.Wrong() {
		f.add("a request was wrong: %s", wrong)
	}
	open, ended := map[string]bool{}, map[string]bool{}
	for i := range p.events {
		a := p.events[i].Alert
		if a == nil || !slices.Contains(a.Channels, "pager") || a.IsNotice() {
			continue
		}
		name := a.Rule + " " + a.Subject.PhoneNumber
		open[name] = !a.State.Closed()
		if a.State.Closed() {
			ended[name+a.Changed.UTC().Format(time.RFC3339Nano)] = true
		}
	}
	fires := map[string]bool{}
	for _, a := range manager.Firing() {
		name := a.Labels["alertname"] + " " + a.Labels["number"]
		fires[name] = true
		if a.Labels["alertname"] != "queue-moved" && !open[name] { // which is a notice
			f.add("%s fires there, and is over", name)
		}
	}
	for name, is := range open {
		if is && !fires[name] {
			f.add("%s does not fire there, and is open", name)
		}
	}
	for _, a := range manager.Ends() {
		at := a.Labels["alertname"] + " " + a.Labels["number"] + a.EndsAt.UTC().Format(time.RFC3339Nano)
		if !ended[at] {
			f.add("%s was told to end, and did not then", at)
		}
	}
	return f
}

func (r *rig) storePath() string { return filepath.Join(r.dir, "numwatch.db") }

// checkGroup finds alerts of which a group heard last what does not hold, and more that it
// was told twice than was in doubt at a kill.
func (p *picture) checkGroup(kind string, group *robotsim.Group, kills int) (f findings) {
	heard := map[string]bool{} // whether it heard last that an alert is open
	for i := range p.messages {
		m := &p.messages[i]
		if m.Kind != kind {
			continue
		}
		if m.State != alert.Posted {
			f.add("what the group was told in %s is %s: %s", m.ID, m.State, m.Reason)
		}
		for _, s := range m.Alerts {
			if _, twice := heard[s.Alert]; twice {
				f.add("two records say what the group heard of alert %s", s.Alert)
			}
			heard[s.Alert] = s.NotifiedOpen
		}
	}
	goesOn := map[string]bool{} // incidents of which the end is not to be told yet
	for _, a := range p.alerts {
		goesOn[a.Incident] = goesOn[a.Incident] || a.State == alert.Firing || a.Flapping
	}
	for id, a := range p.alerts {
		open, told := heard[id]
		switch {
		case !slices.Contains(a.Channels, crashRobots[kind]) || a.Flapping || a.Notified == 0:
		case a.State == alert.Firing && !open, a.State.Closed() && told && open && !goesOn[a.Incident]:
			f.add("the group heard last that alert %s is open: %t, but it is %s", id, open, a.State)
		}
	}
	said, twice := map[string]bool{}, 0
	for _, m := range group.Taken() {
		if text := m.Title + m.Text; said[text] {
			twice++
		} else {
			said[text] = true
		}
	}
	if twice > kills {
		f.add("the group was told %d messages twice in %d kills", twice, kills)
	}
	for code, n := range group.Answers() {
		if code != 0 {
			f.add("the group answered %d %d times", code, n)
		}
	}
	return f
}
