package cli_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

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

func (r *rig) storePath() string { return filepath.Join(r.dir, "numwatch.db") }
