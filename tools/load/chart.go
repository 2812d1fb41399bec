package main

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"text/template"
	"time"

	"numwatch/phone"
)

// panel is a chart of one figure over the fleets of a sweep. Both axes are
// logarithmic, so that what grows with the fleet is a straight line.
type panel struct {
	Name   string
	X, Y   int // of its corner, in pixels
	Points []point
}

type point struct {
	X, Y         float64 // in the panel, in pixels
	Value, Fleet string
}

// What a panel takes, in pixels, and where in it the points are.
const (
	panelWidth, panelHeight         = 380, 210
	plotLeft, plotRight             = 40, 340
	plotTop, plotBottom     float64 = 64, 160
)

// charted are the figures that have a panel.
var charted = []struct {
	name  string
	of    func(f *figures) float64
	label func(v float64) string
}{
	{"Processor at full pace, cores", func(f *figures) float64 { return f.calm.cores() }, func(v float64) string { return fmt.Sprintf("%.3f", v) }},
	{"Memory, without pages of files, MB", func(f *figures) float64 { return float64(f.calm.memory.own) / 1e6 }, rounded},
	{"Store, the whole file, MB", func(f *figures) float64 { return float64(f.fileSize) / 1e6 }, rounded},
	{"Start with cold files, until ready", func(f *figures) float64 { return f.toStarted.Seconds() }, func(v float64) string {
		return short(time.Duration(v * float64(time.Second)))
	}},
}

func rounded(v float64) string { return fmt.Sprintf("%.0f", v) }

// draw writes the charts of a sweep as SVG. along is what the fleets grow by.
func draw(w io.Writer, all []figures, along func(shape) int, unit string) error {
	var panels []panel
	for i, c := range charted {
		p := panel{Name: c.name, X: i % 2 * panelWidth, Y: i / 2 * panelHeight}
		xs, ys := make([]float64, len(all)), make([]float64, len(all))
		for j := range all {
			xs[j], ys[j] = float64(along(all[j].plan.shape)), c.of(&all[j])
		}
		for j := range all {
			p.Points = append(p.Points, point{
				X: position(xs, xs[j], plotLeft, plotRight), Y: position(ys, ys[j], plotBottom, plotTop),
				Value: c.label(ys[j]), Fleet: phone.Grouped(int(xs[j])),
			})
		}
		panels = append(panels, p)
	}
	rows := (len(panels) + 1) / 2
	return chart.Execute(w, struct {
		Width, Height, Bottom int
		Unit                  string
		Panels                []panel
	}{2 * panelWidth, rows * panelHeight, int(plotBottom), unit, panels})
}

// position puts a value between two ends by its logarithm, where all of them take
// the whole room, or a decade of it if they are closer together.
func position(all []float64, v, from, to float64) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, a := range all {
		least, most = min(least, math.Log10(a)), max(most, math.Log10(a))
	}
	return from + (to-from)*(math.Log10(v)-least)/max(most-least, 1)
}

//go:embed chart.svg
var chartText string

var chart = template.Must(template.New("chart").Parse(chartText))
