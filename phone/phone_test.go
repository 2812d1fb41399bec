package phone_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestDirectionOfEveryStep(t *testing.T) {
	for _, tc := range []struct {
		field    phone.Field
		from, to string
		want     phone.Direction
	}{
		{phone.Status, "CONNECTED", "PENDING", phone.Worse},
		{phone.Status, "PENDING", "UNVERIFIED", phone.Sideways},
		{phone.Status, "UNVERIFIED", "FLAGGED", phone.Worse},
		{phone.Status, "FLAGGED", "RATE_LIMITED", phone.Worse},
		{phone.Status, "RATE_LIMITED", "RESTRICTED", phone.Sideways},
		{phone.Status, "RESTRICTED", "OFFLINE", phone.Worse},
		{phone.Status, "DISCONNECTED", "BANNED", phone.Worse},
		{phone.Status, "BANNED", "CONNECTED", phone.Better},
		{phone.Status, "CONNECTED", "DELETED", phone.NoDirection},
		{phone.Status, "UNKNOWN", "CONNECTED", phone.NoDirection},
		{phone.Status, "CONNECTED", "FROZEN", phone.NoDirection},
		{phone.QualityRating, "GREEN", "YELLOW", phone.Worse},
		{phone.QualityRating, "YELLOW", "RED", phone.Worse},
		{phone.QualityRating, "RED", "GREEN", phone.Better},
		{phone.QualityRating, "RED", "NA", phone.NoDirection},
		{phone.MessagingLimitTier, "TIER_UNLIMITED", "TIER_100K", phone.Worse},
		{phone.MessagingLimitTier, "TIER_1K", "TIER_250", phone.Worse},
		{phone.MessagingLimitTier, "TIER_250", "TIER_2K", phone.Better},
		{phone.MessagingLimitTier, "TIER_500K", "TIER_100K", phone.Worse},
		{phone.MessagingLimitTier, "TIER_1K", "TIER_1000", phone.Sideways},
		{phone.MessagingLimitTier, "TIER_1K", "", phone.NoDirection},
		{phone.MessagingLimitTier, "TIER_1K", "TIER_NOT_SET", phone.NoDirection},
		{phone.CodeVerificationStatus, "VERIFIED", "MORE_INFORMATION_REQUESTED", phone.Worse},
		{phone.CodeVerificationStatus, "EXPIRED", "REVOKED", phone.Worse},
		{phone.NameStatus, "APPROVED", "AVAILABLE_WITHOUT_REVIEW", phone.Sideways},
		{phone.NameStatus, "APPROVED", "PENDING_REVIEW", phone.Worse},
		{phone.NewNameStatus, "PENDING", "DECLINED", phone.Worse},
		{phone.NewNameStatus, "NONE", "DECLINED", phone.NoDirection},
		{phone.NewNameStatus, "REJECTED", "DECLINED", phone.Sideways},
		{phone.IsOfficial, "Y", "N", phone.Worse},
		{phone.VerifiedName, "a", "b", phone.NoDirection},
		{phone.Presence, phone.Appeared, phone.Missing, phone.Worse},
		{phone.Poll, phone.Failing, phone.Denied, phone.Worse},
		{phone.Sink, phone.Parked, phone.OK, phone.Better},
	} {
		require.Equal(t, tc.want, tc.field.Direction(tc.from, tc.to), "%s %s→%s", tc.field, tc.from, tc.to)
	}
}

func TestCanonical(t *testing.T) {
	require.Equal(t, "APPROVAL", phone.NameStatus.Canonical(" Approval\n"))
	require.Equal(t, "FROZEN", phone.Status.Canonical("frozen"))
	require.Equal(t, "Acme GmbH", phone.VerifiedName.Canonical(" Acme GmbH "))
	require.Equal(t, "https://www.alibaba.com/inbound", phone.UpCallbackUrl.Canonical("https://www.alibaba.com/inbound\n"))
	require.Zero(t, testing.AllocsPerRun(100, func() { phone.Status.Canonical("CONNECTED") }))
}

func TestListedValues(t *testing.T) {
	require.True(t, phone.Status.Listed("OFFLINE"))
	require.True(t, phone.Status.Listed(""))
	require.False(t, phone.Status.Listed("FROZEN"))
	require.True(t, phone.VerifiedName.Listed("anything"))
	require.Nil(t, phone.VerifiedName.Values())
	require.Equal(t, []string{"GREEN", "YELLOW", "RED", "UNKNOWN", "NA", "NONE", ""}, phone.QualityRating.Values())
	for f := range phone.Fields() {
		for _, v := range f.Values() {
			require.Equal(t, v, f.Canonical(v))
			require.True(t, f.Listed(v))
		}
	}
}

func TestFieldNames(t *testing.T) {
	for f := range phone.Fields() {
		parsed, ok := phone.ParseField(f.String())
		require.True(t, ok)
		require.Equal(t, f, parsed)
	}
	require.Equal(t, "Number", phone.Presence.String())
	_, ok := phone.ParseField("status")
	require.False(t, ok, "names are the API's, letter for letter")
	var f phone.Field
	require.ErrorContains(t, f.UnmarshalText([]byte("Quality")), `unknown field "Quality"`)
}

func TestNumberTellsAbsentFromEmpty(t *testing.T) {
	n := phone.Number{PhoneNumber: "8613800001111"}
	n.Set(phone.VerifiedName, `Ac"me <&> é`)
	n.Set(phone.UpQueue, "")
	require.True(t, n.Has(phone.UpQueue))
	require.False(t, n.Has(phone.StatusQueue))

	b, err := json.Marshal(n)
	require.NoError(t, err)
	require.JSONEq(t, `{"PhoneNumber":"8613800001111","VerifiedName":"Ac\"me <&> é","UpQueue":""}`, string(b))
	var back phone.Number
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, n, back)

	before := phone.Number{PhoneNumber: "8613800001111"}
	before.Set(phone.UpQueue, "old")
	before.Set(phone.StatusQueue, "kept")
	over := n.Over(before)
	require.Empty(t, over.Get(phone.UpQueue))
	require.Equal(t, "kept", over.Get(phone.StatusQueue))
	require.False(t, n.Has(phone.StatusQueue), "the receiver stays as it was")
	require.Panics(t, func() { n.Set(phone.Poll, "OK") })
}

func TestRedact(t *testing.T) {
	require.Empty(t, phone.Redact(""))
	require.Equal(t, "https://h.example/in", phone.Redact("https://h.example/in"))
	secret := phone.Redact("https://u:p@h.example/in?token=s3cret#frag")
	require.Regexp(t, `^https://h\.example/in\?…[0-9a-f]{6}$`, secret)
	require.NotEqual(t, secret, phone.Redact("https://u:p@h.example/in?token=other"))
	require.Regexp(t, `^…[0-9a-f]{6}$`, phone.Redact("not a url token=s3cret"))
	require.Equal(t, "CONNECTED", phone.Status.Shown("CONNECTED"))
	require.NotContains(t, phone.UpCallbackUrl.Shown("https://h.example/?token=s3cret"), "s3cret")
}

func TestSubject(t *testing.T) {
	n := phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "1"}, "86")
	require.Equal(t, phone.OfNumber, n.Kind())
	require.Equal(t, "main/1/86", n.String())
	require.Equal(t, phone.OfSpace, phone.Subject{Account: "main", Space: "1"}.Kind())
	require.Equal(t, phone.OfAccount, phone.Subject{Account: "main"}.Kind())
	require.Equal(t, phone.OfBot, phone.Subject{Component: "nats"}.Kind())
	require.Positive(t, n.Compare(phone.Subject{Account: "main"}))
	require.True(t, phone.Status.EndsLife("DELETED"))
	require.True(t, phone.Presence.EndsLife(phone.Moved))
	require.False(t, phone.Status.EndsLife("BANNED"))
}

func TestPhoneNumbersAreComparedByTheirDigits(t *testing.T) {
	for raw, want := range map[string]string{
		"12015550101": "12015550101", "+12015550101": "12015550101", "1 201-555-0101": "12015550101", " (1) 201.555/0101\n": "12015550101",
		"1\u00a0201\u2011555\u20110101": "12015550101", "+": "+", "": "", " a-1 ": "a-1", "86138****1111": "86138****1111",
	} {
		require.Equal(t, want, phone.Digits(raw), "%q", raw)
	}
	for raw, want := range map[string]string{"true": "Y", "FALSE": "N", "y": "Y", "N": "N", "": ""} {
		require.Equal(t, want, phone.IsOfficial.Canonical(raw))
	}
	require.Equal(t, "TRUE", phone.Status.Canonical("true"))
}
