package backtest

import (
	"strconv"
	"strings"
)

// Table is a part of a report in rows, for terminals and pages alike.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// Tables lists what each report says; where there are several, each table says
// of which rules it is.
func Tables(reports ...*Report) []Table {
	var tables []Table
	for _, r := range reports {
		for _, t := range []Table{rulesTable(r), channelsTable(r), daysTable(r), noiseTable(r), flapTable(r)} {
			if len(reports) > 1 {
				t.Title += " (" + r.Name + ")"
			}
			if len(t.Rows) > 0 {
				tables = append(tables, t)
			}
		}
	}
	return tables
}

func rulesTable(r *Report) Table {
	t := Table{"Rules", []string{"RULE", "SEVERITY", "ALERTS", "OPEN", "MESSAGES", "BROADCAST", "REPLIES", "REMIND"}, nil}
	open := 0
	for _, c := range r.Rules {
		open += c.Open
		t.Rows = append(t.Rows, append([]string{c.Rule, c.Severity.String()}, counts(c.Opened+c.Reopened, c.Open, c.Messages, c.Broadcasts, c.Replies, c.Reminds)...))
	}
	t.Rows = append(t.Rows, append([]string{"(all)", ""}, counts(r.Alerts, open, r.Messages, r.Broadcasts, r.Replies, r.Reminds)...))
	return t
}

func channelsTable(r *Report) Table {
	t := Table{"Channels", []string{"CHANNEL", "MESSAGES", "BROADCAST", "REPLIES", "REMIND", "BUSIEST", "DAY"}, nil}
	for i := range r.Channels {
		c := &r.Channels[i]
		t.Rows = append(t.Rows, append([]string{c.Title()}, append(counts(c.Messages, c.Broadcasts, c.Replies, c.Reminds, c.Most), c.MostOn)...))
	}
	return t
}

func daysTable(r *Report) Table {
	t := Table{"Days", []string{"DAY", "ALERTS", "MESSAGES", "BROADCAST", "REPLIES"}, nil}
	for _, d := range r.Days {
		alerts := 0
		for _, n := range d.Alerts {
			alerts += n
		}
		if alerts+d.Messages+d.Broadcasts+d.Replies > 0 {
			t.Rows = append(t.Rows, append([]string{d.Day}, counts(alerts, d.Messages, d.Broadcasts, d.Replies)...))
		}
	}
	return t
}

func noiseTable(r *Report) Table {
	t := Table{"Noisiest", []string{"WHAT", "NAME", "ALERTS", "MESSAGES", "RULES"}, nil}
	for _, n := range r.Noisiest[:min(len(r.Noisiest), 10)] {
		t.Rows = append(t.Rows, append([]string{n.Subject.String(), n.Name}, append(counts(n.Alerts, n.Messages), strings.Join(n.Rules, ", "))...))
	}
	return t
}

func flapTable(r *Report) Table {
	t := Table{"Flapping: opened three times or more within a day", []string{"RULE", "WHAT", "FIELD", "A DAY", "IN ALL", "FROM"}, nil}
	for _, f := range r.Flapping {
		t.Rows = append(t.Rows, append([]string{f.Rule, f.Subject.String(), f.Field.String()}, append(counts(f.Most, f.Openings), minute(f.From))...))
	}
	return t
}

func counts(values ...int) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strconv.Itoa(v)
	}
	return out
}
