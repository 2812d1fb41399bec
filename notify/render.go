package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"numwatch/alert"
	"numwatch/phone"
)

// NewCard returns the card of the message that would show alerts of one channel
// which nothing was said of yet, posted at a time. Space tells how the
// configuration describes a space; nil where there is none.
func NewCard(alerts []alert.Alert, c Channel, space func(phone.SpaceKey) phone.Space, at time.Time) *Card {
	alerts = append([]alert.Alert(nil), alerts...)
	sortWorst(alerts)
	cards := cards{space: space}
	card := cards.message(alerts, at, true)
	card.Mention = c.Mention
	return card
}

// BlockKit returns the card as Slack is sent it: a JSON object of text and
// blocks.
func (c *Card) BlockKit() (json.RawMessage, error) {
	b, err := json.Marshal(struct {
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks"`
	}{c.text(false), c.blocks()})
	if err != nil {
		return nil, fmt.Errorf("rendering the blocks of a message: %w", err)
	}
	return b, nil
}
