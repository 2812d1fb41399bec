package web

import (
	_ "embed"
	"net/http"

	"numwatch/alert"
)

//go:embed openapi.yaml
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	// The client went away: nobody is left to be told.
	_, _ = w.Write(openAPI)
}

func (s *site) getRules(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.rules())
}

// rules is what is known of the rules, fit to be shown.
func (s *site) rules() Rules {
	r := s.Rules()
	r.Rules = append([]Rule{}, r.Rules...)
	r.Channels = append([]Channel{}, r.Channels...)
	r.Warnings = cleanedProblems(r.Warnings)
	if r.Refused != nil {
		refused := *r.Refused
		refused.Text = shownLines(refused.Text)
		refused.Problems = cleanedProblems(refused.Problems)
		r.Refused = &refused
	}
	if r.Compared != nil {
		r.Compared = &Compared{At: r.Compared.At, Text: shown(r.Compared.Text)}
	}
	return r
}

func cleanedProblems(problems []Problem) []Problem {
	out := append([]Problem{}, problems...)
	for i := range out {
		p := &out[i]
		p.Text, p.Hint, p.Rule = shown(p.Text), shown(p.Hint), shown(p.Rule)
		p.Source = alert.Plain(p.Source)
	}
	return out
}
