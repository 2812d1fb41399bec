package remote

import (
	"fmt"
	"net/url"
	"strconv"

	"numwatch/internal/cli/command"
	"numwatch/phone"
)

// maxLimit is the longest page that the bot returns.
const maxLimit = 1000

// paged is the flags of the commands that print a part of a list.
type paged struct {
	Limit  int `default:"50" help:"Maximum number of rows, up to 1000."`
	Offset int `placeholder:"N" help:"Skip this many rows."`
}

func (l paged) query() url.Values {
	return url.Values{"limit": {strconv.Itoa(l.Limit)}, "offset": {strconv.Itoa(l.Offset)}}
}

// printNone tells that a part of a list holds nothing.
func (l paged) printNone(p *command.Program, total int, thing string) error {
	if total == 0 {
		_, err := fmt.Fprintf(p.Stdout, "no %ss match\n", thing)
		return err
	}
	_, err := fmt.Fprintf(p.Stdout, "no more: there are %s\n", phone.Count(total, thing))
	return err
}

// printMore tells below a table how much is not in it, and how to see that.
func (l paged) printMore(p *command.Program, shown, total int, thing string) error {
	next := l.Offset + shown
	if total <= next {
		return nil
	}
	part, hint := strconv.Itoa(shown), fmt.Sprintf("--limit %d shows more", min(total, maxLimit))
	if l.Offset > 0 {
		part = fmt.Sprintf("%d to %d", l.Offset+1, next)
	}
	if l.Offset > 0 || l.Limit >= maxLimit {
		hint = fmt.Sprintf("--offset %d shows the next", next)
	}
	_, err := fmt.Fprintf(p.Stdout, "\n%s of %s: %s\n", part, phone.Count(total, thing), hint)
	return err
}
