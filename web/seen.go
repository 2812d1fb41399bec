package web

import (
	"fmt"
	"time"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// sight is how much of what is watched has been seen, so that pages claim nothing about
// the rest.
type sight struct {
	Spaces, Seen int       // watched; of which a poll has succeeded at some time
	Polled       time.Time // the last successful poll since the start; zero: none
	Failing      int       // never seen, for a known reason
	Since        time.Time // when nothing could be polled any more; zero: polls succeed
}

// sights returns the sight of each account, and of all together.
func (s *site) sights(accounts []api.AccountStatus) (all sight, of map[string]*sight) {
	of = map[string]*sight{}
	for i := range accounts {
		of[accounts[i].Name] = &sight{}
	}
	for _, space := range s.Spaces() {
		one, known := of[space.Account], s.View.Space(space.SpaceKey)
		if one == nil {
			one = &sight{}
			of[space.Account] = one
		}
		one.add(sight{Spaces: 1, Polled: known.Polled})
		if hasBeenSeen(known) {
			one.Seen++
		}
	}
	for i := range accounts {
		a := &accounts[i]
		of[a.Name].fail(a, func(id string) bool { return hasBeenSeen(s.View.Space(phone.SpaceKey{Account: a.Name, ID: id})) }, s.Started)
	}
	blind := 0
	for _, one := range of {
		if all.add(*one); !one.Since.IsZero() {
			blind++
			if all.Since.IsZero() || one.Since.After(all.Since) {
				all.Since = one.Since
			}
		}
	}
	if blind < len(of) {
		all.Since = time.Time{}
	}
	return all, of
}

// hasBeenSeen reports whether a poll of a space has succeeded at some time.
func hasBeenSeen(known view.Space) bool { return known.Known || !known.Polled.IsZero() }

func (v *sight) add(one sight) {
	v.Spaces += one.Spaces
	v.Seen += one.Seen
	v.Failing += one.Failing
	if one.Polled.After(v.Polled) {
		v.Polled = one.Polled
	}
}

// manyFail is how many spaces fail, none having been polled meanwhile, where an account
// counts as blind.
const manyFail = 3

// fail takes in what an account cannot poll.
func (v *sight) fail(a *api.AccountStatus, seen func(space string) bool, started time.Time) {
	since := 0
	for _, f := range a.Failing {
		if f.Space != "" && !seen(f.Space) {
			v.Failing++
		}
		if f.Since.After(v.Polled) {
			since++
		}
		if f.Space == "" {
			since = manyFail // the account itself
			v.Failing = v.Spaces - v.Seen
		}
	}
	switch {
	case v.Spaces == 0 || since < min(manyFail, v.Spaces):
	case v.Polled.IsZero():
		v.Since = started
	default:
		v.Since = v.Polled
	}
}

// First reports whether the first round is still under way.
func (v sight) First() bool { return v.Seen+v.Failing < v.Spaces }

// Blind says for how long nothing could be seen, "" where it can.
func (v sight) Blind(now time.Time) string {
	switch {
	case v.Since.IsZero():
		return ""
	case v.Polled.IsZero() && v.Seen == 0:
		return "never polled, blind for " + phone.Span(now.Sub(v.Since))
	default:
		return "blind for " + phone.Span(now.Sub(v.Since))
	}
}

// Looked says how far the first round is.
func (v sight) Looked() string {
	return fmt.Sprintf("%s of %s seen", phone.Grouped(v.Seen), phone.Count(v.Spaces, "space"))
}

// Calm is what the pages may say while no alert is firing.
func (v sight) Calm(now time.Time) string {
	switch blind := v.Blind(now); {
	case blind != "":
		return "Nothing can be seen: " + blind
	case v.Spaces == 0:
		return "No space is watched"
	case v.First():
		return "First round: " + v.Looked()
	case v.Polled.IsZero():
		return "Not polled since the start"
	case v.Seen < v.Spaces:
		return "No alert, but only " + v.Looked()
	default:
		return "Nothing is wrong"
	}
}

// Well reports whether all that is watched is seen.
func (v sight) Well() bool {
	return v.Spaces > 0 && v.Seen == v.Spaces && !v.Polled.IsZero() && v.Since.IsZero()
}

// pill is the state of an account's polling, in a word.
func (v sight) pill(a *api.AccountStatus, now time.Time) heading {
	switch blind := v.Blind(now); {
	case blind != "":
		return heading{blind, display.Dire}
	case len(a.Failing) > 0:
		return heading{phone.Count(len(a.Failing), "failing space"), display.Dire}
	case a.Discovery != nil && a.Discovery.Error != "":
		return heading{"spaces not listed", display.Dire}
	case v.First():
		return heading{"first round: " + v.Looked(), display.Off}
	case v.Spaces > 0 && v.Polled.IsZero():
		return heading{"not polled since the start", display.Off}
	case a.Missing != nil:
		return heading{"spaces missing", display.Watch}
	case a.Plan != "" && !a.Holds:
		return heading{"slower than max_age", display.Watch}
	case len(a.Warnings) > 0:
		return heading{"warning", display.Watch}
	default:
		return heading{"all well", display.Good}
	}
}

// calmTone is the tone in which pages say that no alert is firing.
func calmTone(v sight) display.Tone {
	switch {
	case v.Well():
		return display.Good
	case v.Since.IsZero():
		return display.Off
	default:
		return display.Dire
	}
}
