package rulefile

import (
	"path/filepath"
	"slices"
	"strings"

	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
	"numwatch/rules"
)

// Texts is the content of a file with the texts of rules in another language.
type Texts struct {
	File string // its name, for messages
	Data []byte
	// Rules is the content of the rules file that the texts were made for: what it says
	// otherwise than the file that is read, they do not translate. Nil: it is the same.
	Rules []byte
}

// TextsFile is where the texts of a rules file are in a language: rules.zh.yaml beside
// rules.yaml.
func TextsFile(rulesFile string, l phone.Language) string {
	ext := filepath.Ext(rulesFile)
	return strings.TrimSuffix(rulesFile, ext) + "." + l.String() + ext
}

// translate reads a file of texts, if it is in one of the languages.
func (r *reader) translate(t Texts, languages []phone.Language) diagnostic.Problems {
	in := reader{Reader: yamldoc.Parse(t.File, t.Data, yamldoc.Options{})}
	out := rules.TranslationSpec{File: t.File, Lines: in.Lines()}
	if root := in.Root(); root != nil {
		in.textsFile(root, &out)
	}
	if problems := in.Problems(); len(problems) > 0 {
		return problems
	}
	if t.Rules != nil {
		original, _ := Parse(t.File, t.Rules)
		out.Original = make(map[string]*rules.RuleSpec, len(original.Rules))
		for i := range original.Rules {
			out.Original[original.Rules[i].Name.Value] = &original.Rules[i]
		}
	}
	if slices.Contains(languages, out.Language) {
		r.spec.Translations = append(r.spec.Translations, out)
	}
	return nil
}

// textsFile reads a whole file of texts.
func (r *reader) textsFile(n *node, to *rules.TranslationSpec) {
	var language rules.Part[phone.Language]
	r.Object(n, "the file",
		yamldoc.Required("version", r.version),
		yamldoc.Required("language", r.language(&language)),
		yamldoc.Required("rules", func(n *node) {
			r.named(n, "rules", func(name rules.Part[string], n *node) {
				r.Rule = name.Value
				t := rules.TranslatedSpec{Name: name}
				r.Object(n, "rule "+name.Value,
					yamldoc.Optional("title", r.texts("title", &t.Title)),
					yamldoc.Optional("summary", r.texts("summary", &t.Summary)),
					yamldoc.Optional("action", r.texts("action", &t.Action)),
				)
				to.Rules = append(to.Rules, t)
				r.Rule = ""
			})
		}),
	)
	to.Language = language.Value
	if language.Given() && language.Value == phone.English {
		r.Fail(language.At, "these are in rules.yaml itself", "a file of texts must be in a language other than English")
	}
}
