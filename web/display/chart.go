package display

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"numwatch/internal/view"
)

// Chart shows changes over time: what became better (and what is neither) above
// the line, what became worse below. Positions along are in percent, so that it
// fits any width; positions across in pixels, of which the page's template has
// those that are always the same.
type Chart struct {
	Ranges               []Link
	Bars                 []chartBar
	Ticks                []tick
	Better, Worse, Other int
	Described            string
}

type chartBar struct {
	view.Bar
	X, Width         string // percent
	BetterY, BetterH int
	OtherY, OtherH   int
	WorseH           int
	Text             string
	Begin            Stamp
}

const chartHalf = 64 // pixels above and below the line

// span of time that the chart may show.
type chartRange struct {
	name, text string
	bars       int
	width      time.Duration
	tick       tickForm
}

var chartRanges = []chartRange{
	{"1h", "1 hour", 60, time.Minute, formTime},
	{"24h", "24 hours", 48, 30 * time.Minute, formTime},
	{"7d", "7 days", 84, 2 * time.Hour, formDay},
	{"30d", "30 days", 60, 12 * time.Hour, formDay},
}

// ChartRanges names the ranges that a chart may have; without a name it chooses itself.
func ChartRanges() []string {
	names := []string{""}
	for _, one := range chartRanges {
		names = append(names, one.name)
	}
	return names
}

// NewChart draws the changes up to now, over the range of that name: without one, over an
// NewChart for a bot that has just begun, and over a day otherwise. activity counts changes
// in several bars of a width.
func NewChart(activity func(now time.Time, several int, width time.Duration) []view.Bar, wanted string, now time.Time) Chart {
	chosen := chartRanges[1]
	bars := activity(now, chosen.bars, chosen.width)
	if wanted == "" && young(bars) {
		wanted = "1h"
	}
	for _, one := range chartRanges {
		if one.name == wanted {
			chosen = one
			bars = activity(now, one.bars, one.width)
		}
	}
	c := Chart{Ticks: ticks(bars[0].From, time.Duration(len(bars))*chosen.width, chosen.tick)}
	for _, one := range chartRanges {
		c.Ranges = append(c.Ranges, Link{Text: one.text, Href: "?over=" + one.name, Here: one.name == chosen.name})
	}
	greatest := 1
	for _, b := range bars {
		c.Better += b.Better
		c.Worse += b.Worse
		c.Other += b.Other
		greatest = max(greatest, b.Better+b.Other, b.Worse)
	}
	for i, b := range bars {
		c.Bars = append(c.Bars, newChartBar(b, i, len(bars), greatest, now))
	}
	c.Described = fmt.Sprintf("Changes in the last %s: %d for the better, %d for the worse, %d others", chosen.text, c.Better, c.Worse, c.Other)
	return c
}

// young reports whether all changes are of the last two bars: a bot that has just
// begun shows more within an hour.
func young(bars []view.Bar) bool {
	last := len(bars) - 2
	busy := func(b view.Bar) bool { return b.Better+b.Worse+b.Other > 0 }
	return slices.ContainsFunc(bars[last:], busy) && !slices.ContainsFunc(bars[:last], busy)
}

// newChartBar draws the bar at a place of several, of which the greatest takes
// all the room.
func newChartBar(b view.Bar, place, several, greatest int, now time.Time) chartBar {
	height := func(count int) int {
		if count == 0 {
			return 0
		}
		return max(count*(chartHalf-4)/greatest, 2)
	}
	out := chartBar{
		Bar: b, X: Percent(10*place+1, 10*several), Width: Percent(8, 10*several),
		BetterH: height(b.Better), OtherH: height(b.Other), WorseH: height(b.Worse), Begin: Since(b.From, now),
	}
	out.BetterY = chartHalf - 1 - out.BetterH
	out.OtherY = out.BetterY - out.OtherH
	out.Text = fmt.Sprintf("%s to %s: %d better, %d worse, %d other", Clock(b.From), Clock(b.To), b.Better, b.Worse, b.Other)
	return out
}

// Percent writes a share of a whole as SVG wants it.
func Percent[N ~int | ~int64](part, whole N) string {
	return strconv.FormatFloat(100*float64(part)/float64(max(whole, 1)), 'f', 2, 64) + "%"
}
