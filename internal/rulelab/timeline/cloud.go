package timeline

import (
	"numwatch/phone"
)

// usualFields is a number that is well.
func usualFields() []field {
	return []field{
		{field: phone.VerifiedName, value: "Acme Shop"},
		{field: phone.Status, value: "CONNECTED"},
		{field: phone.QualityRating, value: "GREEN"},
		{field: phone.CodeVerificationStatus, value: "VERIFIED"},
		{field: phone.NewNameStatus, value: "NONE"},
		{field: phone.NameStatus, value: "APPROVED"},
		{field: phone.MessagingLimitTier, value: "TIER_10K"},
		{field: phone.StatusQueue, value: ""},
		{field: phone.UpQueue, value: ""},
		{field: phone.StatusCallbackUrl, value: "https://acme.example/status"},
		{field: phone.UpCallbackUrl, value: "https://acme.example/messages"},
		{field: phone.IsOfficial, value: "N"},
	}
}

// usualSpace is the one of a test that names none.
func usualSpace() space {
	return space{
		config:  phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "1001"}, Name: "Acme"},
		numbers: []number{{phoneNumber: &node{text: "8613800001111"}}},
	}
}

// merge returns the fields with those of upper over those of lower.
func merge(lower, upper []field) []field {
	given := map[phone.Field]bool{}
	for _, f := range upper {
		given[f.field] = true
	}
	var out []field
	for _, f := range lower {
		if !given[f.field] {
			out = append(out, f)
		}
	}
	return append(out, upper...)
}

func (s space) over(usual []field) space {
	s.numbers = over(s.numbers, usual)
	return s
}

func over(numbers []number, usual []field) []number {
	out := make([]number, len(numbers))
	for i, n := range numbers {
		out[i] = number{n.phoneNumber, merge(usual, n.fields)}
	}
	return out
}

func (f *File) readSpaces(n *node) (spaces []space) {
	f.list(n, "spaces", func(n *node) {
		s := space{at: n.at, config: phone.Space{SpaceKey: phone.SpaceKey{Account: "main"}}}
		var account, id, name *node
		f.object(n, "a space",
			key{"account", false, f.text("account", &account)},
			key{"id", true, f.text("id", &id)},
			key{"name", false, f.text("name", &name)},
			key{"labels", false, func(n *node) { s.config.Labels = f.labels(n) }},
			key{"numbers", true, func(n *node) { s.numbers = f.numbers(n) }},
		)
		if account != nil {
			s.config.Account = account.text
		}
		s.config.ID, s.config.Name = textOf(id), textOf(name)
		for _, other := range spaces {
			if other.config.ID == s.config.ID {
				f.fail(n.at, "another space has the id %q", s.config.ID)
			}
		}
		spaces = append(spaces, s)
	})
	if len(spaces) == 0 {
		f.fail(n.at, "name at least one space")
	}
	return spaces
}

func (f *File) labels(n *node) map[string]string {
	labels := map[string]string{}
	if n.kind != aMapping {
		f.fail(n.at, "labels must be a mapping, not %s", n.kind)
		return labels
	}
	for _, p := range n.pairs {
		var value *node
		if f.text("a label", &value)(p.value); value != nil {
			labels[p.key.text] = value.text
		}
	}
	return labels
}

// numbers reads a mapping from numbers to fields.
func (f *File) numbers(n *node) (numbers []number) {
	if n.kind != aMapping {
		f.fail(n.at, "numbers must be a mapping from a number to its fields, not %s", n.kind)
		return nil
	}
	for _, p := range n.pairs {
		one := number{phoneNumber: p.key}
		if p.value.kind != aNull {
			one.fields = f.fields(p.value)
		}
		numbers = append(numbers, one)
	}
	return numbers
}

// fields reads a mapping from fields of a number to values.
func (f *File) fields(n *node) (fields []field) {
	if n.kind != aMapping {
		f.fail(n.at, "fields must be a mapping from a field to its value, not %s", n.kind)
		return nil
	}
	for _, p := range n.pairs {
		name, ok := phone.ParseField(p.key.text)
		switch {
		case !ok || !name.OfNumber():
			f.fail(p.key.at, "%q is no field of a number%s", p.key.text, oneOf(fieldNames()))
		case p.value.kind == aNull:
			fields = append(fields, field{field: name, null: true})
		case p.value.kind != aScalar:
			f.fail(p.value.at, "%s must be a single value, not %s", name, p.value.kind)
		default:
			fields = append(fields, field{field: name, value: p.value.text})
		}
	}
	return fields
}

func fieldNames() (names []string) {
	for f := range phone.FieldsOfNumber() {
		names = append(names, f.String())
	}
	return names
}
