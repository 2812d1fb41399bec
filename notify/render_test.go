package notify

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestNewCardIsWhatSlackIsSent(t *testing.T) {
	space := func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: "Acme"} }
	card := NewCard([]alert.Alert{firing(1)}, Channel{Name: "ops", Mention: []string{"<!here>"}}, space, noon)
	raw, err := card.BlockKit()
	require.NoError(t, err)
	var got struct {
		Text   string
		Blocks []map[string]any
	}
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Contains(t, got.Text, "Critical: Quality of 8613800000001 (Shop 1) fell from YELLOW to RED")
	require.Equal(t, "header", got.Blocks[0]["type"])
	require.Contains(t, texts(t, raw), "<!here>")
	require.Contains(t, texts(t, raw), "Acme (main)")

	older := firing(2)
	older.Severity = alert.High
	many := []alert.Alert{older, firing(3)}
	card = NewCard(many, Channel{}, nil, noon)
	require.Equal(t, "8613800000003 (Shop 3): YELLOW → RED", card.Lines[0].Text, "the worst first")
	require.Equal(t, alert.High, many[0].Severity, "the caller's list stays as it is")
}
