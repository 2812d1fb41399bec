package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"numwatch/phone"
)

// print writes what was measured as a table in Markdown, a column for each
// fleet.
func print(w io.Writer, all []figures) {
	table := [][]string{{""}, {"numbers"}, {"spaces"}, {"accounts"}}
	for _, f := range all {
		s := f.plan.shape
		table[0] = append(table[0], "")
		table[1] = append(table[1], phone.Grouped(s.total()))
		table[2] = append(table[2], phone.Grouped(s.spaces))
		table[3] = append(table[3], phone.Grouped(s.accounts))
	}
	for _, row := range rows {
		cells := []string{row.name}
		for i := range all {
			cells = append(cells, row.of(&all[i]))
		}
		table = append(table, cells)
	}
	for i, cells := range table {
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(cells)))
		}
	}
}

// rows are the lines of the report.
var rows = []struct {
	name string
	of   func(f *figures) string
}{
	{"first round, all on NATS", func(f *figures) string { return f.first.took.Round(100 * time.Millisecond).String() }},
	{"the same: processor, in cores", func(f *figures) string { return fmt.Sprintf("%.2f", f.first.cores()) }},
	{"the same: memory at its end, without pages of files", func(f *figures) string { return megabytes(f.first.memory.own) }},
	{"the same: snapshots in the store", func(f *figures) string { return megabytes(int64(size(f.firstBuckets, "spaces", "numbers"))) }},
	{"the same: log, bytes an event", func(f *figures) string { return perRecord(f.firstBuckets, "log") }},
	{"stop", func(f *figures) string { return short(f.stop) }},
	{"start without page cache: to the first poll", func(f *figures) string { return short(f.toPoll) }},
	{"to ready", func(f *figures) string { return short(f.toStarted) }},
	{"to the fleet counted", func(f *figures) string { return short(f.toCounted) }},
	{"no changes: polls a second", func(f *figures) string { return fmt.Sprintf("%.0f", f.calm.pollsPerSecond()) }},
	{"processor, in cores", func(f *figures) string { return fmt.Sprintf("%.3f", f.calm.cores()) }},
	{"processor, a poll", func(f *figures) string { return perPoll(f.calm) }},
	{"memory, without pages of files", func(f *figures) string { return megabytes(f.calm.memory.own) }},
	{"pages of files, the store's and the program's", func(f *figures) string { return megabytes(f.calm.memory.mapped) }},
	{"changes: events a second", func(f *figures) string { return fmt.Sprintf("%.0f", float64(f.busy.events)/f.busy.took.Seconds()) }},
	{"processor, in cores", func(f *figures) string { return fmt.Sprintf("%.3f", f.busy.cores()) }},
	{"memory, without pages of files", func(f *figures) string { return megabytes(f.busy.memory.own) }},
	{"from answer to consumer: changes", func(f *figures) string { return phone.Grouped(len(f.delays)) }},
	{"the same: p50", func(f *figures) string { return short(quantile(f.delays, 0.5)) }},
	{"the same: p99", func(f *figures) string { return short(quantile(f.delays, 0.99)) }},
	{"the same: longest", func(f *figures) string { return short(quantile(f.delays, 1)) }},
	{"store at the end, the whole file", func(f *figures) string { return megabytes(f.fileSize) }},
	{"snapshots", func(f *figures) string { return megabytes(int64(size(f.buckets, "spaces", "numbers"))) }},
	{"requests refused", func(f *figures) string { return phone.Grouped(f.refused) }},
}

func size(all []bucket, names ...string) (n int) {
	for _, b := range all {
		for _, name := range names {
			if b.name == name {
				n += b.bytes
			}
		}
	}
	return n
}

func perRecord(all []bucket, name string) string {
	for _, b := range all {
		if b.name == name && b.records > 0 {
			return fmt.Sprint(b.bytes / b.records)
		}
	}
	return "-"
}

func perPoll(s span) string {
	if s.polls == 0 {
		return "-"
	}
	return (s.cpu / time.Duration(s.polls)).Round(time.Microsecond).String()
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func short(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
