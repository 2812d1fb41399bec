package config

import (
	"maps"
	"reflect"
	"regexp"
	"strings"
)

// allKeys are the keys that a configuration may have anywhere, with whether
// they hold a secret.
var allKeys = keysBelow(reflect.TypeFor[Config]())

func keysBelow(t reflect.Type) map[string]bool {
	keys := map[string]bool{}
	switch {
	case t.Kind() == reflect.Slice:
		return keysBelow(t.Elem())
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[Problem]():
		return nil
	}
	for _, key := range keysOf(reflect.Zero(t)) {
		field, ok := fieldOf(reflect.Zero(t), key)
		keys[key] = ok && field.Type() == reflect.TypeFor[Secret]()
	}
	for i := range t.NumField() {
		maps.Copy(keys, keysBelow(t.Field(i).Type))
	}
	return keys
}

var (
	wordBefore = regexp.MustCompile(`([a-z_]+)["']?(?:\s*[:=]\s*|\s+)`)
	noSecret   = regexp.MustCompile(`^(?:["']?\$\{[A-Za-z0-9_]*(?::-)?\}|[,}\]#]|$)`)
)

// secretsIn finds where in a text something follows the name of a key that holds
// a secret, other than a reference to a variable.
func secretsIn(text string) (starts []int) {
	for _, at := range wordBefore.FindAllStringSubmatchIndex(text, -1) {
		if allKeys[text[at[2]:at[3]]] && !noSecret.MatchString(text[at[1]:]) {
			starts = append(starts, at[1])
		}
	}
	return starts
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_<-]*`)

// shownKey returns a key as it may be shown, and whether that is all of it. What
// is no word may be a value with its key, where the colon is missing.
func shownKey(key string) (string, bool) {
	word := plainKey.FindString(key)
	if _, known := allKeys[word]; word != key && !known {
		word = ""
	}
	if word == key {
		return key, true
	}
	return strings.TrimSpace(word) + hidden, false
}
