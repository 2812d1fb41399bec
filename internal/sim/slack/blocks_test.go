package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func repeat(n int, item string) string {
	return strings.TrimSuffix(strings.Repeat(item+",", n), ",")
}

func TestBlocksAreChecked(t *testing.T) {
	text := func(kind string, n int) string {
		return fmt.Sprintf(`{"type":"%s","text":"%s"}`, kind, strings.Repeat("ä", n))
	}
	section := func(inside string) string { return `[{"type":"section",` + inside + `}]` }
	button := func(label, value int) string {
		return fmt.Sprintf(`[{"type":"actions","elements":[{"type":"button","action_id":"a","text":%s,"value":"%s"}]}]`,
			text("plain_text", label), strings.Repeat("v", value))
	}
	for blocks, want := range map[string]string{
		`[` + repeat(50, `{"type":"divider"}`) + `]`:                                        "",
		`[` + repeat(51, `{"type":"divider"}`) + `]`:                                        "invalid_blocks",
		section(`"text":` + text("mrkdwn", 3000)):                                           "",
		section(`"text":` + text("mrkdwn", 3001)):                                           "invalid_blocks",
		section(`"text":` + text("mrkdwn", 0)):                                              "invalid_blocks",
		section(`"text":"plain"`):                                                           "invalid_blocks",
		section(`"block_id":"b"`):                                                           "invalid_blocks",
		section(`"fields":[` + repeat(6, text("mrkdwn", 2000)) + `]`):                       "",
		section(`"fields":[` + text("mrkdwn", 2001) + `]`):                                  "invalid_blocks",
		section(`"fields":[` + repeat(11, text("mrkdwn", 1)) + `]`):                         "invalid_blocks",
		section(`"fields":[` + repeat(7, text("mrkdwn", 2000)) + `]`):                       "msg_blocks_too_long",
		section(`"text":{"type":"mrkdwn","text":"x","emoji":true}`):                         "invalid_blocks",
		section(`"text":{"type":"plain_text","text":"x","verbatim":true}`):                  "invalid_blocks",
		`[{"type":"header","text":` + text("plain_text", 150) + `}]`:                        "",
		`[{"type":"header","text":` + text("plain_text", 151) + `}]`:                        "invalid_blocks",
		`[{"type":"header","text":` + text("mrkdwn", 1) + `}]`:                              "invalid_blocks",
		`[{"type":"context","elements":[` + repeat(10, text("mrkdwn", 1)) + `]}]`:           "",
		`[{"type":"context","elements":[` + repeat(11, text("mrkdwn", 1)) + `]}]`:           "invalid_blocks",
		`[{"type":"context","elements":[]}]`:                                                "invalid_blocks",
		`[{"type":"context","elements":[{"type":"image","image_url":"u","alt_text":"a"}]}]`: "invalid_blocks",
		button(75, 2000): "",
		button(76, 1):    "invalid_blocks",
		button(1, 2001):  "invalid_blocks",
		`[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`: "invalid_blocks",
		`[{"type":"alert"}]`:               "invalid_blocks",
		`[{"type":"markdown","text":"x"}]`: "invalid_blocks",
		`[{"type":"image"}]`:               "invalid_blocks",
		`{"type":"divider"}`:               "invalid_blocks_format",
		`[]`:                               "",
	} {
		_, refused := readBlocks(blocks)
		got := ""
		if refused != nil {
			got = refused.code
			require.True(t, json.Valid(refused.body))
		}
		require.Equal(t, want, got, "%.120s", blocks)
	}
}

func TestStamps(t *testing.T) {
	for text, want := range map[string]string{
		"1795420800.000001": "1795420800.000001", "1795420800": "1795420800.000000",
		"1795420800.5": "1795420800.500000", "0": "0.000000", "1.0000019": "1.000001",
	} {
		got, ok := parseStamp(text)
		require.True(t, ok, text)
		require.Equal(t, want, got.String())
	}
	for _, text := range []string{"", "x", "-1", "1.x", "1.-1", "99999999999999999999"} {
		_, ok := parseStamp(text)
		require.False(t, ok, text)
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"x"},"fields":[1]}]`)
	f.Add(`[{"type":"context","elements":[{"type":"image"},{"text":1}]}]`)
	f.Fuzz(func(t *testing.T, blocks string) {
		raw, refused := readBlocks(blocks)
		require.False(t, raw != nil && refused != nil)
		if raw != nil {
			require.True(t, json.Valid(raw))
		}
	})
}

func FuzzStamp(f *testing.F) {
	f.Add("1795420800.000001")
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := parseStamp(text); ok {
			again, ok := parseStamp(at.String())
			require.True(t, ok)
			require.Equal(t, at, again)
		}
	})
}
