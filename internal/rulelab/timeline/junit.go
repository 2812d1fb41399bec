package timeline

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The form in which CI systems read the results of tests.
type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Cases []junitCase `xml:"testcase"`
}

type junitCounts struct {
	Tests    int     `xml:"tests,attr"`
	Failures int     `xml:"failures,attr"`
	Time     seconds `xml:"time,attr"`
}

func (c *junitCounts) add(r *Result) {
	c.Tests++
	c.Time += seconds(r.Seconds)
	if !r.Passed {
		c.Failures++
	}
}

// seconds are written with three decimals.
type seconds float64

// MarshalText writes them.
func (s seconds) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%.3f", float64(s)), nil }

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Time    seconds       `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes results as JUnit's XML, one suite for each file.
func WriteJUnit(w io.Writer, results []Result) error {
	var all junitSuites
	for i := range results {
		r := &results[i]
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != r.File {
			all.Suites = append(all.Suites, junitSuite{Name: r.File})
		}
		c := junitCase{Name: r.Name, Class: r.File, File: r.File, Line: r.Line, Time: seconds(r.Seconds)}
		if !r.Passed {
			message := "see below"
			if r.Steps > 0 {
				message = fmt.Sprintf("%d of %d steps differ", len(r.Failures), r.Steps+1)
			}
			c.Failure = &junitFailure{message, strings.Join(r.Failures, "\n") + "\n"}
		}
		s := &all.Suites[len(all.Suites)-1]
		s.Cases = append(s.Cases, c)
		s.add(r)
		all.add(r)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	}
	return err
}
