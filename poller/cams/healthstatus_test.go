package cams

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
)

func TestHealth(t *testing.T) {
	banned := number("2")
	banned["Status"] = "BANNED"
	sim := newCloud(t, 100, camssim.Space{Id: "1", Numbers: []camssim.Number{number("1"), banned}})
	client := sim.client(t)
	of := func(n string) phone.Subject { return phone.Subject{Account: "main", Space: "1", PhoneNumber: n} }
	reason, err := client.Health(t.Context(), of("1"))
	require.NoError(t, err)
	require.Nil(t, reason)
	reason, err = client.Health(t.Context(), of("2"))
	require.NoError(t, err)
	require.Equal(t, &alert.Reason{
		Level: "number", Code: "141006", Text: "The phone number is banned for breaking a policy.", Solution: "Request a review in Business Support Home.",
	}, reason)
	sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "Ram.PermissionDeny", Action: camssim.HealthStatus})
	_, err = client.Health(t.Context(), of("2"))
	require.Equal(t, DeniedAccount, AsError(space("1"), err).Class)
}

// Its limit is its own: however many ask, the cloud throttles none, and polls wait for none.
func TestHealthHasALimitOfItsOwn(t *testing.T) {
	sim := newCloud(t, 100, camssim.Space{Id: "1", Numbers: []camssim.Number{number("1")}})
	client := sim.client(t)
	began := time.Now()
	for range 8 {
		_, err := client.Health(t.Context(), phone.Subject{Account: "main", Space: "1", PhoneNumber: "1"})
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(began), 1400*time.Millisecond)
	require.Zero(t, sim.Stats("main").Refused)
}

func TestReasonOfHealth(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want *alert.Reason
	}{
		"nothing":        {`{}`, nil},
		"all is well":    {`{"CanSendMessage": "AVAILABLE", "Entities": [{"EntityType": "WABA", "CanSendMessage": "AVAILABLE", "Errors": []}]}`, nil},
		"no entity":      {`{"CanSendMessage": "BLOCKED"}`, &alert.Reason{Level: "number", Text: "sending is BLOCKED"}},
		"without errors": {`{"Entities": [{"EntityType": "BUSINESS", "CanSendMessage": "BLOCKED"}]}`, &alert.Reason{Level: "business", Text: "sending is BLOCKED"}},
		"what blocks most comes first": {
			`{"Entities": [{"EntityType": "PHONE_NUMBER", "CanSendMessage": "LIMITED", "Errors": [{"ErrorCode": 1, "ErrorDescription": "slow"}]},
				{"EntityType": "WABA", "CanSendMessage": "BLOCKED", "Errors": [{"ErrorCode": 141006, "ErrorDescription": "not verified", "PossibleSolution": "verify"}]}]}`,
			&alert.Reason{Level: "account", Code: "141006", Text: "not verified", Solution: "verify"},
		},
		"of those alike the narrowest": {
			`{"Entities": [{"EntityType": "BUSINESS", "CanSendMessage": "BLOCKED", "Errors": [{"ErrorDescription": "b"}]},
				{"EntityType": "PHONE_NUMBER", "CanSendMessage": "BLOCKED", "Errors": [{"ErrorDescription": "n"}]}]}`,
			&alert.Reason{Level: "number", Text: "n"},
		},
		"an unknown level":   {`{"Entities": [{"EntityType": "SOLAR_SYSTEM", "CanSendMessage": "BLOCKED", "Errors": [{}]}]}`, &alert.Reason{Level: "solar_system", Text: "no description"}},
		"control characters": {`{"Entities": [{"EntityType": "WABA", "CanSendMessage": "BLOCKED", "Errors": [{"ErrorDescription": "a\u001b[31mb\nc"}]}]}`, &alert.Reason{Level: "account", Text: "a[31mb c"}},
	} {
		t.Run(name, func(t *testing.T) {
			var h health
			require.NoError(t, json.Unmarshal([]byte(c.data), &h))
			require.Equal(t, c.want, h.reason())
		})
	}
}
