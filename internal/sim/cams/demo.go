package cams

import (
	_ "embed"
	"slices"
)

//go:embed demo.yaml
var demo []byte

// Demo returns the scenario of the demonstration, in YAML: one account, main,
// whose troubles begin after three seconds and never quite end.
func Demo() []byte { return slices.Clone(demo) }
