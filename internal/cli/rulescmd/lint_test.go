package rulescmd

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/config"
	"numwatch/phone"
)

func TestLintKnowsHowLongASpaceWaits(t *testing.T) {
	cfg := &config.Config{Accounts: []config.Account{{Name: "main", RequestsPerSecond: 10}, {Name: "other", RequestsPerSecond: 10}}}
	cfg.Poll.MaxAge, cfg.Poll.MinInterval = 5*time.Minute, 30*time.Second
	var spaces []phone.Space
	for i := range 10_000 {
		spaces = append(spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: strconv.Itoa(i)}})
	}
	require.Equal(t, 5*time.Minute, longestWait(cfg, spaces[:2000]))
	require.InDelta(t, 2000, longestWait(cfg, spaces).Seconds(), 50, "two rounds")
}
