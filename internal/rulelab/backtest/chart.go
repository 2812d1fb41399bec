package backtest

import (
	"fmt"
	"math"
	"slices"

	"numwatch/alert"
)

// What the page draws, in SVG's own units: the template only writes it down.

// rect is a bar or cell with what it says when pointed at.
type rect struct {
	X, Y, W, H float64
	Class      string
	Title      string
}

// label is a text beside the data.
type label struct {
	X, Y   float64
	Anchor string // start, middle, end
	Text   string
	Class  string
}

// gridLine is a line of the grid.
type gridLine struct{ X1, Y1, X2, Y2 float64 }

// chart is one picture.
type chart struct {
	Title  string
	Note   string
	Width  float64
	Height float64
	Grid   []gridLine
	Rects  []rect
	Labels []label
	Legend []legend
}

type legend struct{ Class, Text string }

const (
	chartWidth = 1000
	gutter     = 44 // left of the plot, for numbers
	plotHeight = 150
	topSpace   = 12
	rowHeight  = 26
)

// severityClass names the colour of a severity.
func severityClass(name string) string { return "sev-" + name }

// perDay stacks a report's alerts of each day by severity. most is the scale's
// end, so that several charts can share it.
func perDay(r *Report, title string, most int) chart {
	c := chart{Title: title, Width: chartWidth, Height: topSpace + plotHeight + 26}
	top := niceTop(most)
	for i := 0; i <= 2; i++ {
		y := topSpace + plotHeight - plotHeight*float64(i)/2
		c.Grid = append(c.Grid, gridLine{gutter, y, chartWidth, y})
		c.Labels = append(c.Labels, label{gutter - 8, y + 4, "end", fmt.Sprint(top * i / 2), "muted"})
	}
	step := (chartWidth - gutter) / float64(max(len(r.Days), 1))
	bar := math.Min(math.Max(step-2, step*0.7), 44)
	for i, d := range r.Days {
		x, y := gutter+step*float64(i)+(step-bar)/2, float64(topSpace+plotHeight)
		for _, s := range slices.Backward(alert.Severities()) {
			n := d.Alerts[s]
			if n == 0 {
				continue
			}
			h := plotHeight * float64(n) / float64(top)
			y -= h
			gap := math.Min(1, h/4) // parts of a bar stand apart
			c.Rects = append(c.Rects, rect{x, y, bar, h - gap, severityClass(s), fmt.Sprintf("%s: %d %s", d.Day, n, s)})
		}
	}
	c.Labels = append(c.Labels, dayLabels(r, step, topSpace+plotHeight+18)...)
	for _, s := range alert.Severities() {
		c.Legend = append(c.Legend, legend{severityClass(s), s})
	}
	return c
}

// dayLabels writes as many of the days as there is room for.
func dayLabels(r *Report, step, y float64) (labels []label) {
	every := int(math.Ceil(64 / step))
	for i, d := range r.Days {
		if i%every == 0 {
			x := math.Min(math.Max(gutter+step*(float64(i)+0.5), gutter+16), chartWidth-18)
			labels = append(labels, label{x, y, "middle", d.Day[5:], "muted"})
		}
	}
	return labels
}

// mostADay is the highest column that perDay has to show.
func mostADay(r *Report) int {
	most := 1
	for _, d := range r.Days {
		sum := 0
		for _, n := range d.Alerts {
			sum += n
		}
		most = max(most, sum)
	}
	return most
}

// niceTop is a round even number at or above n.
func niceTop(n int) int {
	for scale := 1; ; scale *= 10 {
		for _, m := range []int{2, 4, 6, 8, 10} {
			if top := scale * m; top >= n {
				return top
			}
		}
	}
}

// barRow is a line of a bar chart: one bar for each report.
type barRow struct {
	name   string
	values []int
}

// bars draws messages by rule, the loudest first.
func bars(title string, rows []barRow, names []string) chart {
	const left, right, thick = 250, 60, 16.0
	c := chart{Title: title, Width: chartWidth}
	most := 1
	for _, r := range rows {
		most = max(most, slices.Max(r.values))
	}
	y := 4.0
	for _, r := range rows {
		c.Labels = append(c.Labels, label{left - 10, y + thick*float64(len(r.values))/2 + 4, "end", alert.Cut(r.name, 34), ""})
		for i, v := range r.values {
			w := math.Max((chartWidth-left-right)*float64(v)/float64(most), 0)
			top := y + thick*float64(i)
			c.Rects = append(c.Rects, rect{left, top, w, thick - 2, seriesClass(i, len(names)), fmt.Sprintf("%s: %s, %s", r.name, plural(v, "message"), names[i])})
			c.Labels = append(c.Labels, label{left + w + 6, top + thick/2 + 4, "start", fmt.Sprint(v), "number"})
		}
		y += thick*float64(len(r.values)) + 8
	}
	c.Grid = []gridLine{{left, 0, left, y}}
	c.Height = y + 4
	if len(names) > 1 {
		for i, n := range names {
			c.Legend = append(c.Legend, legend{seriesClass(i, len(names)), n})
		}
	}
	return c
}

// seriesClass is the colour of the report: what was before stands back.
func seriesClass(i, of int) string {
	if of > 1 && i == 0 {
		return "before"
	}
	return "after"
}

// heat draws the messages of each channel on each day.
func heat(r *Report, title string) chart {
	const left = 130
	c := chart{Title: title, Width: chartWidth, Note: "The stronger the colour, the more messages; the number is the channel's busiest day."}
	most := 1
	for _, ch := range r.Channels {
		most = max(most, ch.Most)
	}
	step := (chartWidth - left - 60) / float64(max(len(r.Days), 1))
	y := 4.0
	for i := range r.Channels {
		ch := &r.Channels[i]
		c.Labels = append(c.Labels, label{left - 10, y + rowHeight/2, "end", alert.Cut(ch.Title(), 18), ""},
			label{chartWidth - 50, y + rowHeight/2, "start", fmt.Sprint(ch.Most), "number"})
		for d := range r.Days {
			n := r.Days[d].Channels[ch.Channel]
			c.Rects = append(c.Rects, rect{
				left + step*float64(d), y, math.Max(step-1.5, step*0.8), rowHeight - 6, heatClass(n, most),
				fmt.Sprintf("%s, %s: %s", ch.Title(), r.Days[d].Day, plural(n, "message")),
			})
		}
		y += rowHeight
	}
	c.Height = y + 2
	return c
}

// heatClass is one of six shades.
func heatClass(n, most int) string {
	if n == 0 {
		return "heat-0"
	}
	return fmt.Sprintf("heat-%d", 1+int(math.Min(4, math.Floor(5*math.Sqrt(float64(n)/float64(most))))))
}
