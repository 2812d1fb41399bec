package card

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/golden"
	"numwatch/phone"
)

func chineseCards() *Maker {
	c := testCards()
	c.Language = phone.Chinese
	return c
}

// The states of English messages in Chinese: their texts fit as well, and no English word
// of ours is left. The rules of this play have no Chinese texts.
func TestStatesInChinese(t *testing.T) {
	ours := regexp.MustCompile(`(?i)\b(after|was|for|rules?|opened?|closed|resolved|ended|worse|better|again|now|still|also|update|space|since|until|account|critical|high|warning|info|and|of|other|more|flapping|severity|runbook|acknowledge|silence|numbers?|history|shown|first)\b`)
	addresses := regexp.MustCompile(`https?://\S+`)
	var all strings.Builder
	p := NewPrinter(&all, false)
	for _, s := range statesIn(chineseCards()) {
		requireBudget(t, s.card)
		if s.reply {
			require.NoError(t, p.Reply([]string{"#" + s.name}, "1", s.card))
		} else {
			require.NoError(t, p.Message([]string{"#" + s.name}, "1", s.card))
		}
		english := s.card.Title + " " + s.card.Counts + " " + strings.Join(s.card.Footer, " ")
		for _, f := range s.card.Facts {
			english += " " + f.Label
		}
		for _, l := range s.card.Lines {
			english += " " + s.card.Word(l.Mark) + " " + l.Text
		}
		for _, b := range s.card.Buttons {
			english += " " + b.Label(s.card.Language)
		}
		english += " " + s.card.Word(s.card.Mark)
		require.Empty(t, ours.FindAllString(addresses.ReplaceAllString(english, ""), -1), "%s: %s", s.name, english)
	}
	golden.Equal(t, "testdata/states.zh.golden", all.String())
}
