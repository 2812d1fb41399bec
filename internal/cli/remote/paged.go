package remote

import (
	"numwatch/internal/cli/command"

	"fmt"
	"net/url"
	"strconv"
)

// mostLimit is how much of a list the bot gives at a time.
const mostLimit = 1000

// paged is the flags of the commands that print a part of a list.
type paged struct {
	Limit  int `default:"50" help:"At most this many, up to 1000."`
	Offset int `placeholder:"N" help:"Pass over this many: the next part of a long list."`
}

func (l paged) query() url.Values {
	return url.Values{"limit": {strconv.Itoa(l.Limit)}, "offset": {strconv.Itoa(l.Offset)}}
}

// printNone tells that a part of a list holds nothing.
func (l paged) printNone(p *command.Program, total int, thing string) error {
	if total == 0 {
		_, err := fmt.Fprintf(p.Stdout, "no such %s\n", thing)
		return err
	}
	_, err := fmt.Fprintf(p.Stdout, "no more: there are %s\n", command.Count(total, thing))
	return err
}

// printMore tells below a table how much is not in it, and how to see that.
func (l paged) printMore(p *command.Program, shown, total int, thing string) error {
	next := l.Offset + shown
	if total <= next {
		return nil
	}
	part, hint := strconv.Itoa(shown), fmt.Sprintf("--limit %d shows more", min(total, mostLimit))
	if l.Offset > 0 {
		part = fmt.Sprintf("%d to %d", l.Offset+1, next)
	}
	if l.Offset > 0 || l.Limit >= mostLimit {
		hint = fmt.Sprintf("--offset %d shows the next", next)
	}
	_, err := fmt.Fprintf(p.Stdout, "\n%s of %s: %s\n", part, command.Count(total, thing), hint)
	return err
}
