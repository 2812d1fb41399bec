package cams

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"numwatch/phone"
	"numwatch/poller/ratelimit"
)

// pageSize is how many instances are asked for at once; maxPages ends a list
// that never does.
const (
	pageSize = 100
	maxPages = 10_000
)

// instance is an entry of ListInstance.
type instance struct {
	InstanceId   text
	CustSpaceId  text
	InstanceName text
}

// space returns the instance as a space of the account; its id is empty if the
// instance has none.
func (i instance) space(account string) phone.Space {
	id := cmp.Or(strings.TrimSpace(i.CustSpaceId.value), strings.TrimSpace(i.InstanceId.value))
	return phone.Space{
		SpaceKey: phone.SpaceKey{Account: account, ID: id},
		Name:     strings.TrimSpace(i.InstanceName.value),
	}
}

// ListInstance asks for the account's WhatsApp instances, page by page, as spaces
// without labels, in the cloud's order. It needs the RAM action
// cams:ListInstance. The error is always an *Error; a list that is not as long
// as the cloud says, or changed while it was read, is inconsistent.
func (c *Client) ListInstance(ctx context.Context) ([]phone.Space, error) {
	var list []phone.Space
	seen := map[string]bool{}
	entries, total := 0, ""
	for page := 1; page <= maxPages; page++ {
		call, answer, err := c.page(ctx, page)
		if err != nil {
			return nil, err
		}
		if page > 1 && answer.TotalCount.value != total {
			return nil, c.inconsistent(call, answer, "the list of instances changed while it was read")
		}
		total = answer.TotalCount.value
		var data []instance
		if len(answer.Data) > 0 {
			if wrong := json.Unmarshal(answer.Data, &data); wrong != nil {
				return nil, c.inconsistent(call, answer, "the list of instances cannot be read: "+wrong.Error())
			}
		}
		entries += len(data)
		before := len(seen)
		for _, i := range data {
			if s := i.space(c.account); s.ID != "" && !seen[s.ID] {
				seen[s.ID] = true
				list = append(list, s)
			}
		}
		want, notANumber := strconv.Atoi(total)
		if notANumber == nil && entries >= want {
			return list, nil
		}
		if len(data) == 0 || len(seen) == before {
			if notANumber == nil {
				return nil, c.inconsistent(call, answer, fmt.Sprintf("the list ends after %d of %d instances", entries, want))
			}
			return list, nil
		}
	}
	return list, nil
}

// page asks for one page of ListInstance.
func (c *Client) page(ctx context.Context, page int) (*call, *answer, error) {
	call := &call{action: "ListInstance", params: map[string]string{
		"ChannelType": "whatsapp",
		"PageIndex":   strconv.Itoa(page),
		"PageSize":    strconv.Itoa(pageSize),
	}}
	answer, err := c.do(ctx, call, ratelimit.Turn{})
	if err != nil {
		return nil, nil, err
	}
	return call, answer, nil
}
