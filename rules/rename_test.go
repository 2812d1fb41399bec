package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// A rename that is withdrawn leaves nothing to be judged: what is open about it closes.
func TestAWithdrawnRenameCloses(t *testing.T) {
	for _, to := range []string{"[DECLINED]", `["!APPROVED", "!PENDING_REVIEW"]`} {
		w := newTestbed(t, "  - {name: a, on: NewNameStatus, to: "+to+", severity: high, summary: x}")
		require.Empty(t, w.see(phone.NewNameStatus, "NONE"))
		require.Empty(t, w.see(phone.NewNameStatus, "PENDING_REVIEW"))
		require.NotEmpty(t, w.see(phone.NewNameStatus, "DECLINED"))
		require.Empty(t, w.see(phone.NewNameStatus, "UNKNOWN"))
		require.Empty(t, w.see(phone.NewNameStatus, ""))
		require.Equal(t, "now NONE", one(t, w.see(phone.NewNameStatus, "NONE")).Closing)
	}
	w := newTestbed(t, "  - {name: a, on: NameStatus, to: [DECLINED], severity: high, summary: x}")
	require.NotEmpty(t, w.see(phone.NameStatus, "DECLINED"))
	require.Empty(t, w.see(phone.NameStatus, "NONE"), "a number always has a name")
}

// A new name is approved if NewNameStatus says so, or went back to rest from there.
func TestApprovedNames(t *testing.T) {
	for _, tc := range []struct {
		before, now string
		approved    bool
	}{
		{"", "", false},
		{"NONE", "NONE", false},
		{"APPROVED", "APPROVED", true},
		{"PENDING_REVIEW", "APPROVED", true},
		{"PENDING_REVIEW", "PENDING_REVIEW", false},
		{"APPROVED", "NONE", true},
		{"PENDING_REVIEW", "NONE", true},
		{"DECLINED", "NONE", false},
		{"DECLINED", "DECLINED", false},
		{"PENDING_REVIEW", "UNKNOWN", false},
	} {
		w := newTestbed(t, "  - {name: a, on: VerifiedName, once: true, where: not NameApproved, severity: high, summary: x}")
		w.see(phone.NewNameStatus, tc.before)
		out := w.see(phone.VerifiedName, "Other", phone.NewNameStatus, tc.now)
		require.Equal(t, tc.approved, len(out) == 0, "%s to %s", tc.before, tc.now)
	}
}
