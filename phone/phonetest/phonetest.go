// Package phonetest gives tests the number that they start from, so that each
// test says only what matters to it. It imports phone alone and is imported by
// tests alone.
package phonetest

import "numwatch/phone"

// Healthy returns a number on which nothing is wrong and no field is absent. A
// test gives it the PhoneNumber and the values that it is about.
func Healthy() phone.Number {
	n := phone.Number{PhoneNumber: "8613800001111"}
	for f, v := range map[phone.Field]string{
		phone.VerifiedName:           "Acme",
		phone.Status:                 "CONNECTED",
		phone.QualityRating:          "GREEN",
		phone.CodeVerificationStatus: "VERIFIED",
		phone.NewNameStatus:          "NONE",
		phone.NameStatus:             "APPROVED",
		phone.MessagingLimitTier:     "TIER_10K",
		phone.StatusQueue:            "acme-status",
		phone.UpQueue:                "acme-inbound",
		phone.StatusCallbackUrl:      "https://hooks.acme.example/status",
		phone.UpCallbackUrl:          "https://hooks.acme.example/inbound",
		phone.IsOfficial:             "N",
		phone.CallingCallbackUrl:     "https://hooks.acme.example/calls",
		phone.CallingStatus:          "ENABLED",
		phone.CallHoursStatus:        "ENABLED",
		phone.MaxTalkTime:            "60",
		phone.CallHours:              "Asia/Singapore; MONDAY 0900-1800",
	} {
		n.Set(f, v)
	}
	return n
}

// Record returns Healthy as the API writes it, for simulated clouds.
func Record() map[string]string {
	n := Healthy()
	record := map[string]string{"PhoneNumber": n.PhoneNumber}
	for f, v := range n.All() {
		record[f.String()] = v
	}
	return record
}
