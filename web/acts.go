package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// What is shown after a form was sent, by the word in the address.
var outcomes = map[string]string{
	"reloaded": "The rules were reloaded and are in force.",
	"refused":  "The rules have errors, which are listed below. The last good rules stay in force.",
	"retried":  "The parked channels are being tried again.",
	"posted":   "The alerts of the dead letter are being posted again.",
	"named":    "Your name is remembered in this browser.",
	"acked":    "Acknowledged: reminders and escalation stop until it gets worse.",
	"unacked":  "The acknowledgement is withdrawn.",
	"silenced": "Silenced: alerts that still fire when the silence ends are shown then.",
	"planned":  "The silence is planned: until it begins, it holds back nothing.",
	"drilled":  "The drill was sent: it is in its channels now, marked as one, and among the recently closed alerts.",
	"ended":    "The silence has ended: alerts that it held back and that still fire are shown now.",
	"over":     "That no longer exists: nothing was changed.",
	"undone":   "That was not possible: enter your name, and check whether the alert is still open.",
	"nothing":  "Nothing was selected: tick the alerts first.",
	"failed":   "That failed; the log says why. Try again once numwatch is ready.",
}

// notice says what a form did, to what, and how to undo it.
type notice struct {
	Root, By string
	Done     string // the word for it
	Text     string
	Tone     display.Tone
	Undo     string // where to, from the root; "": it cannot be undone
	IDs      string // of what
}

// undoing is how what a form has done is undone.
var undoing = map[string]string{"acked": "alerts/unack", "unacked": "alerts/ack", "silenced": "silences/end", "planned": "silences/end"}

// noticeOf says what was done to incidents, alerts or silences.
func (s *site) noticeOf(r *http.Request, done string, ids []string) *notice {
	n := &notice{Root: root(r), By: s.nameOf(r), Done: done, Text: outcomes[done], Tone: display.Off}
	switch done {
	case "over", "undone", "nothing":
		n.Tone = display.Watch
	case "failed", "refused":
		n.Tone = display.Dire
	}
	if n.Text == "" {
		return nil
	}
	var about string
	if done == "silenced" || done == "planned" || done == "ended" {
		about, ids = s.aboutSilences(ids)
	} else {
		about, ids = s.aboutIncidents(ids)
	}
	if about == "" {
		return n
	}
	n.Text = about + ". " + n.Text
	if n.Undo = undoing[done]; n.Undo != "" {
		n.IDs = strings.Join(ids, ",")
	}
	return n
}

// aboutIncidents names incidents or alerts by their number and rule, or by how many there
// are of each rule, and returns the ids of those that exist.
func (s *site) aboutIncidents(ids []string) (about string, known []string) {
	var rules []string
	counts := map[string]int{}
	for _, id := range ids {
		alerts := s.alertsOfIncident(id)
		if len(alerts) == 0 {
			continue
		}
		known = append(known, id)
		worst := slices.MinFunc(alerts, compareAlerts)
		if counts[worst.Rule]++; counts[worst.Rule] == 1 {
			rules = append(rules, worst.Rule)
		}
		row := s.alertRow(worst)
		about = worst.Rule + " of " + s.customer(worst)
		if row.Number != "" {
			about = row.Number + " " + about
		}
	}
	if len(known) < 2 {
		return about, known
	}
	slices.SortStableFunc(rules, func(a, b string) int { return counts[b] - counts[a] })
	about = phone.Count(len(known), "incident") + ": "
	for i, rule := range rules {
		if i == 3 {
			about += " and others"
			break
		}
		if i > 0 {
			about += ", "
		}
		about += fmt.Sprintf("%d × %s", counts[rule], rule)
	}
	return about, known
}

// aboutSilences names silences by their matchers.
func (s *site) aboutSilences(ids []string) (about string, known []string) {
	for _, id := range ids {
		if one, ok := s.View.Silence(id); ok {
			known = append(known, id)
			about = display.Text(one.Match.String())
		}
	}
	if len(known) > 1 {
		about = phone.Count(len(known), "silence")
	}
	return about, known
}

// back leads the browser to a page, so that reading it again repeats nothing, or answers
// with the notice alone.
func (s *site) back(w http.ResponseWriter, r *http.Request, to, done string, about ...string) {
	if r.Header.Get(inPlace) != "" {
		s.answer(w, r, s.noticeOf(r, done, about))
		return
	}
	values := url.Values{"done": {done}}
	if len(about) > 0 {
		values.Set("about", strings.Join(about, ","))
	}
	// Relative, unlike what http.Redirect makes of it: see root.
	w.Header().Set("Location", root(r)+to+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// inPlace is the header with which a page's script asks for the notice alone.
const inPlace = "X-In-Place"

// mostNamed is how many ids an address holds; the notice of more cannot be undone without
// scripts.
const mostNamed = 50

// decided leads back to the page that the form is on, or answers with the notice alone.
func (s *site) decided(w http.ResponseWriter, r *http.Request, done string, ids []string, err error) {
	done = s.outcome(r, done, err)
	if r.Header.Get(inPlace) != "" {
		s.answer(w, r, s.noticeOf(r, done, ids))
		return
	}
	page, values := "alerts", url.Values{}
	if from, err := url.Parse(r.Referer()); err == nil {
		// With what was chosen there. The address is rebuilt: only the page, one of two,
		// and the query are taken from it.
		if strings.HasSuffix(from.Path, "/silences") {
			page = "silences"
		}
		values = from.Query()
	}
	values.Set("done", done)
	values.Del("about")
	if undoing[done] != "" && len(ids) > 0 && len(ids) <= mostNamed {
		values.Set("about", strings.Join(ids, ","))
	}
	w.Header().Set("Location", root(r)+page+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// answer renders a notice for a script, which inserts it into the page.
func (s *site) answer(w http.ResponseWriter, r *http.Request, n *notice) {
	if from, err := url.Parse(r.Referer()); err == nil {
		n.Root = rootOf(from.EscapedPath())
	}
	s.execute(w, http.StatusOK, templates["lost"].Lookup("notice"), "notice", n)
}

// outcome is the word for how a form's request went.
func (s *site) outcome(r *http.Request, done string, err error) string {
	switch {
	case err == nil:
		return done
	case errors.Is(err, errNothing):
		return "nothing"
	case errors.Is(err, alert.ErrNotFound):
		return "over"
	case errors.Is(err, alert.ErrRejected):
		return "undone"
	default:
		s.Logger.WarnContext(r.Context(), "a request could not be carried out", "path", r.URL.Path, "err", err)
		return "failed"
	}
}

// change is what a form asks for to be done to what it names; it returns the ids of what
// it did.
type change func(s *site, r *http.Request, by string, ids []string) (done []string, err error)

// byForm serves a form about what the path names.
func byForm(done string, do change) handler {
	return prompt(func(s *site, w http.ResponseWriter, r *http.Request) {
		by, err := s.named(w, r)
		var ids []string
		if err == nil {
			ids, err = do(s, r, by, []string{r.PathValue("id")})
		}
		s.decided(w, r, done, ids, err)
	})
}

var errNothing = fmt.Errorf("%w: nothing was selected", alert.ErrRejected)

// byList serves a form about all that it lists: in `ids`, as a group's button does, or
// else as was ticked.
func byList(done string, do change) handler {
	return prompt(func(s *site, w http.ResponseWriter, r *http.Request) {
		by, err := s.named(w, r)
		var ids []string
		if err == nil {
			if ids = listed(r.PostForm); len(ids) == 0 {
				err = errNothing
			} else {
				ids, err = do(s, r, by, ids)
			}
		}
		s.decided(w, r, done, ids, err)
	})
}

func listed(form url.Values) (ids []string) {
	for id := range strings.SplitSeq(form.Get("ids"), ",") {
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		ids = form["id"]
	}
	return ids
}

// atOnce is how many decisions are in flight at once: the loop stores them in one commit.
const atOnce = 50

// each applies a change to each id, and returns the ids that it changed. Alerts that have
// closed meanwhile are left out, unless there are no others.
func each(ids []string, do func(id string) error) (done []string, err error) {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, id := range ids {
		places <- struct{}{}
		all.Go(func() {
			errs[i] = do(id)
			<-places
		})
	}
	all.Wait()
	for i, one := range errs {
		switch {
		case one == nil:
			done = append(done, ids[i])
		case errors.Is(one, alert.ErrRejected) || errors.Is(one, alert.ErrNotFound):
			if err == nil {
				err = one
			}
		default:
			return done, one
		}
	}
	if len(done) > 0 {
		err = nil
	}
	return done, err
}

func (s *site) ackAll(r *http.Request, by string, ids []string) ([]string, error) {
	return each(ids, func(id string) error {
		_, err := s.decide(r.Context(), id, by, s.Operator.Ack)
		return err
	})
}

func (s *site) unackAll(r *http.Request, by string, ids []string) ([]string, error) {
	return each(ids, func(id string) error {
		_, err := s.decide(r.Context(), id, by, s.Operator.Unack)
		return err
	})
}

func (s *site) endSilences(r *http.Request, by string, ids []string) ([]string, error) {
	return each(ids, func(id string) error { return s.Operator.EndSilence(r.Context(), id, by) })
}

// silenceAll silences what is open of incidents, for a time that the form says: with one
// silence for an incident, or for all alerts of a rule in an account.
func (s *site) silenceAll(r *http.Request, by string, ids []string) ([]string, error) {
	// A button says for how long, or else the menu beside those for all.
	length, err := lengthOf(cmp.Or(r.PostFormValue("for"), r.PostFormValue("during")))
	if err != nil {
		return nil, err
	}
	var made []string
	for _, match := range s.matchersOf(ids) {
		one, err := s.makeSilence(r.Context(), api.SilenceRequest{Match: match, For: length, By: by, Reason: cmp.Or(r.PostFormValue("reason"), "a button on the alerts page")})
		if err != nil {
			return made, err
		}
		made = append(made, one.ID)
	}
	if len(made) == 0 {
		return nil, fmt.Errorf("%w: %s", alert.ErrNotFound, strings.Join(ids, ", "))
	}
	return made, nil
}

// matchersOf returns matchers that choose what is open of incidents.
func (s *site) matchersOf(ids []string) (all []alert.Matcher) {
	type alike struct {
		rule, account string
		kind          phone.Kind
	}
	var order []alike
	subjects := map[alike][]phone.Subject{}
	for _, id := range ids {
		open := slices.DeleteFunc(slices.Clone(s.alertsOfIncident(id)), func(a *alert.Alert) bool { return a.State.Closed() })
		if len(ids) == 1 && len(open) > 0 {
			return []alert.Matcher{matchOpen(open)}
		}
		for _, a := range open {
			key := alike{a.Rule, a.Subject.Account, a.Subject.Kind()}
			if subjects[key] == nil {
				order = append(order, key)
			}
			subjects[key] = append(subjects[key], a.Subject)
		}
	}
	for _, key := range order {
		all = append(all, alert.MatchSubjects(key.rule, subjects[key]))
	}
	return all
}

// a request that only sets a name changes nothing.
func nothing(*site, *http.Request, string, []string) ([]string, error) { return nil, nil }

// deciding is a decision about one alert.
type deciding func(ctx context.Context, id, by string) (alert.Alert, error)
