package rules

import "slices"

// ExpressionNames lists the names and functions that expressions may use.
func ExpressionNames() []string { return slices.Concat(names, functions) }
