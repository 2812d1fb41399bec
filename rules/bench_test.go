package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// benchmarkRules makes n rules over all fields and their values, of which one
// matches the change that is judged.
func benchmarkRules(b testing.TB, n int) *rules.Set {
	var text strings.Builder
	text.WriteString(header + "rules:\n")
	fmt.Fprintln(&text, `  - {name: the-one, on: QualityRating, to: [RED], where: 'Status == "CONNECTED"', severity: high, summary: "{New}"}`)
	var values [][2]string
	for f := range phone.FieldsOfNumber() {
		for _, v := range f.Values() {
			if v != "" && v != "RED" {
				values = append(values, [2]string{f.String(), v})
			}
		}
	}
	for i := range n - 1 {
		v := values[i%len(values)]
		fmt.Fprintf(&text, "  - {name: r%d, on: %s, to: [%s], where: 'Labels.tier == \"t%d\"', severity: high, summary: \"{New}\"}\n", i, v[0], v[1], i)
	}
	return parse(b, text.String())
}

func BenchmarkOneMatches(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			w := newTestbed(b, red)
			w.set = benchmarkRules(b, n)
			w.number.Set(phone.QualityRating, "RED")
			in := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "GREEN", "RED")}}
			st := rules.NewState(nil)
			b.ReportAllocs()
			for b.Loop() {
				if len(w.set.Step(st, in, w.now)) != 1 {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkShipped judges changes by the shipped rules, of which one in ten
// opens an alert.
func BenchmarkShipped(b *testing.B) {
	w := shippedTestbed(b)
	quiet := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "YELLOW", "GREEN")}}
	w.number.Set(phone.QualityRating, "RED")
	loud := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "YELLOW", "RED")}}
	st := rules.NewState(nil)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		in := quiet
		if i++; i%10 == 0 {
			in = loud
		}
		w.set.Step(st, in, w.now)
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkAmongOpenAlerts judges a change while 100,000 alerts are open.
func BenchmarkAmongOpenAlerts(b *testing.B) {
	w := shippedTestbed(b)
	st := rules.NewState(nil)
	for i := range 100_000 {
		a := alert.Alert{Rule: "quality-red", Subject: phone.SubjectOf(w.space.SpaceKey, fmt.Sprint(i)), Field: phone.QualityRating, State: alert.Firing}
		a.ID = alert.ID(a.Key(), start)
		st.Apply(a)
	}
	w.number.PhoneNumber = "777"
	in := rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "RED", "GREEN")}}
	b.ReportAllocs()
	for b.Loop() {
		for _, a := range w.set.Step(st, in, w.now) {
			st.Apply(a)
		}
		w.set.Step(st, rules.Tick{}, w.now)
	}
}
