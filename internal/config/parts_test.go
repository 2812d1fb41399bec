package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "12": 12, "5B": 5, "512MB": 512e6, "10GiB": 10 << 30, "1 kB": 1000} {
		s, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, s, text)
	}
	for _, text := range []string{"", "-1", "1XB", "GB", "1GB2MB"} {
		_, err := parseSize(text)
		require.ErrorContains(t, err, "is not a size", text)
	}
	for _, text := range []string{"9223372036854775807kB", "9223372036854775808"} {
		_, err := parseSize(text)
		require.EqualError(t, err, "is too large", text)
	}
}

func TestSubstitute(t *testing.T) {
	env := environment([]string{"A=1", "A=2", "E=", "V=a=b", "broken"})
	for text, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "2", "x${A}y${A}": "x2y2", "${E}": "", "${E:-d}": "d", "${N:-}": "",
		"${N:-a:-b}": "a:-b", "$$": "$", "$${A}": "${A}", "${V}": "a=b", "100$$": "100$",
	} {
		got, err := substitute(text, env)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"$", "$A", "${", "${}", "${N}", "${A B}", "${A-b}", "${N:-${A}}", "a$"} {
		_, err := substitute(text, env)
		require.Error(t, err, text)
	}
}

// However a secret is printed, and wherever it is held, only dots show.
func TestSecretsNeverShow(t *testing.T) {
	s := NewSecret("hunter2")
	type holder struct {
		Shown  Secret
		hidden Secret
	}
	h := holder{s, s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "holder", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", h)
	marshalled, err := json.Marshal(h)
	require.NoError(t, err)
	c := parse(t, smallest+"http: {token: hunter2}\n")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		log.WriteString(fmt.Sprintf(verb, s) + fmt.Sprintf(verb, h) + fmt.Sprintf(verb, &h) + fmt.Sprintf(verb, *c))
	}
	log.Write(marshalled)
	require.NotContains(t, log.String(), "hunter2")
	require.NotContains(t, log.String(), fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, log.String(), "•••")
	require.Equal(t, "hunter2", s.Reveal())
	require.Equal(t, "hunter2", c.HTTP.Token.Reveal())
}

func TestReadSpaces(t *testing.T) {
	spaces, problems := readSpaces(strings.NewReader("\ufeffid,name,labels\r\n"+
		"293483938849493,Acme,tier=gold,env=prod\r\n"+
		"\n# a comment\n"+
		`cams-1, "Smith, Jones ""&"" Co", note="a,b"`+"\n"+
		`cams-2,"Smith, Jones ""&"" Co","note=a,b",,`+"\n"+
		",no id\n"+
		"a b,white space\n"+
		"x,y,label\n"+
		"cams-2,again\n"+
		"z,\"open\n"+
		"bad\xff\n"+
		"last"), "main", nil)
	require.Equal(t, []phone.Space{
		{SpaceKey: phone.SpaceKey{Account: "main", ID: "293483938849493"}, Name: "Acme", Labels: map[string]string{"tier": "gold", "env": "prod"}},
		{SpaceKey: phone.SpaceKey{Account: "main", ID: "cams-2"}, Name: `Smith, Jones "&" Co`, Labels: map[string]string{"note": "a,b"}},
		{SpaceKey: phone.SpaceKey{Account: "main", ID: "last"}},
	}, spaces)
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	require.Equal(t, []int{5, 7, 8, 9, 10, 11, 12}, lines, problems.Error())
}

// Labels are shared between spaces, but only where they are the same.
func TestReadSpacesTellsLabelsApart(t *testing.T) {
	spaces, problems := readSpaces(strings.NewReader("1,A,\"a=b,c=d\"\n2,B,a=b,c=d\n3,C,a=b,c=d\n4,D\n"), "main", nil)
	require.Empty(t, problems)
	require.Equal(t, map[string]string{"a": "b,c=d"}, spaces[0].Labels)
	require.Equal(t, map[string]string{"a": "b", "c": "d"}, spaces[1].Labels)
	require.Equal(t, spaces[1].Labels, spaces[2].Labels)
	require.Empty(t, spaces[3].Labels)
}

func FuzzReadSpaces(f *testing.F) {
	f.Add("id,name\n1,Acme,tier=gold\n1,twice\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		spaces, problems := readSpaces(strings.NewReader(text), "main", nil)
		seen := map[string]bool{}
		for _, s := range spaces {
			require.NoError(t, checkID(s.ID))
			require.False(t, seen[s.ID])
			seen[s.ID] = true
		}
		require.LessOrEqual(t, len(spaces)+len(problems), strings.Count(text, "\n")+1)
	})
}

func TestDiscoverWants(t *testing.T) {
	d := Discover{Include: []string{"acme-*", "cams-?"}, Exclude: []string{"*test*"}}
	require.True(t, d.Wants("1", "acme-gold"))
	require.True(t, d.Wants("cams-7", ""))
	require.False(t, d.Wants("cams-77", "other"))
	require.False(t, d.Wants("cams-7", "a test"))
	require.True(t, (&Discover{}).Wants("any", ""))
	d = Discover{Include: []string{"Acme*", "[a-z]?/?"}, Exclude: []string{"*/ test"}}
	require.True(t, d.Wants("1", "Acme / EU"), "a name is no path")
	require.True(t, d.Wants("1", "ab/c"))
	require.True(t, d.Wants("1", "a///"))
	require.False(t, d.Wants("1", "Acme / test"))
}
