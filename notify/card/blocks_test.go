package card

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

func TestBlockKitIsWhatSlackIsSent(t *testing.T) {
	made := testCards().Message([]alert.Alert{alerttest.Firing(1)}, alerttest.Noon)
	made.Mention = []string{"<!here>"}
	raw, err := made.BlockKit()
	require.NoError(t, err)
	var got struct {
		Text   string
		Blocks []map[string]any
	}
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Contains(t, got.Text, "Quality of 8613800000001 (Shop 1) fell from YELLOW to RED, critical\n")
	require.Equal(t, "header", got.Blocks[0]["type"])
	require.Contains(t, decoded(t, raw), "<!here>")
	require.Contains(t, decoded(t, raw), "Acme, account main")
}
