package phone

import "time"

// Language is one that messages are written in. The zero value is English.
type Language string

// The languages.
const (
	English Language = ""
	Chinese Language = "zh"
)

// languageNames are as in rules.yaml.
var languageNames = []string{"en", string(Chinese)}

// Languages lists the names of the languages.
func Languages() []string { return append([]string{}, languageNames...) }

// ParseLanguage finds a language by its name.
func ParseLanguage(name string) (l Language, ok bool) {
	switch name {
	case "en":
		return English, true
	case string(Chinese):
		return Chinese, true
	default:
		return English, false
	}
}

// String returns the language's name.
func (l Language) String() string {
	if l == English {
		return "en"
	}
	return string(l)
}

// Span is as the function Span, in the language.
func (l Language) Span(d time.Duration) string {
	if l == Chinese {
		return span(d, [...]string{" 天", " 小时", " 分钟", " 秒"})
	}
	return Span(d)
}
