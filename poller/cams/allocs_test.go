//go:build !race

package cams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/poller/ratelimit"
)

// canned answers from memory, so that what is counted is the poller's.
type canned struct{ body []byte }

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body))}, nil
}

// What a poll may allocate, so that whoever makes it dearer notices: a little
// more than it does.
func TestAllocationsOfAFetch(t *testing.T) {
	for numbers, most := range map[int]float64{1: 90, 5: 132, 200: 1850} {
		t.Run(fmt.Sprint(numbers), func(t *testing.T) {
			list := []map[string]string{}
			for i := range numbers {
				list = append(list, map[string]string{
					"PhoneNumber": fmt.Sprintf("861380000%04d", i), "VerifiedName": fmt.Sprintf("Customer %d", i), "Status": "CONNECTED",
					"QualityRating": "GREEN", "MessagingLimitTier": "TIER_10K", "NameStatus": "APPROVED",
					"UpCallbackUrl": fmt.Sprintf("https://hooks.customer-%d.example/inbound", i),
				})
			}
			body, err := json.Marshal(map[string]any{"Code": "OK", "Success": true, "RequestId": "90E63D28", "PhoneNumbers": list})
			require.NoError(t, err)
			client, err := NewClient(ClientOptions{
				Account: "main", Endpoint: "http://canned.example",
				Credentials: Credentials{Type: "access_key", AccessKeyId: "LTAI", AccessKeySecret: "secret"},
			})
			require.NoError(t, err)
			client.transport.RegisterProtocol("http", canned{body})
			got := testing.AllocsPerRun(200, func() {
				snap, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
				if err != nil || len(snap.Numbers) != numbers {
					t.Fatal(snap, err)
				}
			})
			require.LessOrEqual(t, got, most)
		})
	}
}
