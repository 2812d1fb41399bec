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

// block is a block or an element of one, as far as the simulator looks.
type block struct {
	Type      string            `json:"type"`
	BlockID   string            `json:"block_id"`
	ActionID  string            `json:"action_id"`
	Text      json.RawMessage   `json:"text"`
	Fields    []json.RawMessage `json:"fields"`
	Elements  []block           `json:"elements"`
	Accessory *block            `json:"accessory"`
	Value     string            `json:"value"`
	URL       string            `json:"url"`
	ImageURL  string            `json:"image_url"`
	AltText   string            `json:"alt_text"`
	Verbatim  bool              `json:"verbatim"`
	Emoji     bool              `json:"emoji"`
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
		a := refuse("invalid_blocks_format")
		return nil, &a
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
		a := failure("invalid_blocks", map[string]any{
			"errors": c.problems, "response_metadata": map[string]any{"messages": c.problems},
		})
		return nil, &a
	}
	if c.total > maxBlockText {
		a := refuse("msg_blocks_too_long")
		return nil, &a
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
		c.context(at, b)
	case "actions":
		c.expect(len(b.Elements) >= 1 && len(b.Elements) <= 25, "1 to 25 items allowed [json-pointer:%s/elements]", at)
		for i, e := range b.Elements {
			c.element(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	case "image":
		c.expect(b.ImageURL != "" && b.AltText != "", "missing required field [json-pointer:%s]", at)
	case "markdown":
		c.markdown(at, b)
	case "divider", "rich_text", "table", "video":
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
	if b.Accessory != nil {
		c.element(at+"/accessory", *b.Accessory)
	}
}

func (c *blockCheck) context(at string, b block) {
	c.expect(len(b.Elements) >= 1 && len(b.Elements) <= 10, "1 to 10 items allowed [json-pointer:%s/elements]", at)
	for i, e := range b.Elements {
		place := fmt.Sprintf("%s/elements/%d", at, i)
		if e.Type == "image" {
			c.expect(e.ImageURL != "" && e.AltText != "", "missing required field [json-pointer:%s]", place)
			continue
		}
		var words string
		c.expect(json.Unmarshal(e.Text, &words) == nil, "must be a string [json-pointer:%s/text]", place)
		c.words(place, e.Type, words, e, 2000, "plain_text", "mrkdwn")
	}
}

func (c *blockCheck) element(at string, e block) {
	switch e.Type {
	case "button":
		c.text(at+"/text", e.Text, 75, "plain_text")
		c.expect(utf8.RuneCountInString(e.Value) <= 2000, "must be at most 2000 characters [json-pointer:%s/value]", at)
		c.expect(len(e.ActionID) <= 255, "must be at most 255 characters [json-pointer:%s/action_id]", at)
		c.expect(len(e.URL) <= 3000, "must be at most 3000 characters [json-pointer:%s/url]", at)
	case "image":
		c.expect(e.ImageURL != "" && e.AltText != "", "missing required field [json-pointer:%s]", at)
	case "overflow", "static_select", "multi_static_select", "checkboxes", "radio_buttons", "datepicker",
		"timepicker", "users_select", "conversations_select", "channels_select", "workflow_button":
	default:
		c.expect(false, "unsupported type: %s [json-pointer:%s/type]", e.Type, at)
	}
}

func (c *blockCheck) markdown(at string, b block) {
	var words string
	c.expect(json.Unmarshal(b.Text, &words) == nil && words != "", "must be a string [json-pointer:%s/text]", at)
	c.total += utf8.RuneCountInString(words)
	c.expect(utf8.RuneCountInString(words) <= 12_000, "must be at most 12000 characters [json-pointer:%s/text]", at)
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
	c.words(at, object.Type, object.Text, block{Emoji: object.Emoji, Verbatim: object.Verbatim}, most, types...)
}

func (c *blockCheck) words(at, kind, words string, options block, most int, types ...string) {
	n := utf8.RuneCountInString(words)
	c.total += n
	c.expect(slices.Contains(types, kind), "must be one of %s [json-pointer:%s/type]", strings.Join(types, ", "), at)
	c.expect(n >= 1, "must be at least 1 character [json-pointer:%s/text]", at)
	c.expect(n <= most, "must be at most %d characters [json-pointer:%s/text]", most, at)
	c.expect(kind != "mrkdwn" || !options.Emoji, "mrkdwn takes no emoji [json-pointer:%s/emoji]", at)
	c.expect(kind != "plain_text" || !options.Verbatim, "plain_text takes no verbatim [json-pointer:%s/verbatim]", at)
}
