package rulefile

import (
	"strings"

	"github.com/goccy/go-yaml/token"

	"numwatch/rules"
)

// Comment is a comment of a rules file, without the #.
type Comment struct {
	At   rules.Place
	Text string
}

// Comments finds the comments of a file that has been read.
func Comments(lines []string) (list []Comment) {
	tokens, err := tokenize(strings.Join(lines, "\n"))
	if err != nil {
		return nil
	}
	for _, t := range tokens {
		if t.Type == token.CommentType {
			list = append(list, Comment{place(t), strings.TrimSpace(t.Value)})
		}
	}
	return list
}
