package cams

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller/ratelimit"
)

// healthPerSecond is the limit of GetWhatsappHealthStatus for an account.
const healthPerSecond = 5

// maxReason bounds the provider's texts.
const maxReason = 300

// health is the Data of GetWhatsappHealthStatus.
type health struct {
	CanSendMessage text
	Entities       []healthEntity
}

type healthEntity struct {
	EntityType     text
	CanSendMessage text
	Errors         []struct{ ErrorCode, ErrorDescription, PossibleSolution text }
}

// Health asks the provider why a number cannot send; nil: it says nothing is wrong. It
// needs the RAM action cams:GetWhatsappHealthStatus, and takes no turn of the pace that
// polls share. The error is always an *Error.
func (c *Client) Health(ctx context.Context, number phone.Subject) (*alert.Reason, error) {
	asking := *c
	asking.pace = c.healthPace
	call := &call{action: "GetWhatsappHealthStatus", space: number.Space, params: map[string]string{
		"CustSpaceId": number.Space, "NodeType": "phone", "PhoneNumber": number.PhoneNumber,
	}}
	answer, err := asking.do(ctx, call, ratelimit.Turn{})
	if err != nil {
		return nil, err
	}
	var h health
	if wrong := json.Unmarshal(answer.Data, &h); wrong != nil {
		return nil, c.inconsistent(call, answer, "the health of the number cannot be read")
	}
	return h.reason(), nil
}

// levels are what entities are called, the narrowest first.
var levels = []struct{ entity, name string }{{"PHONE_NUMBER", "number"}, {"WABA", "account"}, {"BUSINESS", "business"}, {"APP", "app"}}

func levelOf(entity string) (rank int, name string) {
	for i, l := range levels {
		if l.entity == entity {
			return i, l.name
		}
	}
	return len(levels), strings.ToLower(clean(cmp.Or(entity, "unknown"), maxCode))
}

// reason is the first error of what blocks most, and of several the narrowest.
func (h *health) reason() *alert.Reason {
	bad := slices.DeleteFunc(slices.Clone(h.Entities), func(e healthEntity) bool {
		return len(e.Errors) == 0 && cmp.Or(e.CanSendMessage.value, "AVAILABLE") == "AVAILABLE"
	})
	slices.SortStableFunc(bad, func(a, b healthEntity) int {
		rankA, _ := levelOf(a.EntityType.value)
		rankB, _ := levelOf(b.EntityType.value)
		return cmp.Or(blocking(b)-blocking(a), rankA-rankB)
	})
	if len(bad) == 0 {
		if can := h.CanSendMessage.value; can != "" && can != "AVAILABLE" {
			return &alert.Reason{Level: "number", Text: "sending is " + clean(can, maxCode)}
		}
		return nil
	}
	worst := bad[0]
	_, level := levelOf(worst.EntityType.value)
	if len(worst.Errors) == 0 {
		return &alert.Reason{Level: level, Text: "sending is " + clean(worst.CanSendMessage.value, maxCode)}
	}
	e := worst.Errors[0]
	return &alert.Reason{
		Level: level, Code: clean(e.ErrorCode.value, maxCode),
		Text:     cmp.Or(clean(e.ErrorDescription.value, maxReason), "no description"),
		Solution: clean(e.PossibleSolution.value, maxReason),
	}
}

func blocking(e healthEntity) int {
	switch e.CanSendMessage.value {
	case "", "AVAILABLE":
		return 0
	case "LIMITED":
		return 1
	default:
		return 2
	}
}
