package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A number of seconds that no duration can hold is refused, and does not become another.
func TestSecondsThatAreTooMany(t *testing.T) {
	var s Seconds
	require.NoError(t, json.Unmarshal([]byte("3600.5"), &s))
	require.Equal(t, time.Hour+500*time.Millisecond, time.Duration(s))
	for _, text := range []string{"1e10", "9223372037", "-1e10", "1e300"} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), &s), "seconds are too many: at most 1576800000 (50 years)", text)
	}
	require.Error(t, json.Unmarshal([]byte("1e999"), &s))
}
