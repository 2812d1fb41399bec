package phonetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/phone/phonetest"
)

func TestHealthyHasEveryFieldAndEachAtAKnownValue(t *testing.T) {
	n := phonetest.Healthy()
	require.Equal(t, phone.NumberFields, n.Known().Len())
	for f, v := range n.All() {
		if f.IsEnum() && f != phone.NewNameStatus {
			require.Contains(t, f.Values(), v, "%s", f)
		}
	}
	require.Len(t, phonetest.Record(), phone.NumberFields+1)
}
