package card

import (
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"
)

// BlockKit returns the card as Slack is sent it: a JSON object of text and
// blocks.
func (c *Card) BlockKit() (json.RawMessage, error) {
	b, err := json.Marshal(struct {
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks"`
	}{c.Text(false), c.Blocks()})
	if err != nil {
		return nil, fmt.Errorf("rendering the blocks of a message: %w", err)
	}
	return b, nil
}
