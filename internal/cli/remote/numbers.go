package remote

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

// fieldFlags are the fields by which numbers are found, under the cloud's names.
type fieldFlags struct {
	VerifiedName           string `name:"VerifiedName" placeholder:"TEXT" help:"Part of it."`
	Status                 string `name:"Status" placeholder:"V[,V]" help:"One of these values, such as BANNED,RESTRICTED; the next fields work the same way."`
	QualityRating          string `name:"QualityRating" placeholder:"V[,V]" help:"Such as RED."`
	CodeVerificationStatus string `name:"CodeVerificationStatus" placeholder:"V[,V]" help:"Such as NOT_VERIFIED."`
	NameStatus             string `name:"NameStatus" placeholder:"V[,V]" help:"Such as DECLINED."`
	NewNameStatus          string `name:"NewNameStatus" placeholder:"V[,V]" help:"Such as PENDING_REVIEW."`
	MessagingLimitTier     string `name:"MessagingLimitTier" placeholder:"V[,V]" help:"Such as TIER_250."`
	IsOfficial             string `name:"IsOfficial" placeholder:"V" help:"Y or N."`
	StatusQueue            string `name:"StatusQueue" placeholder:"TEXT" help:"Part of the value; '(empty)' finds numbers without one. The next fields work the same way."`
	UpQueue                string `name:"UpQueue" placeholder:"TEXT" help:"Part of it."`
	StatusCallbackURL      string `name:"StatusCallbackUrl" placeholder:"TEXT" help:"Part of it."`
	UpCallbackURL          string `name:"UpCallbackUrl" placeholder:"TEXT" help:"Part of it."`
}

func (f *fieldFlags) set(q url.Values) {
	set(q, "VerifiedName", f.VerifiedName, "Status", f.Status, "QualityRating", f.QualityRating,
		"CodeVerificationStatus", f.CodeVerificationStatus, "NameStatus", f.NameStatus, "NewNameStatus", f.NewNameStatus,
		"MessagingLimitTier", f.MessagingLimitTier, "IsOfficial", f.IsOfficial, "StatusQueue", f.StatusQueue, "UpQueue", f.UpQueue,
		"StatusCallbackUrl", f.StatusCallbackURL, "UpCallbackUrl", f.UpCallbackURL)
}

type NumbersCommand struct {
	asking
	Account string            `placeholder:"NAME" help:"Only of this account."`
	Space   string            `placeholder:"ID" help:"Only of this space."`
	Label   map[string]string `placeholder:"KEY=VALUE" help:"Only of spaces with this label."`
	fieldFlags
	paged
	Search string `arg:"" optional:"" help:"Part of a number, of its verified name, or of its space's name or id."`
}

// Run lists numbers as they stand.
func (c *NumbersCommand) Run(ctx context.Context, p *command.Program) error {
	q := c.query()
	set(q, "q", c.Search, "account", c.Account, "space", c.Space)
	c.set(q)
	for _, k := range slices.Sorted(maps.Keys(c.Label)) {
		q.Set("label."+k, c.Label[k])
	}
	var list api.NumberList
	return c.ask(ctx, p, http.MethodGet, "/api/v1/numbers?"+q.Encode(), nil, &list, func() {
		if len(list.Numbers) > 0 {
			printNumbers(p, &list)
		}
		c.printRest(p, len(list.Numbers), list.Total, "number")
	})
}

func printNumbers(p *command.Program, list *api.NumberList) {
	var rows [][]string
	for i := range list.Numbers {
		n := list.Numbers[i].Number
		rows = append(rows, []string{
			command.Cell(n.PhoneNumber, 16), command.Cell(cmp.Or(list.Numbers[i].Space.Name, list.Numbers[i].Space.ID), 18), command.Cell(n.Get(phone.VerifiedName), 20),
			command.Cell(n.Get(phone.Status), 14), command.Cell(n.Get(phone.QualityRating), 8), command.Cell(n.Get(phone.MessagingLimitTier), 14),
		})
	}
	p.PrintTable([]string{"NUMBER", "SPACE", "NAME", "STATUS", "QUALITY", "LIMIT"}, rows)
}
