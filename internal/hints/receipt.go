package hints

import (
	"encoding/json"
	"fmt"
	"strings"
)

// receipt is a ChatAppAudit push of the vendor, as far as it matters here. Its values
// are taken whatever their JSON type, because the documentation does not give it.
type receipt struct {
	Type, PhoneNumber, Status, AuditStatus, Reason text
}

type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(strings.TrimSpace(s))
	} else if n := json.Number(""); json.Unmarshal(b, &n) == nil {
		*t = text(n)
	}
	return nil // other types are irrelevant here
}

// ofNumbers are the types that may say something of a number; the others are about
// templates.
var ofNumbers = []string{"phoneNameUpdate", "phoneQualityUpdate", "wabaAccountUpdate", "wabaReviewUpdate"}

// parseReceipts reads one push or a list of them. It returns a hint for each that names
// a number, and how many say nothing of one.
func parseReceipts(body []byte) (list []Hint, others int, err error) {
	var raw []json.RawMessage
	if isList(body) {
		err = json.Unmarshal(body, &raw)
	} else {
		raw = make([]json.RawMessage, 1)
		err = json.Unmarshal(body, &raw[0])
	}
	if err != nil {
		return nil, 0, fmt.Errorf("neither a receipt nor a list of receipts: %w", err)
	}
	if len(raw) > maxHints {
		return nil, 0, fmt.Errorf("%d receipts are too many: at most %d in a request", len(raw), maxHints)
	}
	for _, one := range raw {
		var r receipt
		if json.Unmarshal(one, &r) != nil {
			others++
			continue
		}
		h := r.hint()
		if !r.ofNumber() || h.check() != nil {
			others++
			continue
		}
		list = append(list, h)
	}
	return list, others, nil
}

func (r *receipt) ofNumber() bool {
	for _, t := range ofNumbers {
		if strings.EqualFold(t, string(r.Type)) {
			return true
		}
	}
	return false
}

func (r *receipt) hint() Hint {
	reason := []string{string(r.Type), string(r.Status), string(r.AuditStatus), string(r.Reason)}
	return Hint{Number: string(r.PhoneNumber), Reason: strings.Join(reason, " ")}
}
