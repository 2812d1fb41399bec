package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"numwatch/internal/view"
)

// chart shows changes over time: what became better (and what is neither) above
// the line, what became worse below. Positions along are in percent, so that it
// fits any width; positions across in pixels.
type chart struct {
	Ranges                         []link
	Bars                           []chartBar
	Ticks                          []tick
	Height, Middle, Base           int
	Better, Worse, Other, Greatest int
	Described                      string
}

type chartBar struct {
	X, Width             string // percent
	BetterY, BetterH     int
	OtherY, OtherH       int
	WorseY, WorseH       int
	Text                 string
	From, To             stamp
	Better, Worse, Other int
}

type tick struct{ X, Text, Anchor string }

const (
	chartHalf   = 64 // pixels above and below the line
	chartMargin = 20 // for the times
)

// span of time that the chart may show.
type chartRange struct {
	name, text string
	bars       int
	width      time.Duration
	tick       string // layout of a time
}

var chartRanges = []chartRange{
	{"24h", "24 hours", 48, 30 * time.Minute, "15:04"},
	{"1h", "1 hour", 60, time.Minute, "15:04"},
	{"7d", "7 days", 84, 2 * time.Hour, "Jan 2"},
	{"30d", "30 days", 60, 12 * time.Hour, "Jan 2"},
}

func (s *site) chart(r *http.Request, now time.Time) chart {
	chosen := chartRanges[0]
	c := chart{Height: 2*chartHalf + chartMargin, Middle: chartHalf, Base: 2*chartHalf + chartMargin - 5}
	bars := s.View.Activity(now, chosen.bars, chosen.width)
	wanted := r.URL.Query().Get("over")
	if wanted == "" && young(bars) {
		wanted = "1h"
	}
	for _, one := range chartRanges[1:] {
		if one.name == wanted {
			chosen = one
			bars = s.View.Activity(now, one.bars, one.width)
		}
	}
	for _, i := range []int{1, 0, 2, 3} { // by length
		one := chartRanges[i]
		c.Ranges = append(c.Ranges, link{Text: one.text, Href: "?over=" + one.name, Here: one.name == chosen.name})
	}
	for _, b := range bars {
		c.Better += b.Better
		c.Worse += b.Worse
		c.Other += b.Other
		c.Greatest = max(c.Greatest, b.Better+b.Other, b.Worse)
	}
	for i, b := range bars {
		c.Bars = append(c.Bars, c.bar(b, i, len(bars), now))
	}
	for i := range ticksAlong {
		at := i * len(bars) / ticksAlong
		c.Ticks = append(c.Ticks, tick{percent(at, len(bars)), bars[at].From.Format(chosen.tick), "start"})
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

func (c *chart) bar(b view.Bar, i, n int, now time.Time) chartBar {
	height := func(count int) int {
		if count == 0 {
			return 0
		}
		return max(count*(chartHalf-4)/max(c.Greatest, 1), 2)
	}
	out := chartBar{
		X: percent(10*i+1, 10*n), Width: percent(8, 10*n), BetterH: height(b.Better), OtherH: height(b.Other), WorseH: height(b.Worse),
		From: since(b.From, now), To: since(b.To, now), Better: b.Better, Worse: b.Worse, Other: b.Other,
	}
	out.BetterY = c.Middle - 1 - out.BetterH
	out.OtherY = out.BetterY - out.OtherH
	out.WorseY = c.Middle + 1
	out.Text = fmt.Sprintf("%s to %s: %d better, %d worse, %d other", b.From.Format("Jan 2 15:04"), b.To.Format("15:04 UTC"), b.Better, b.Worse, b.Other)
	return out
}

// percent writes a share of a whole as SVG wants it.
func percent(part, whole int) string {
	return strconv.FormatFloat(100*float64(part)/float64(max(whole, 1)), 'f', 2, 64) + "%"
}
