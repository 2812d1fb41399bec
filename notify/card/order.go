package card

import (
	"cmp"
	"slices"
	"sort"

	"numwatch/alert"
)

// SortWorstFirst orders alerts as messages list them.
func SortWorstFirst(alerts []alert.Alert) {
	sort.Slice(alerts, func(i, j int) bool { return Worst(&alerts[i], &alerts[j]) < 0 })
}

// Worst orders open before closed, then by severity, time, subject and field.
func Worst(x, y *alert.Alert) int {
	return cmp.Or(compareBool(Over(x), Over(y)), cmp.Compare(x.Severity, y.Severity), x.Since.Compare(y.Since),
		x.Subject.Compare(y.Subject), cmp.Compare(x.Field, y.Field), cmp.Compare(x.ID, y.ID))
}

// Over reports whether the alert is closed, other than a notice, which is read like
// one that opened.
func Over(a *alert.Alert) bool { return a.State.Closed() && !a.IsNotice() }

// Open returns the alerts that are not closed.
func Open(alerts []alert.Alert) []alert.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert.Alert) bool { return a.State.Closed() })
}
