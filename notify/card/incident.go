package card

import (
	"cmp"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// incident is what is wrong with one subject, as a message shows it.
type incident struct {
	alerts  []*alert.Alert // all, worst first
	open    []*alert.Alert // worst first, one of each field
	notices []*alert.Alert // worst first
	closed  []ending       // of the fields on which nothing is open; what did not recover first
}

// ending is how the alerts on one field closed: a walk from RED by way of YELLOW
// to GREEN is one ending.
type ending struct{ worst, last *alert.Alert }

// incidentsOf returns the incidents of alerts, worst first.
func incidentsOf(alerts []alert.Alert) []*incident {
	byKey := make(map[string]*incident)
	var all []*incident
	for i := range alerts {
		a := &alerts[i]
		in := byKey[keyOf(a)]
		if in == nil {
			in = &incident{}
			byKey[keyOf(a)] = in
			all = append(all, in)
		}
		in.alerts = append(in.alerts, a)
	}
	for _, in := range all {
		in.arrange()
	}
	slices.SortStableFunc(all, worseIncident)
	return all
}

func worseIncident(x, y *incident) int {
	return cmp.Or(compareBool(x.over(), y.over()), cmp.Compare(x.head().Severity, y.head().Severity), Worst(x.head(), y.head()))
}

func keyOf(a *alert.Alert) string { return cmp.Or(a.Incident, a.Subject.String()) }

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	default:
		return -1
	}
}

// arrange sorts the alerts, and leaves out what says of a field what another says.
func (in *incident) arrange() {
	slices.SortFunc(in.alerts, Worst)
	var open phone.FieldSet
	for _, a := range in.alerts {
		if !a.State.Closed() && !open.Has(a.Field) {
			open = open.With(a.Field)
			in.open = append(in.open, a)
		}
	}
	for _, a := range in.alerts {
		if Over(a) && !open.Has(a.Field) {
			in.end(a)
		}
	}
	slices.SortStableFunc(in.closed, func(x, y ending) int { return compareBool(x.last.Recovered(), y.last.Recovered()) })
	for _, a := range in.alerts {
		if a.IsNotice() && !in.outdated(a) && !in.shows(a.Field, a.Change.New) {
			in.notices = append(in.notices, a)
		}
	}
}

// outdated reports whether there is a later notice of the same rule on the same field.
func (in *incident) outdated(notice *alert.Alert) bool {
	return slices.ContainsFunc(in.alerts, func(a *alert.Alert) bool {
		return a.IsNotice() && a.Rule == notice.Rule && a.Field == notice.Field && a.Changed.After(notice.Changed)
	})
}

func (in *incident) end(a *alert.Alert) {
	i := slices.IndexFunc(in.closed, func(e ending) bool { return e.last.Field == a.Field })
	switch {
	case i < 0:
		in.closed = append(in.closed, ending{a, a})
	case a.Changed.After(in.closed[i].last.Changed):
		in.closed[i].last = a
	}
}

// shows reports whether the incident already says that a field has a value.
func (in *incident) shows(f phone.Field, v string) bool {
	return slices.ContainsFunc(in.open, func(a *alert.Alert) bool { return a.Field == f && a.Change.New == v }) ||
		slices.ContainsFunc(in.closed, func(e ending) bool { return e.last.Field == f && e.last.Change.New == v })
}

// over reports whether nothing is open any more; of notices nothing ever is.
func (in *incident) over() bool { return len(in.open) == 0 && len(in.closed) > 0 }

// head is the alert that the headline is about: the worst that is open.
func (in *incident) head() *alert.Alert {
	switch {
	case len(in.open) > 0:
		return in.open[0]
	case len(in.closed) > 0:
		return in.closed[0].last
	default:
		return in.notices[0]
	}
}

// mark says good news only if there is some.
func (in *incident) mark() Mark {
	if !in.over() {
		return SeverityMark(in.head().Severity)
	}
	return endMark(in.closed)
}

func endMark(closed []ending) Mark {
	switch {
	case all(closed, func(e ending) bool { return e.last.Recovered() }):
		return Mark{"Resolved", Green}
	case all(closed, func(e ending) bool { return e.last.State == alert.Ended }):
		return Mark{"Ended", Gray}
	default:
		return Mark{"Closed", Gray}
	}
}

func all[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(one T) bool { return !is(one) })
}

// lasted is from when to when something was open, as far as is known.
func (in *incident) lasted() (begin, end time.Time) {
	for _, a := range in.alerts {
		if a.IsNotice() && len(in.alerts) > len(in.notices) {
			continue
		}
		since := a.Since
		if len(a.Flaps) > 0 && a.Flaps[0].Before(since) {
			since = a.Flaps[0]
		}
		if begin.IsZero() || since.Before(begin) {
			begin = since
		}
		until := a.Changed
		if a.Transition == alert.Settled { // it closed a while before
			until = valueSince(a)
		}
		if until.After(end) {
			end = until
		}
	}
	return begin, end
}

// critical returns the incidents that are open and critical.
func critical(incidents []*incident) []*incident {
	return slices.DeleteFunc(slices.Clone(incidents), func(in *incident) bool { return in.over() || in.head().Severity != alert.Critical })
}
