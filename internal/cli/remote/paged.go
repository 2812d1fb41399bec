package remote

import (
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

// printRest says, below a table if there is one, how much is not in it and how
// to see that.
func (l paged) printRest(p *command.Program, shown, total int, thing string) {
	next := l.Offset + shown
	switch {
	case total == 0:
		p.Printf("no %ss match\n", thing)
	case shown == 0:
		p.Printf("no more: there are %s\n", phone.Count(total, thing))
	case total <= next:
	case l.Offset > 0:
		p.Printf("\n%d to %d of %s: --offset %d shows the next\n", l.Offset+1, next, phone.Count(total, thing), next)
	case l.Limit >= maxLimit:
		p.Printf("\n%d of %s: --offset %d shows the next\n", shown, phone.Count(total, thing), next)
	default:
		p.Printf("\n%d of %s: --limit %d shows more\n", shown, phone.Count(total, thing), min(total, maxLimit))
	}
}

// everyPage reads a whole list, page by page; read answers with the page at an offset, and
// with how many there are in all.
func everyPage[T any](read func(offset int) (page []T, total int, err error)) (all []T, err error) {
	for {
		page, total, err := read(len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) == 0 || len(all) >= total {
			return all, nil
		}
	}
}
