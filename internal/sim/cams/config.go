package cams

import (
	"log/slog"
	"maps"
	"time"
)

// Number is a phone number as the API answers it: field names to values. A key
// that is not there is absent from the answer. The key PhoneNumber is its name.
type Number map[string]string

// Null stands for a JSON null as a field's value.
const Null = "\x00null"

// Absent as a field's value takes its key away.
const Absent = "\x00"

// JSON makes a field's value out of raw JSON, such as an object.
func JSON(raw string) string { return "\x00" + raw }

// clone copies a number without the fields that are to be absent.
func (n Number) clone() Number {
	c := maps.Clone(n)
	maps.DeleteFunc(c, func(_, value string) bool { return value == Absent })
	return c
}

func cloneNumbers(numbers []Number) []Number {
	out := make([]Number, 0, len(numbers))
	for _, n := range numbers {
		out = append(out, n.clone())
	}
	return out
}

// Space is a customer's space. Numbers are answered in this order.
type Space struct {
	Id      string // CustSpaceId
	Name    string // InstanceName in ListInstance
	Numbers []Number
	// NoCustSpaceId makes ListInstance answer an empty CustSpaceId; the id then
	// stands in InstanceId.
	NoCustSpaceId bool
}

// Key is the credential that an account's requests are signed with. With a
// SecurityToken it is a temporary one, and Expires, if set, ends it.
type Key struct {
	AccessKeyId     string
	AccessKeySecret string
	SecurityToken   string
	Expires         time.Time
}

// Account is one cloud account.
type Account struct {
	Name string // for the setters; the API does not show it
	Key
	Spaces []Space
	Limit  int // requests in any second and operation; 0: Config.Limit
}

// DefaultLimit is the documented limit of requests per second and account.
const DefaultLimit = 10

// healthLimit is that of GetWhatsappHealthStatus.
const healthLimit = 5

// Config is a simulated cloud's beginning.
type Config struct {
	Accounts []Account
	Limit    int // per account and operation in any sliding second; 0: DefaultLimit
	// CountRefused makes refused requests count against the limit too, so that
	// a client which goes on at full speed is never served.
	CountRefused bool
	// RetryAfter sends x-acs-retry-after with refusals beyond the limit.
	RetryAfter bool
	Push       *Push            // nil: nothing is pushed
	Clock      func() time.Time // nil: time.Now
	Seed       uint64           // of request ids and of faults with a probability
	Log        *slog.Logger     // nil: silent; requests at debug level
}
