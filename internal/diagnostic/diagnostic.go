// Package diagnostic says what is wrong in a file that people wrote: its place,
// the line with a caret, and the spelling that was most likely meant. It imports
// the standard library only.
package diagnostic

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// excerptWidth is how much of a line is shown around the caret.
const excerptWidth = 120

// excerpt shows a line of a file, safe for terminals, with a caret below the
// column; "" where the line is empty.
func excerpt(source string, line, column int) string {
	runes := []rune(strings.TrimRight(source, " \t"))
	if len(runes) == 0 {
		return ""
	}
	caret, from := min(max(column-1, 0), len(runes)), 0
	if caret > excerptWidth-20 {
		from = caret - excerptWidth/2
	}
	runes = runes[from:min(len(runes), from+excerptWidth)]
	for i, r := range runes {
		switch {
		case r == '\t':
			runes[i] = ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			runes[i] = unicode.ReplacementChar
		}
	}
	return fmt.Sprintf("\n%5d | %s\n      | %s^", line, string(runes), strings.Repeat(" ", caret-from))
}

// DidYouMean is the hint for a word that is not one of the known ones: the
// nearest spelling, or a short list.
func DidYouMean(word string, known []string) string {
	best := Nearest(word, known)
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return ""
	case len(known) <= 20:
		return "one of " + strings.Join(known, ", ")
	default:
		return "for example " + strings.Join(known[:8], ", ")
	}
}

// Nearest returns the known word that a misspelt one most likely means: the only one that
// begins with it, or the one that differs least; "" if there is none.
func Nearest(word string, known []string) string {
	if whole := theOneBeginning(word, known); whole != "" {
		return whole
	}
	best, distance := "", len(word)/3+1
	for _, k := range known {
		if d := editDistance(folded(word), folded(k), distance); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// shortest is how many letters of a word tell which one is meant.
const shortest = 3

// theOneBeginning returns the only known word that is longer than the given one and begins
// with it, "" if there is none or several.
func theOneBeginning(word string, known []string) (whole string) {
	if len(folded(word)) < shortest || slices.Contains(known, word) {
		return ""
	}
	for _, k := range known {
		switch {
		case k == whole || !strings.HasPrefix(folded(k), folded(word)):
		case whole != "":
			return ""
		default:
			whole = k
		}
	}
	return whole
}

var separators = strings.NewReplacer("_", "", "-", "")

// folded maps maxAge, max-age and max_age to the same word.
func folded(s string) string { return strings.ToLower(separators.Replace(s)) }

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b; words too different in length cost limit.
func editDistance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit || len(b) > 100 {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
