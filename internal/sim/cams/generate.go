package cams

import (
	"fmt"
	"maps"
	"strings"
)

// phoneNumber is the i-th generated number, of a range that is kept free for
// fiction: 555-0100 to 555-0199 in each North American area, and beyond these
// an unassigned country code.
func phoneNumber(i int) string {
	if area := 201 + i/100; area <= 989 {
		return fmt.Sprintf("1%d55501%02d", area, i%100)
	}
	return fmt.Sprintf("999%09d", i)
}

// generate makes a healthy number of the space, with the space's and then its
// own fields in place of what was made up.
func generate(sp *fileSpace, phone string, own Number) Number {
	host := "hooks." + slug(sp.Name) + ".example"
	n := Number{
		"VerifiedName":           sp.Name,
		"Status":                 "CONNECTED",
		"QualityRating":          "GREEN",
		"CodeVerificationStatus": "VERIFIED",
		"NewNameStatus":          "NONE",
		"NameStatus":             "APPROVED",
		"MessagingLimitTier":     "TIER_10K",
		"StatusQueue":            "alicom-" + sp.Id + "-status-queue",
		"UpQueue":                "alicom-" + sp.Id + "-up-queue",
		"UpCallbackUrl":          "https://" + host + "/inbound\n", // as the vendor's own example ends
		"StatusCallbackUrl":      "https://" + host + "/status?token=demo-" + slug(sp.Name),
		"IsOfficial":             "N",
		"CallingCallbackUrl":     "https://" + host + "/calls?token=demo-" + slug(sp.Name),
		"CallingStatus":          "ENABLED",
		"CallHoursStatus":        "ENABLED",
		"MaxTalkTime":            "60",
		"CallHours":              "Asia/Singapore; MONDAY 0900-1800; TUESDAY 0900-1800",
	}
	maps.Copy(n, sp.Fields)
	maps.Copy(n, own)
	n["PhoneNumber"] = phone
	return n
}

func slug(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case r == ' ' || r == '-':
			return '-'
		}
		return -1
	}, strings.ToLower(name))
	if clean == "" {
		return "space"
	}
	return clean
}
