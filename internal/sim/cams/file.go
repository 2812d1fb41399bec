package cams

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// The types of this file are a scenario as it is written.

type file struct {
	Seed         uint64        `yaml:"seed"`
	Limit        int           `yaml:"limit"`
	CountRefused bool          `yaml:"count_refused"`
	RetryAfter   bool          `yaml:"retry_after"`
	Accounts     []fileAccount `yaml:"accounts"`
	Steps        []fileStep    `yaml:"steps"`
	Drift        *fileDrift    `yaml:"drift"`
}

type fileAccount struct {
	Name            string      `yaml:"name"`
	AccessKeyId     string      `yaml:"access_key_id"`
	AccessKeySecret string      `yaml:"access_key_secret"`
	SecurityToken   string      `yaml:"security_token"`
	Limit           int         `yaml:"limit"`
	Spaces          []fileSpace `yaml:"spaces"`
	place           place
}

type fileSpace struct {
	Id      string   `yaml:"id"`
	Name    string   `yaml:"name"`
	Count   int      `yaml:"count"`   // so many numbers are generated
	Fields  fields   `yaml:"fields"`  // in place of what is generated
	Numbers []fields `yaml:"numbers"` // beside the generated ones
	place   place
}

type fileStep struct {
	At      duration   `yaml:"at"`
	Every   duration   `yaml:"every"`
	Until   duration   `yaml:"until"`
	Account string     `yaml:"account"` // may be left out where there is one
	Space   string     `yaml:"space"`   // id or name
	Number  string     `yaml:"number"`  // PhoneNumber, position from 1, or "all"
	Set     fields     `yaml:"set"`
	Unset   []string   `yaml:"unset"`
	Add     fields     `yaml:"add"`
	Remove  bool       `yaml:"remove"`
	Restore bool       `yaml:"restore"`
	Rename  string     `yaml:"rename"` // of the space
	Fault   *fileFault `yaml:"fault"`
	place   place
}

type fileFault struct {
	Kind        Kind     `yaml:"kind"`
	Action      string   `yaml:"action"`
	Count       int      `yaml:"count"`
	For         duration `yaml:"for"`
	Probability float64  `yaml:"probability"`
	Latency     duration `yaml:"latency"`
	Code        string   `yaml:"code"`
	Status      int      `yaml:"status"`
	RetryAfter  duration `yaml:"retry_after"`
	Bytes       int      `yaml:"bytes"`
	place       place
}

type fileDrift struct {
	From  duration   `yaml:"from"`
	Every duration   `yaml:"every"`
	Moves []fileMove `yaml:"moves"`
	place place
}

type fileMove struct {
	Field   string `yaml:"field"`
	From    string `yaml:"from"` // "": any value
	To      string `yaml:"to"`
	Restore bool   `yaml:"restore"` // to the value of the beginning
	Weight  int    `yaml:"weight"`  // 0: 1
	place   place
}

// place is where something stands in the file.
type place struct{ line, column int }

func placeOf(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		n = v.Key
	}
	p := n.GetToken().Position
	return place{p.Line, p.Column}
}

// decode reads a node into v strictly, and keeps its place.
func decode(n ast.Node, v any, at *place) error {
	*at = placeOf(n)
	return yaml.NodeToValue(n, v, yaml.Strict())
}

// The methods below keep the place; their types' aliases keep them from calling
// themselves.

func (a *fileAccount) UnmarshalYAML(n ast.Node) error {
	type plain fileAccount
	return decode(n, (*plain)(a), &a.place)
}

func (s *fileSpace) UnmarshalYAML(n ast.Node) error {
	type plain fileSpace
	return decode(n, (*plain)(s), &s.place)
}

func (s *fileStep) UnmarshalYAML(n ast.Node) error {
	type plain fileStep
	return decode(n, (*plain)(s), &s.place)
}

func (f *fileFault) UnmarshalYAML(n ast.Node) error {
	type plain fileFault
	return decode(n, (*plain)(f), &f.place)
}

func (d *fileDrift) UnmarshalYAML(n ast.Node) error {
	type plain fileDrift
	return decode(n, (*plain)(d), &d.place)
}

func (m *fileMove) UnmarshalYAML(n ast.Node) error {
	type plain fileMove
	return decode(n, (*plain)(m), &m.place)
}

// duration is a time span such as 5s, never negative.
type duration time.Duration

func (d *duration) UnmarshalYAML(n ast.Node) error {
	span, err := time.ParseDuration(n.GetToken().Value)
	if err != nil || span < 0 {
		return wrong(n, "want a duration such as 5s or 2m")
	}
	*d = duration(span)
	return nil
}

// fields are values of the API's fields; null is JSON's null.
type fields Number

func (f *fields) UnmarshalYAML(n ast.Node) error {
	mapping, ok := n.(ast.MapNode)
	if !ok {
		return wrong(n, "want the API's fields with their values")
	}
	*f = fields{}
	for it := mapping.MapRange(); it.Next(); {
		name := it.Key().GetToken().Value
		if !isField(name) {
			return wrong(it.Key(), "unknown field "+name)
		}
		switch v := it.Value().(type) {
		case *ast.NullNode:
			(*f)[name] = Null
		case ast.ScalarNode:
			(*f)[name] = scalarText(v)
		default:
			return wrong(v, "want a text for "+name)
		}
	}
	return nil
}

// scalarText is a value as it was written: a phone number is no number.
func scalarText(v ast.ScalarNode) string {
	if s, ok := v.(*ast.StringNode); ok {
		return s.Value
	}
	return strings.TrimSpace(v.GetToken().Value)
}

func isField(name string) bool {
	return slices.Contains([]string{
		"PhoneNumber", "VerifiedName", "Status", "QualityRating", "CodeVerificationStatus", "NewNameStatus",
		"NameStatus", "MessagingLimitTier", "StatusQueue", "UpQueue", "StatusCallbackUrl", "UpCallbackUrl", "IsOfficial",
	}, name)
}

func wrong(n ast.Node, message string) error {
	return &yaml.SyntaxError{Message: message, Token: n.GetToken()}
}
