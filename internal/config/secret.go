package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "•••"

// Secret is a text that does not show in logs, errors, dumps or JSON. The zero
// value is empty. The text stands behind a pointer, so that fmt does not reach
// it through an unexported member of another struct either.
type Secret struct{ text *string }

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text itself, "" of an empty secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.text == nil }

// String returns dots.
func (s Secret) String() string { return hidden }

// GoString returns dots.
func (s Secret) GoString() string { return hidden }

// Format writes dots, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText writes dots.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns dots.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
