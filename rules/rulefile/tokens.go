package rulefile

import "github.com/goccy/go-yaml/token"

// Bounds of what rules need, well within what the YAML library bears: its
// parser recurses into depth, and takes time by the square of a mapping's keys.
const (
	maxDepth  = 16   // of nested lists and mappings
	maxIndent = 100  // columns before a block's dash
	maxKeys   = 5000 // of one mapping
)

// tokenCheck looks at a file's tokens before they are parsed.
type tokenCheck struct {
	*reader
	content bool   // the document has begun
	before  int    // the column of the last token
	open    []open // mappings and lists that are open, the outer first
}

// open is a flow collection, or the block mapping whose keys stand in column.
type open struct {
	flow   bool
	list   bool
	column int
	keys   int
}

// checkTokens refuses what rules do not need and what keeps a YAML parser busy
// without end: anchors and aliases, tags, merged and complex keys, several
// documents, deep nesting, huge mappings.
func checkTokens(r *reader, tokens token.Tokens) bool {
	c := tokenCheck{reader: r}
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if what, hint := c.foreign(t); what != "" {
			r.fail(place(t), hint, "%s", what)
			return false
		}
		if what := c.tooMuch(t); what != "" {
			r.fail(place(t), "", "%s", what)
			return false
		}
		c.before = t.Position.Column
		c.content = c.content || t.Type != token.DocumentHeaderType
	}
	return true
}

// foreign names what is YAML, but not of the kind that rules are written in.
func (c *tokenCheck) foreign(t *token.Token) (what, hint string) {
	switch t.Type {
	case token.AnchorType, token.AliasType:
		return "anchors and aliases are not read", "write the value where it is needed"
	case token.TagType:
		return "tags are not read", "put text in quotes"
	case token.MergeKeyType:
		return "merge keys are not read", "write the keys where they are needed"
	case token.MappingKeyType:
		return "complex keys are not read", "write `key: value`"
	case token.DirectiveType:
		return "directives are not read", "remove it"
	case token.DocumentHeaderType:
		if c.content {
			return "a second document begins", "one file holds one document"
		}
	}
	return "", ""
}

func (c *tokenCheck) tooMuch(t *token.Token) string {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		c.open = append(c.open, open{flow: true, list: t.Type == token.SequenceStartType})
	case token.SequenceEndType, token.MappingEndType:
		if c.inFlow() {
			c.open = c.open[:len(c.open)-1]
		}
	case token.SequenceEntryType:
		c.closeBehind(t.Position.Column)
		if t.Position.Column > maxIndent {
			return "nested too deeply"
		}
	case token.CollectEntryType, token.MappingValueType:
		if !c.inFlow() {
			c.blockKey(c.before)
		}
		top := &c.open[len(c.open)-1]
		if top.keys++; top.keys > maxKeys && !top.list {
			return "too many keys"
		}
	}
	if len(c.open) > maxDepth {
		return "nested too deeply"
	}
	return ""
}

func (c *tokenCheck) inFlow() bool {
	return len(c.open) > 0 && c.open[len(c.open)-1].flow
}

// blockKey makes the block mapping with keys in the column the innermost.
func (c *tokenCheck) blockKey(column int) {
	c.closeBehind(column)
	if len(c.open) == 0 || c.open[len(c.open)-1].column < column {
		c.open = append(c.open, open{column: column})
	}
}

// closeBehind closes the block mappings whose keys stand behind the column.
func (c *tokenCheck) closeBehind(column int) {
	for len(c.open) > 0 && !c.inFlow() && c.open[len(c.open)-1].column > column {
		c.open = c.open[:len(c.open)-1]
	}
}
