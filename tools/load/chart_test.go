package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChart(t *testing.T) {
	var all []figures
	for i, spaces := range []int{100, 1000, 10_000} {
		f := figures{plan: plan{shape: shape{1, spaces, 10, 10}}, fileSize: 17e6, toStarted: time.Duration(i+1) * time.Second}
		f.calm = span{took: time.Second, cpu: time.Duration(i+1) * 10 * time.Millisecond, memory: memory{own: int64(spaces) * 1e5}}
		all = append(all, f)
	}
	var svg strings.Builder
	require.NoError(t, draw(&svg, all, shape.total, "numbers"))
	for _, shown := range []string{">1,000<", ">100,000<", ">0.030<", ">1000<", ">17<", ">3s<"} {
		require.Contains(t, svg.String(), shown)
	}
	require.Contains(t, svg.String(), `points="40.0,160.0 190.0,112.0 340.0,64.0 "`, "what grows tenfold each time is a straight line")
	require.Contains(t, svg.String(), `points="40.0,160.0 190.0,160.0 340.0,160.0 "`, "and what stays is level")
	for d := xml.NewDecoder(strings.NewReader(svg.String())); ; {
		if _, err := d.Token(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			return
		}
	}
}
