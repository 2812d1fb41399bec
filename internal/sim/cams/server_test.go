package cams_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
)

func TestAnswersWhatTheVendorsLibrarySigned(t *testing.T) {
	_, c, _ := start(t, nil)
	r := c.sync(acme)
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, "application/json;charset=utf-8", r.header.Get("Content-Type"))
	require.Equal(t, "OK", r.code())
	require.Equal(t, true, r.doc["Success"])
	require.Regexp(t, `^[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}$`, r.doc["RequestId"])
	require.Len(t, r.numbers(), 2)
	first := r.numbers()[0].(map[string]any)
	require.Equal(t, map[string]any{
		"PhoneNumber": "12015550100", "Status": "CONNECTED", "QualityRating": "GREEN", "UpQueue": nil,
	}, first)
	second := r.numbers()[1].(map[string]any)
	require.Contains(t, second, "StatusQueue")
	require.NotContains(t, second, "QualityRating")
}

func TestRefusesWhatIsNotInOrder(t *testing.T) {
	header := func(name, value string) func(map[string]string) {
		return func(h map[string]string) {
			if value == "" {
				delete(h, name)
			} else {
				h[name] = value
			}
		}
	}
	for name, tc := range map[string]struct {
		edit  func(map[string]string)
		spoil func(*http.Request)
		key   string
		space string
		want  string
		http  int
	}{
		"another key":      {key: "OTHER", want: "InvalidAccessKeyId.NotFound", http: 404},
		"unknown space":    {space: "9", want: "Unknown.ResourceOwnerId", http: 400},
		"no space":         {space: "-", want: "MissingCustSpaceId", http: 400},
		"unknown action":   {edit: header("x-acs-action", "Nonsense"), want: "InvalidAction.NotFound", http: 404},
		"wrong version":    {edit: header("x-acs-version", "2019-01-01"), want: "InvalidVersion", http: 400},
		"no nonce":         {edit: header("x-acs-signature-nonce", ""), want: "MissingSignatureNonce", http: 400},
		"no date":          {edit: header("x-acs-date", ""), want: "InvalidTimeStamp.Format", http: 400},
		"old date":         {edit: header("x-acs-date", "2026-11-23T07:44:59Z"), want: "InvalidTimeStamp.Expired", http: 400},
		"date ahead":       {edit: header("x-acs-date", "2026-11-23T08:15:01Z"), want: "InvalidTimeStamp.Expired", http: 400},
		"wrong body hash":  {edit: header("x-acs-content-sha256", strings.Repeat("0", 64)), want: "SignatureDoesNotMatch", http: 400},
		"token out of use": {edit: header("x-acs-security-token", "t"), want: "InvalidSecurityToken.Malformed", http: 400},
		"changed after signing": {
			spoil: func(r *http.Request) { r.URL.RawQuery += "&x=1" }, want: "SignatureDoesNotMatch", http: 400,
		},
		"unsigned header": {
			spoil: func(r *http.Request) { r.Header.Set("x-acs-extra", "1") }, want: "IncompleteSignature", http: 400,
		},
		"no authorization": {
			spoil: func(r *http.Request) { r.Header.Del("Authorization") }, want: "MissingAccessKeyId", http: 400,
		},
		"authorization of another sort": {
			spoil: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, want: "IncompleteSignature", http: 400,
		},
		"GET":          {spoil: func(r *http.Request) { r.Method = http.MethodGet }, want: "UnsupportedHTTPMethod", http: 405},
		"another path": {spoil: func(r *http.Request) { r.URL.Path = "/x" }, want: "InvalidAction.NotFound", http: 404},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, _ := start(t, nil)
			c.edit, c.spoil = tc.edit, tc.spoil
			if tc.key != "" {
				c.key.AccessKeyId = tc.key
			}
			params := map[string]string{"CustSpaceId": acme}
			switch tc.space {
			case "":
			case "-":
				delete(params, "CustSpaceId")
			default:
				params["CustSpaceId"] = tc.space
			}
			r := c.call(params)
			require.Equal(t, tc.want, r.code())
			require.Equal(t, tc.http, r.status)
			for _, field := range []string{"RequestId", "HostId", "Message", "Recommend"} {
				require.NotEmpty(t, r.doc[field], field)
			}
		})
	}
}

func TestNonceIsGoodOnce(t *testing.T) {
	_, c, k := start(t, nil)
	c.edit = func(h map[string]string) { h["x-acs-signature-nonce"] = "same" }
	require.Equal(t, "OK", c.sync(acme).code())
	k.advance(time.Second)
	require.Equal(t, "SignatureNonceUsed", c.sync(acme).code())
	k.advance(31 * time.Minute)
	require.Equal(t, "OK", c.sync(acme).code(), "an old nonce is forgotten")
}

func TestTemporaryCredentials(t *testing.T) {
	k := camssim.Key{AccessKeyId: "STS.1", AccessKeySecret: "s", SecurityToken: "token"}
	sim, c, clock := start(t, nil)
	k.Expires = clock.now().Add(time.Hour)
	require.NoError(t, sim.SetKey("main", k))
	require.Equal(t, "InvalidAccessKeyId.NotFound", c.sync(acme).code(), "the old key is gone")

	c.key = k
	require.Equal(t, "OK", c.sync(acme).code())
	c.key.SecurityToken = "other"
	require.Equal(t, "InvalidSecurityToken.MismatchWithAccessKey", c.sync(acme).code())
	c.key.SecurityToken = ""
	require.Equal(t, "MissingSecurityToken", c.sync(acme).code())
	c.key = k
	clock.advance(time.Hour)
	require.Equal(t, "InvalidSecurityToken.Expired", c.sync(acme).code())
}

func TestLimitHoldsInAnySlidingSecond(t *testing.T) {
	for name, tc := range map[string]struct {
		count bool
		after time.Duration // since the first request
		want  string
	}{
		"refused requests are free, window not past": {false, 999 * time.Millisecond, "Throttling.User"},
		"refused requests are free":                  {false, time.Second, "OK"},
		"refused requests count":                     {true, time.Second, "Throttling.User"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c, k := start(t, func(c *camssim.Config) {
				c.Limit, c.CountRefused, c.RetryAfter = 3, tc.count, true
			})
			for range 3 {
				require.Equal(t, "OK", c.sync(acme).code())
			}
			k.advance(400 * time.Millisecond)
			for range 3 {
				r := c.sync(acme)
				require.Equal(t, http.StatusTooManyRequests, r.status)
				require.Equal(t, "600", r.header.Get("x-acs-retry-after"))
			}
			require.Equal(t, 6, sim.Stats("main").Peak)
			k.advance(tc.after - 400*time.Millisecond)
			require.Equal(t, tc.want, c.sync(acme).code())
		})
	}
}

func TestEachOperationHasItsOwnLimit(t *testing.T) {
	sim, c, _ := start(t, func(c *camssim.Config) { c.Limit = 1 })
	c.sync(acme)
	r := c.sync(acme)
	require.Equal(t, "Throttling.User", r.code())
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Empty(t, r.header.Get("x-acs-retry-after"))
	st := sim.Stats("main")
	require.Equal(t, []int{2, 1, 1}, []int{st.Requests, st.Served, st.Refused})
	require.Equal(t, map[string]int{acme: 2}, st.Spaces)

	c.action = camssim.ListInstance
	require.Equal(t, "OK", c.call(nil).code())
}

func TestListInstanceIsPaged(t *testing.T) {
	_, c, _ := start(t, nil)
	c.action = camssim.ListInstance
	page := func(index, size string) reply {
		return c.call(map[string]string{"ChannelType": "whatsapp", "PageIndex": index, "PageSize": size})
	}
	first, second, third := page("1", "1"), page("2", "1"), page("3", "1")
	for _, r := range []reply{first, second, third} {
		require.Equal(t, "OK", r.code())
		require.EqualValues(t, 2, r.doc["TotalCount"])
	}
	require.Equal(t, []any{map[string]any{
		"InstanceId": "cams-" + acme, "CustSpaceId": acme, "InstanceName": "Acme", "ChannelType": "WHATSAPP", "State": "NORMAL",
	}}, first.doc["Data"])
	bolt := second.doc["Data"].([]any)[0].(map[string]any)
	require.Equal(t, "", bolt["CustSpaceId"])
	require.Equal(t, "2", bolt["InstanceId"])
	require.Empty(t, third.doc["Data"])
	require.Equal(t, "InvalidParameter", page("0", "1").code())
}

func TestStateChanges(t *testing.T) {
	sim, c, _ := start(t, func(c *camssim.Config) { c.Limit = 100 })
	status := func(i int) any { return c.sync(acme).numbers()[i].(map[string]any)["Status"] }

	require.NoError(t, sim.Update("main", acme, "12015550100", "Status", "BANNED"))
	require.Equal(t, "BANNED", status(0))
	require.NoError(t, sim.Update("main", acme, "12015550100", "Status", camssim.Null))
	require.Contains(t, c.sync(acme).numbers()[0], "Status")
	require.Nil(t, status(0))
	require.NoError(t, sim.Update("main", acme, "12015550100", "Status", camssim.Absent))
	require.NotContains(t, c.sync(acme).numbers()[0], "Status")
	require.NoError(t, sim.Update("main", acme, "12015550100", "CallingConfigure", camssim.JSON(`{"Status":"ENABLED"}`)))
	require.Equal(t, map[string]any{"Status": "ENABLED"}, c.sync(acme).numbers()[0].(map[string]any)["CallingConfigure"])

	require.NoError(t, sim.SetNumber("main", acme, map[string]string{"PhoneNumber": "12015550102", "UpQueue": camssim.Absent}))
	require.NoError(t, sim.RemoveNumber("main", acme, "12015550100"))
	require.Len(t, c.sync(acme).numbers(), 2)
	numbers, err := sim.Numbers("main", acme)
	require.NoError(t, err)
	require.Equal(t, camssim.Number{"PhoneNumber": "12015550102"}, numbers[1])
	numbers[1]["PhoneNumber"] = "mine"
	require.Equal(t, "12015550102", c.sync(acme).numbers()[1].(map[string]any)["PhoneNumber"], "what is returned is a copy")

	require.NoError(t, sim.SetSpace("main", camssim.Space{Id: "3"}))
	require.Equal(t, []any{}, c.sync("3").doc["PhoneNumbers"])
	require.NoError(t, sim.RemoveSpace("main", "3"))
	require.Equal(t, "Unknown.ResourceOwnerId", c.sync("3").code())
	require.Equal(t, []string{acme, "2"}, sim.Spaces("main"))

	require.ErrorContains(t, sim.Update("main", acme, "1", "Status", "x"), `no number "1"`)
	require.ErrorContains(t, sim.RemoveSpace("main", "3"), `no simulated space "3"`)
	require.ErrorContains(t, sim.RemoveSpace("other", "3"), `there are ["main"]`)
}

// The race detector is what judges here, and that every request is accounted for.
func TestConcurrentUse(t *testing.T) {
	sim, c, k := start(t, func(c *camssim.Config) { c.Limit = 5 })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				_, err := c.try(map[string]string{"CustSpaceId": acme})
				assert.NoError(t, err)
			}
		})
		all.Go(func() {
			for range 10 {
				assert.NoError(t, sim.Update("main", acme, "12015550100", "Status", "BANNED"))
				sim.Inject(camssim.Fault{Kind: camssim.EmptyList, Count: 1})
				sim.Stats("main")
				k.advance(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	st := sim.Stats("main")
	require.Equal(t, 40, st.Requests)
	require.Equal(t, 40, st.Served+st.Refused)
	require.Positive(t, st.Refused)
}
