package remote

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"numwatch/alert"
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
	CallingCallbackURL     string `name:"CallingCallbackUrl" placeholder:"TEXT" help:"Part of it."`
	CallingStatus          string `name:"CallingStatus" placeholder:"TEXT" help:"Part of it."`
	CallHoursStatus        string `name:"CallHoursStatus" placeholder:"TEXT" help:"Part of it."`
	MaxTalkTime            string `name:"MaxTalkTime" placeholder:"TEXT" help:"Part of it, in minutes."`
	CallHours              string `name:"CallHours" placeholder:"TEXT" help:"Part of the other call settings, such as Asia/Singapore."`
}

func (f *fieldFlags) set(q url.Values) {
	set(q, "VerifiedName", f.VerifiedName, "Status", f.Status, "QualityRating", f.QualityRating,
		"CodeVerificationStatus", f.CodeVerificationStatus, "NameStatus", f.NameStatus, "NewNameStatus", f.NewNameStatus,
		"MessagingLimitTier", f.MessagingLimitTier, "IsOfficial", f.IsOfficial, "StatusQueue", f.StatusQueue, "UpQueue", f.UpQueue,
		"StatusCallbackUrl", f.StatusCallbackURL, "UpCallbackUrl", f.UpCallbackURL,
		"CallingCallbackUrl", f.CallingCallbackURL, "CallingStatus", f.CallingStatus, "CallHoursStatus", f.CallHoursStatus,
		"MaxTalkTime", f.MaxTalkTime, "CallHours", f.CallHours)
}

type NumbersCommand struct {
	asking
	Account string            `placeholder:"NAME" complete:"accounts" help:"Only of this account."`
	Space   string            `placeholder:"ID" complete:"spaces" help:"Only of this space, by its id or name."`
	Label   map[string]string `placeholder:"KEY=VALUE" complete:"labels" help:"Only of spaces with this label."`
	fieldFlags
	paged
	Search string `arg:"" optional:"" help:"Part of a number, of its verified name, or of its space's name or id."`
}

// Run lists numbers as they stand.
func (c *NumbersCommand) Run(ctx context.Context, p *command.Program) error {
	if isNumber(c.Search) {
		c.Search = phone.Digits(c.Search)
	}
	list, err := c.list(ctx, p)
	if err == nil && list.Total == 0 {
		if err = c.check(ctx, p); err == nil {
			list, err = c.list(ctx, p)
		}
	}
	if err != nil {
		return err
	}
	c.Print(p, list, func() {
		if len(list.Numbers) > 0 {
			printNumbers(p, &list)
		}
		c.printRest(p, len(list.Numbers), list.Total, "number")
	})
	return nil
}

func (c *NumbersCommand) query() url.Values {
	q := c.paged.query()
	set(q, "q", c.Search, "account", c.Account, "space", c.Space)
	c.set(q)
	for k, v := range c.Label {
		q.Set("label."+k, v)
	}
	return q
}

func (c *NumbersCommand) list(ctx context.Context, p *command.Program) (list api.NumberList, err error) {
	return list, c.GetJSON(ctx, p, "/api/v1/numbers?"+c.query().Encode(), &list)
}

// check reports names that do not exist, and resolves the space's name.
func (c *NumbersCommand) check(ctx context.Context, p *command.Program) error {
	for name, values := range c.query() {
		f, ok := phone.ParseField(name)
		if !ok {
			continue
		}
		for v := range strings.SplitSeq(values[0], ",") {
			if err := value(f, strings.TrimSpace(v)); err != nil {
				return err
			}
		}
	}
	m, err := (&directory{Client: c.Client, p: p}).named(ctx, alert.Matcher{Account: c.Account, Space: c.Space, Labels: c.Label})
	c.Account, c.Space = m.Account, m.Space
	return err
}

func printNumbers(p *command.Program, list *api.NumberList) {
	var rows [][]string
	for i := range list.Numbers {
		n := list.Numbers[i].Number
		rows = append(rows, []string{
			n.PhoneNumber, cmp.Or(list.Numbers[i].Space.Name, list.Numbers[i].Space.ID), n.Get(phone.VerifiedName),
			n.Get(phone.Status), n.Get(phone.QualityRating), n.Get(phone.MessagingLimitTier),
		})
	}
	p.PrintTable([]string{"NUMBER", "SPACE", "NAME", "STATUS", "QUALITY", "LIMIT"}, rows)
}
