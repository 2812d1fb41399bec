package backtest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"numwatch/alert"
)

//go:embed report.html
var pageSource string

var pageTemplate = template.Must(template.New("report.html").Funcs(template.FuncMap{"plain": alert.Plain, "minute": minute}).Parse(pageSource))

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// WriteHTML writes one page that needs nothing else: one report, or two about
// the same stretch of the log, the old rules first, and what differs.
func WriteHTML(w io.Writer, reports ...*Report) error {
	page := struct {
		Title  string
		Last   *Report
		Change string // what differs, of two reports
		Tables []Table
	}{"What " + reports[0].Name + " would have sent", reports[len(reports)-1], "", Tables(reports...)}
	if len(reports) > 1 {
		d := Differ(reports[0], page.Last)
		page.Title, page.Change = reports[0].Name+" beside "+page.Last.Name, d.String()
	}
	if err := pageTemplate.Execute(w, page); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
