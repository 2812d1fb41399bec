package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/web/api"
)

// An outage is one line for each kind of failure, below what is critical for customers.
func TestStatusInAnOutage(t *testing.T) {
	s := api.Status{Ready: true, Alerts: map[string]int{"critical": 7, "high": 1}, Accounts: []api.AccountStatus{{Name: "apac", Spaces: 200, Plan: "Every space is polled.", Expected: api.Seconds(15 * time.Second), Worst: api.Seconds(40 * time.Second)}}}
	s.Fleet.Spaces, s.Fleet.Seen = 200, 34
	a := &s.Accounts[0]
	a.Failing = append(a.Failing, api.FailingSpace{Space: "denied", Class: "denied_space", Code: "Unknown.ResourceOwnerId", Since: time.Now().Add(-time.Hour)})
	for i := range 165 {
		a.Failing = append(a.Failing, api.FailingSpace{
			Space: fmt.Sprint(1000 + i), Class: "unreachable", Message: fmt.Sprintf("dial tcp 127.0.0.1:1: attempt %d: connection refused", i), Since: time.Now().Add(time.Duration(i-200) * time.Second),
		})
	}
	blind := api.AccountStatus{Name: "emea", Spaces: 2, Plan: "max_age is met", Expected: api.Seconds(time.Second), Worst: api.Seconds(time.Second), Blind: time.Now().Add(-13 * time.Second)}
	for _, space := range []string{"1", "2", ""} { // the account itself, too
		blind.Failing = append(blind.Failing, api.FailingSpace{Space: space, Class: "transient", Message: "connection refused", Since: time.Now()})
	}
	s.Accounts = append(s.Accounts, blind)
	list := api.AlertList{Total: 7}
	for i := range 5 {
		list.Alerts = append(list.Alerts, api.Alert{Alert: api.Detail{Severity: alert.Critical, Summary: fmt.Sprintf("BANNED: 1201555010%d", i), Since: time.Now().Add(-time.Hour)}})
	}
	list.Alerts[4].Alert.Ack = &alert.Ack{By: "ada"}
	code, out, said := asked(t, func(w http.ResponseWriter, r *http.Request) {
		var answer any = s
		if strings.HasPrefix(r.URL.Path, "/api/v1/alerts") {
			require.Equal(t, "critical", r.URL.Query().Get("severity"))
			answer = list
		}
		_ = json.NewEncoder(w).Encode(answer)
	}, "status")
	require.Equal(t, exitGood, code, said)
	require.Equal(t, 2, strings.Count(out, "connection refused"), "once for each account")
	require.Regexp(t, `(?m)^apac +200 .* 15 s +40 s$`, out)
	require.Regexp(t, `(?m)^emea +2 .* - +-$`, out, "no time is promised where nothing can be polled")
	require.NotContains(t, out, "max_age is met")
	require.Contains(t, out, "emea  blind for 13 s\n")
	require.Regexp(t, `(?m)^apac  165 spaces \(1000, 1001, 1002, …\): unreachable: dial tcp 127.0.0.1:1:\n +attempt 0: connection refused \(for 3 min 20 s\)$`, out)
	require.Regexp(t, `(?m)^apac/denied  denied space: Unknown.ResourceOwnerId \(for 1 h\)$`, out)
	require.Contains(t, out, "seen:    34 of 200 spaces; nothing is known about the others yet\n")
	require.Contains(t, out, "critical  BANNED: 12015550100 (for 1 h)\n")
	require.Contains(t, out, "critical  BANNED: 12015550104 (for 1 h, acknowledged by ada)\nand 2 more: numwatch alerts --severity critical\n")
	require.Less(t, strings.Index(out, "BANNED"), strings.Index(out, "165 spaces"), "customers' numbers first")
}
