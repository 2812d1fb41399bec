package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBlockText is about where Slack refuses a message whose blocks hold too
// much text all together, in characters.
const maxBlockText = 13_000

// block is a block or an element of one, of the kinds that numwatch uses; the
// simulator takes no others.
type block struct {
	Type     string            `json:"type"`
	BlockID  string            `json:"block_id"`
	ActionID string            `json:"action_id"`
	Text     json.RawMessage   `json:"text"`
	Fields   []json.RawMessage `json:"fields"`
	Elements []json.RawMessage `json:"elements"`
	Value    string            `json:"value"`
}

// blockCheck adds up what is wrong with a message's blocks.
type blockCheck struct {
	problems []string
	total    int // characters of text
	ids      []string
}

// readBlocks checks blocks as they were sent; an empty list means none.
func readBlocks(text string) (json.RawMessage, *answer) {
	var blocks []block
	if err := json.Unmarshal([]byte(text), &blocks); err != nil {
		return nil, refuse("invalid_blocks_format")
	}
	if len(blocks) == 0 {
		return nil, nil
	}
	var c blockCheck
	c.expect(len(blocks) <= 50, "no more than 50 items allowed [json-pointer:/blocks]")
	for i, b := range blocks {
		c.block(fmt.Sprintf("/blocks/%d", i), b)
	}
	if len(c.problems) > 0 {
		return nil, failure("invalid_blocks", map[string]any{
			"errors": c.problems, "response_metadata": map[string]any{"messages": c.problems},
		})
	}
	if c.total > maxBlockText {
		return nil, refuse("msg_blocks_too_long")
	}
	return json.RawMessage(text), nil
}

func (c *blockCheck) expect(ok bool, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, "[ERROR] "+fmt.Sprintf(format, args...))
	}
}

func (c *blockCheck) block(at string, b block) {
	c.expect(len(b.BlockID) <= 255, "must be at most 255 characters [json-pointer:%s/block_id]", at)
	if b.BlockID != "" {
		c.expect(!slices.Contains(c.ids, b.BlockID), "block_id must be unique [json-pointer:%s/block_id]", at)
		c.ids = append(c.ids, b.BlockID)
	}
	switch b.Type {
	case "section":
		c.section(at, b)
	case "header":
		c.text(at+"/text", b.Text, 150, "plain_text")
	case "context":
		c.expect(len(b.Elements) >= 1 && len(b.Elements) <= 10, "1 to 10 items allowed [json-pointer:%s/elements]", at)
		for i, e := range b.Elements {
			c.text(fmt.Sprintf("%s/elements/%d", at, i), e, 2000, "plain_text", "mrkdwn")
		}
	case "actions":
		c.expect(len(b.Elements) >= 1 && len(b.Elements) <= 25, "1 to 25 items allowed [json-pointer:%s/elements]", at)
		for i, e := range b.Elements {
			c.button(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	case "divider":
	default:
		c.expect(false, "unsupported type: %s [json-pointer:%s/type]", b.Type, at)
	}
}

func (c *blockCheck) section(at string, b block) {
	c.expect(b.Text != nil || len(b.Fields) > 0, "missing text or fields [json-pointer:%s]", at)
	c.expect(len(b.Fields) <= 10, "no more than 10 items allowed [json-pointer:%s/fields]", at)
	if b.Text != nil {
		c.text(at+"/text", b.Text, 3000, "plain_text", "mrkdwn")
	}
	for i, f := range b.Fields {
		c.text(fmt.Sprintf("%s/fields/%d", at, i), f, 2000, "plain_text", "mrkdwn")
	}
}

func (c *blockCheck) button(at string, raw json.RawMessage) {
	var e block
	c.expect(json.Unmarshal(raw, &e) == nil && e.Type == "button", "unsupported type: %s [json-pointer:%s/type]", e.Type, at)
	c.text(at+"/text", e.Text, 75, "plain_text")
	c.expect(utf8.RuneCountInString(e.Value) <= 2000, "must be at most 2000 characters [json-pointer:%s/value]", at)
	c.expect(len(e.ActionID) <= 255, "must be at most 255 characters [json-pointer:%s/action_id]", at)
}

// text checks a text object.
func (c *blockCheck) text(at string, raw json.RawMessage, most int, types ...string) {
	var object struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Emoji    bool   `json:"emoji"`
		Verbatim bool   `json:"verbatim"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		c.expect(false, "must be a text object [json-pointer:%s]", at)
		return
	}
	n := utf8.RuneCountInString(object.Text)
	c.total += n
	c.expect(slices.Contains(types, object.Type), "must be one of %s [json-pointer:%s/type]", strings.Join(types, ", "), at)
	c.expect(n >= 1, "must be at least 1 character [json-pointer:%s/text]", at)
	c.expect(n <= most, "must be at most %d characters [json-pointer:%s/text]", most, at)
	c.expect(object.Type != "mrkdwn" || !object.Emoji, "mrkdwn takes no emoji [json-pointer:%s/emoji]", at)
	c.expect(object.Type != "plain_text" || !object.Verbatim, "plain_text takes no verbatim [json-pointer:%s/verbatim]", at)
}
