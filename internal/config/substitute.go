package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// substitute replaces ${NAME} by the variable's value, which must be set, and
// ${NAME:-default} by its value or, where that is unset or empty, the default.
// $$ stands for a dollar; a dollar alone is an error, so that nothing is
// replaced, or kept, by surprise.
func substitute(text string, env map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			reference, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", errors.New("has a ${ that is not closed by }")
			}
			value, err := resolve(reference, env)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = rest
		default:
			return "", errors.New("has a single dollar sign (write $$ for a dollar, ${NAME} for a variable)")
		}
	}
}

func resolve(reference string, env map[string]string) (string, error) {
	name, fallback, optional := strings.Cut(reference, ":-")
	if !variableName.MatchString(name) {
		return "", errors.New("has an invalid variable name (write ${NAME} or ${NAME:-default})")
	}
	if strings.Contains(fallback, "${") {
		return "", fmt.Errorf("has a default of ${%s} that refers to another variable, which is not supported", name)
	}
	value, set := env[name]
	switch {
	case optional && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("environment variable %s is not set (set it, or write ${%s:-default})", name, name)
	default:
		return value, nil
	}
}

// environment turns KEY=VALUE pairs into a map; of a repeated key the last one
// counts, as in os/exec.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}
