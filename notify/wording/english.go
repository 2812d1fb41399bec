package wording

import (
	"fmt"
	"strings"
	"time"

	"numwatch/phone"
)

var english = Catalogue{
	Language: phone.English,

	Colon: ": ", Comma: ", ", Semicolon: "; ", Beside: ", ",
	List: func(names []string) string {
		last := len(names) - 1
		if last < 1 {
			return strings.Join(names, "")
		}
		return strings.Join(names[:last], ", ") + " and " + names[last]
	},
	More: func(n int) string { return phone.Grouped(n) + " more" },

	Mark:  func(word string) string { return word },
	Inner: strings.ToLower,
	Drill: "Drill: ",

	Space:   func(title string) string { return "Space " + title },
	Account: func(name string) string { return "Account " + name },
	Part:    func(component string) string { return "numwatch " + component },
	Field:   phone.Field.String,
	Value:   func(_ phone.Field, shown string) string { return shown },
	Empty:   "(empty)",

	State:     func(f phone.Field, value string) string { return f.String() + " " + value },
	Was:       func(value string) string { return ", was " + value },
	Now:       func(name, value string) string { return "now " + named(name, value) },
	Again:     func(name, value string) string { return named(name, value) + " again" },
	Over:      func(f phone.Field) string { return f.String() + " is over" },
	Still:     func(f phone.Field, _, closing string) string { return f.String() + " " + closing },
	Ended:     "ended",
	Closing:   func(text string) string { return text },
	OpenAgain: ", open again",
	Flapping:  func(how string) string { return "flapping: " + how },
	ComesGoes: "it comes and goes",
	Flaps:     func(n int, value, span string) string { return fmt.Sprintf("%d times %s in %s", n, value, span) },
	NextWord:  func(span string) string { return "; next update once stable for " + span },
	Since:     func(time string) string { return ", since " + time },
	For:       func(state, span string) string { return state + " for " + span },
	OpenFor:   func(span string) string { return " (open for " + span + ")" },
	Settled: func(f phone.Field, value, span string) string {
		return f.String() + " has been " + value + " for " + span + ": no longer flapping"
	},
	StillOpen: func(states string) string { return "still open: " + states },
	Back:      func(closing, _ string) string { return " is " + closing },
	EndedAfter: func(recovered bool, span, now, was string) string {
		text := " after " + span + ": " + now + " (was " + was + ")"
		if recovered {
			return " recovered" + text
		}
		return text
	},
	After:     func(span string) string { return " (after " + span + ")" },
	Meanwhile: func(mark string) string { return "opened and " + mark + " meanwhile" },

	Subjects: func(kind Subject, n int) string {
		return phone.Count(n, [...]string{Component: "component", Account: "account", Space: "space", Number: "number", Mixed: "incident"}[kind])
	},
	At:     inEnglish,
	Others: func(n int, where Where) string { return inEnglish(", and "+phone.Count(n, "other"), where) },
	ListOver: func(subjects string, recovered bool, span, what string) string {
		if recovered {
			subjects += " recovered"
		}
		return subjects + " after " + span + " (" + what + ")"
	},
	NOf: func(n int, subjects string) string { return phone.Grouped(n) + " of " + subjects },
	Tally: func(n, of int, word string) string {
		if of > 0 {
			return phone.Grouped(n) + " of " + phone.Grouped(of) + " " + word
		}
		return phone.Grouped(n) + " " + word
	},
	Yellow:    func(n int) string { return phone.Count(n, "number") + " YELLOW" },
	AllAlerts: "all alerts",
	ListedBy:  "numwatch alerts lists all",
	Rest: func(n int, where string) string {
		return strings.TrimSuffix("and "+phone.Grouped(n)+" more: "+where, ": ")
	},

	Digest: Digest{
		Quiet: func(span string) string { return "nothing happened in " + span + ", and nothing is open" },
		Title: func(opened, ended int, span string, open int, worst string) string {
			now := "nothing is open"
			if open > 0 {
				now = phone.Grouped(open) + " open now, the worst " + worst
			}
			return phone.Grouped(opened) + " opened and " + phone.Grouped(ended) + " ended in " + span + ", " + now
		},
		Titles:  DigestTitles{Open: "Open now", Opened: "Opened", Ended: "Ended", Customers: "Worst customers", Rules: "Noisiest rules"},
		Total:   func(title string, n int) string { return title + ": " + phone.Grouped(n) },
		Of:      func(who, customer string) string { return who + " of " + customer },
		For:     func(span string) string { return ", for " + span },
		After:   func(span string) string { return ", after " + span },
		TakenBy: func(who string) string { return ", taken by " + who },
		Customer: func(title string, open, opened int) string {
			return title + ": " + phone.Grouped(open) + " open, " + phone.Grouped(opened) + " opened"
		},
		Rule: func(name string, opened int) string {
			if opened == 1 {
				return name + ": opened once"
			}
			return name + ": opened " + phone.Grouped(opened) + " times"
		},
		Held: func(n int) string {
			return phone.Count(n, "alert") + " held back by silences, mute times or other rules"
		},
		From: "From", To: "To",
	},

	Severity:  "Severity",
	ToDo:      "What to do",
	ToDoFor:   func(kind string) string { return "What to do, " + kind },
	AdviceFor: func(kind string) string { return "_" + kind + "_: " },
	Runbook:   "Runbook",
	Labels: Labels{
		Number: "Number", Name: "Name", Flapping: "Flapping", Space: "Space", Account: "Account", Part: "Part of numwatch", Labels: "Labels",
		Code: "Code", Reason: "Reason", Why: "Why", Solution: "Solution", TakenBy: "Taken by",
		Opened: "Opened", Until: "Until", Since: "Since", OpenSince: "Open since",
	},
	Links:   Links{Number: "Number", History: "History", Delivery: "Delivery", Spaces: "Spaces", Why: "Why", Silence: "Silence", Manager: "WhatsApp Manager"},
	Buttons: Buttons{Acknowledge: "Acknowledge", SilenceHour: "Silence 1 h", SilenceDay: "Silence 1 day"},
	SpaceOf: func(title, account string) string { return title + ", account " + account },

	Announcement: func(text string) string { return text },
	Press: Press{
		Operators: "Nothing was done: only the operators may press this, as listed in slack.operators of numwatch's configuration.",
		Unknown:   "Nothing was done: numwatch does not know this message any more.",
		Closed:    "Nothing was done: the alerts of this message are closed.",
		Taken:     func(by string) string { return "Nothing was done: " + by + " has already acknowledged it." },
		Failed:    func(why string) string { return "That did not work: " + why },
	},

	Rules: func(names []string) string {
		if len(names) == 1 {
			return "rule " + names[0]
		}
		return "rules " + strings.Join(names, ", ")
	},
	Opened:     func(times int) string { return fmt.Sprintf("opened %d times", times) },
	FirstPoll:  "found by the first poll",
	ShownLate:  func(span string) string { return "shown " + span + " after it opened" },
	TakenBy:    func(who string) string { return "taken by " + who },
	SilencedBy: func(who, until string) string { return "silenced by " + who + " until " + until },
	HeldBy:     func(names []string) string { return "held by " + strings.Join(names, ", ") },
	OfThese:    func(n int, note string) string { return fmt.Sprintf("%d %s", n, note) },
	Time:       func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
}

func named(name, value string) string { return strings.TrimPrefix(name+" "+value, " ") }

// inEnglish adds to a text where that is.
func inEnglish(text string, where Where) string {
	switch {
	case where.Spaces == "":
		return text
	case where.FirstLook:
		return text + " in the first poll of " + where.Spaces
	default:
		return text + " of " + where.Spaces
	}
}
