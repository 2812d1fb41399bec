package config

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reference matches a value that is nothing but a variable without a default,
// which may be shown.
var reference = regexp.MustCompile(`^\$\{[A-Za-z0-9_]*(:-)?\}$`)

func (d *decoder) secret(path string, n ast.Node, into *Secret) {
	raw, _ := rawText(n)
	if !reference.MatchString(raw) {
		d.hideScalar(positionOf(n), raw)
	}
	if text, ok := d.text(path, n); ok {
		*into = NewSecret(strings.TrimSpace(text))
	}
}

// secretFile reads the name of a file, and returns what reads the secret from
// it once the key for the secret itself has been read as well.
func (d *decoder) secretFile(path string, n ast.Node, into *Secret) func() {
	d.stands(path, n)
	name, ok := d.text(path, n)
	return func() {
		switch {
		case !ok || name == "":
			return
		case !into.Empty():
			d.report(path, "and %s are both given: keep one", strings.TrimSuffix(path, fileSuffix))
			return
		}
		data, err := d.readFile(name)
		if err != nil {
			d.report(path, "cannot be read: %s", err)
			return
		}
		*into = NewSecret(strings.TrimSpace(string(data)))
		if into.Empty() {
			d.report(path, "%s is empty", quote(name))
		}
	}
}
