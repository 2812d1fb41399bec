package yamldoc

import "numwatch/internal/diagnostic"

// Position is a place in a file.
type Position = diagnostic.Position

// Kind is what a node is.
type Kind uint8

// The kinds of nodes.
const (
	Text Kind = iota
	Number
	Bool
	Null
	List
	Mapping
)

// String names the kind for messages: "a list".
func (k Kind) String() string {
	return [...]string{"text", "a number", "true or false", "nothing", "a list", "a mapping"}[k]
}

// Node is a piece of a file.
type Node struct {
	At    Position
	Path  string // accounts[0].name; "" is the root
	Kind  Kind
	Text  string // of scalars
	Pairs []Pair // of mappings, in the order of the file; keys may repeat
	Items []*Node
	style byte // of text: ' " | or 0 for plain
}

// Pair is a key of a mapping with its value.
type Pair struct {
	Key   string
	At    Position
	Value *Node
}

// Get returns the value of a key, nil if there is none.
func (n *Node) Get(key string) *Node {
	for i := range n.Pairs {
		if n.Pairs[i].Key == key {
			return n.Pairs[i].Value
		}
	}
	return nil
}

// String returns a scalar's text, "" of no node.
func (n *Node) String() string {
	if n == nil {
		return ""
	}
	return n.Text
}

// IsScalar reports whether the node is a single value.
func (n *Node) IsScalar() bool { return n.Kind != List && n.Kind != Mapping }
