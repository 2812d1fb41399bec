package cams_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
)

func TestFaultsThatStillAnswer(t *testing.T) {
	list := func(n int) func(*testing.T, reply) {
		return func(t *testing.T, r reply) { require.Len(t, r.numbers(), n) }
	}
	for name, tc := range map[string]struct {
		fault  camssim.Fault
		status int
		code   any
		more   func(*testing.T, reply)
	}{
		"documented error": {camssim.Fault{Kind: camssim.Refuse, Code: "Product.Unsubscript"}, 400, "Product.Unsubscript", func(t *testing.T, r reply) {
			require.Equal(t, "You have not subscribed to the specified product.", r.doc["Message"])
		}},
		"denial": {camssim.Fault{Kind: camssim.Refuse, Code: "Ram.PermissionDeny"}, 400, "Ram.PermissionDeny", func(t *testing.T, r reply) {
			require.Contains(t, r.doc["AccessDeniedDetail"], "AuthAction")
		}},
		"denial in a string": {camssim.Fault{Kind: camssim.DetailString}, 400, "Ram.PermissionDeny", func(t *testing.T, r reply) {
			require.IsType(t, "", r.doc["AccessDeniedDetail"])
		}},
		"other status": {camssim.Fault{Kind: camssim.Refuse, Code: "Ram.PermissionDeny", Status: 403}, 403, "Ram.PermissionDeny", nil},
		"throttled": {camssim.Fault{Kind: camssim.Throttled, RetryAfter: time.Second}, 429, "Throttling.User", func(t *testing.T, r reply) {
			require.Equal(t, "1000", r.header.Get("x-acs-retry-after"))
		}},
		"500":            {camssim.Fault{Kind: camssim.InternalError}, 500, "InternalError", nil},
		"503":            {camssim.Fault{Kind: camssim.Refuse, Code: "ServiceUnavailable"}, 503, "ServiceUnavailable", nil},
		"empty 500":      {camssim.Fault{Kind: camssim.EmptyError}, 500, nil, func(t *testing.T, r reply) { require.Empty(t, r.raw) }},
		"HTML 502":       {camssim.Fault{Kind: camssim.BadGateway}, 502, nil, func(t *testing.T, r reply) { require.Contains(t, string(r.raw), "<html>") }},
		"empty 200":      {camssim.Fault{Kind: camssim.EmptyAnswer}, 200, nil, func(t *testing.T, r reply) { require.Empty(t, r.raw) }},
		"cut JSON":       {camssim.Fault{Kind: camssim.CutJSON}, 200, nil, func(t *testing.T, r reply) { require.NotEmpty(t, r.raw) }},
		"oversize":       {camssim.Fault{Kind: camssim.Oversize, Bytes: 1 << 20}, 200, "OK", func(t *testing.T, r reply) { require.Greater(t, len(r.raw), 1<<20) }},
		"not success":    {camssim.Fault{Kind: camssim.NotSuccess}, 200, "OK", func(t *testing.T, r reply) { require.Equal(t, false, r.doc["Success"]) }},
		"not OK":         {camssim.Fault{Kind: camssim.CodeNotOK, Code: "Odd"}, 200, "Odd", nil},
		"number as Code": {camssim.Fault{Kind: camssim.NumericCode}, 200, 200.0, nil},
		"text as Success": {camssim.Fault{Kind: camssim.StringSuccess}, 200, "OK", func(t *testing.T, r reply) {
			require.Equal(t, "true", r.doc["Success"])
		}},
		"object as detail": {camssim.Fault{Kind: camssim.DetailObject}, 200, "OK", func(t *testing.T, r reply) {
			require.Contains(t, r.doc["AccessDeniedDetail"], "PolicyType")
		}},
		"empty list": {camssim.Fault{Kind: camssim.EmptyList}, 200, "OK", func(t *testing.T, r reply) {
			require.Equal(t, []any{}, r.doc["PhoneNumbers"])
		}},
		"no list":      {camssim.Fault{Kind: camssim.NoList}, 200, "OK", func(t *testing.T, r reply) { require.NotContains(t, r.doc, "PhoneNumbers") }},
		"null entries": {camssim.Fault{Kind: camssim.NullEntries}, 200, "OK", list(4)},
		"alike": {camssim.Fault{Kind: camssim.RepeatAlike}, 200, "OK", func(t *testing.T, r reply) {
			require.Equal(t, r.numbers()[0], r.numbers()[2])
		}},
		"unlike": {camssim.Fault{Kind: camssim.RepeatUnlike}, 200, "OK", func(t *testing.T, r reply) {
			a, b := r.numbers()[0].(map[string]any), r.numbers()[2].(map[string]any)
			require.Equal(t, a["PhoneNumber"], b["PhoneNumber"])
			require.NotEqual(t, a["Status"], b["Status"])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c, _ := start(t, nil)
			tc.fault.Count = 1
			sim.Inject(tc.fault)
			r := c.sync(acme)
			require.Equal(t, tc.status, r.status)
			require.Equal(t, tc.code, r.code())
			if tc.more != nil {
				tc.more(t, r)
			}
			again := c.sync(acme)
			require.Equal(t, "OK", again.code(), "the fault was for one request")
			list(2)(t, again)
		})
	}
}

func TestFaultsThatBreakTheConnection(t *testing.T) {
	for _, kind := range []camssim.Kind{camssim.DropBefore, camssim.DropAfter, camssim.Truncated} {
		t.Run(string(kind), func(t *testing.T) {
			sim, c, _ := start(t, func(c *camssim.Config) { c.Limit = 1 })
			sim.Inject(camssim.Fault{Kind: kind, Count: 1})
			_, err := c.try(map[string]string{"CustSpaceId": acme})
			require.Error(t, err)
			want := any("Throttling.User")
			if kind == camssim.DropBefore {
				want = "OK"
			}
			require.Equal(t, want, c.sync(acme).code(), "only what was processed counts against the limit")
			require.Equal(t, 2, sim.Stats("main").Peak)
		})
	}
}

func TestFaultsStrikeWhatTheyName(t *testing.T) {
	sim, c, k := start(t, func(c *camssim.Config) { c.Limit = 1000 })
	end := sim.Inject(camssim.Fault{Kind: camssim.EmptyError, Account: "main", Space: "2", Action: camssim.SyncPhoneNumber})
	require.Equal(t, 200, c.sync(acme).status)
	require.Equal(t, 500, c.sync("2").status)
	end()
	require.Equal(t, 200, c.sync("2").status)

	sim.Inject(camssim.Fault{Kind: camssim.EmptyError, Account: "other"})
	sim.Inject(camssim.Fault{Kind: camssim.EmptyError, For: time.Minute})
	k.advance(59 * time.Second)
	require.Equal(t, 500, c.sync(acme).status)
	k.advance(time.Second)
	require.Equal(t, 200, c.sync(acme).status)

	sim.Inject(camssim.Fault{Kind: camssim.EmptyError, Probability: 0.5})
	failed := 0
	for range 100 {
		if c.sync(acme).status == http.StatusInternalServerError {
			failed++
		}
	}
	require.InDelta(t, 50, failed, 20)
	sim.ClearFaults()
	require.Equal(t, 200, c.sync(acme).status)
}

func TestLatencyIsBesideOtherFaults(t *testing.T) {
	sim, c, _ := start(t, nil)
	sim.Inject(camssim.Fault{Latency: 30 * time.Millisecond})
	sim.Inject(camssim.Fault{Kind: camssim.EmptyError})
	began := time.Now()
	require.Equal(t, 500, c.sync(acme).status)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
}

func TestThrottlingIsCountedWhateverTheAnswer(t *testing.T) {
	sim, c, _ := start(t, func(c *camssim.Config) { c.Limit = 1 })
	c.sync(acme)
	sim.Inject(camssim.Fault{Kind: camssim.BadGateway})
	require.Equal(t, 502, c.sync(acme).status)
	require.Equal(t, 1, sim.Stats("main").Refused)
}
