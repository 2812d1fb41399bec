package rules_test

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

const inChinese = "version: 1\nchannels: {ops: {slack: \"#ops\", language: zh}}\ndefaults: {notify: ops}\nrules:\n"

// translated loads rules whose channel speaks Chinese, with texts below `rules:`.
func translated(t testing.TB, list, texts string) (*rules.Set, error) {
	t.Helper()
	return rulefile.Load("rules.yaml", []byte(inChinese+list), rulefile.Texts{File: "rules.zh.yaml", Data: []byte("version: 1\nlanguage: zh\nrules:\n" + texts)})
}

func plain(t alert.Texts) [3]string {
	return [3]string{t.Title.Plain(), t.Summary.Plain(), t.Action.Plain()}
}

func TestTextsInAnotherLanguage(t *testing.T) {
	set, err := translated(t, `
  - {name: red, on: QualityRating, to: [RED, YELLOW], severity: critical, title: quality, summary: "{New}: {VerifiedName} {Was}", action: "wait, {Reason}"}
`, `
  red: {title: {RED: 评级低}, summary: "评级 {New}：{VerifiedName}{Was}", action: "请等待，{Reason}"}
`)
	require.NoError(t, err)
	w := newTestbed(t, red)
	w.set = set
	a := one(t, w.see(phone.QualityRating, "RED"))
	require.Equal(t, [3]string{"quality", "RED: Acme Shop (was GREEN)", "wait"}, plain(a.Texts(phone.English)))
	require.Equal(t, [3]string{"评级低", "评级 RED：Acme Shop（此前为 GREEN）", "请等待"}, plain(a.Texts(phone.Chinese)))

	a = one(t, w.later(time.Minute).see(phone.QualityRating, "YELLOW"))
	require.Equal(t, [3]string{"quality", "评级 YELLOW：Acme Shop（此前为 RED）", "请等待"}, plain(a.Texts(phone.Chinese)), "what the file lacks is English")
}

func TestHolesInAnotherLanguage(t *testing.T) {
	set, err := translated(t, `
  - {name: back, on: Number, to: [APPEARED], once: true, severity: info, summary: "back after {Away}"}
`, `
  back: {summary: "消失 {Away}后重新出现，队列 {UpQueue}，名称（{VerifiedName}）"}
`)
	require.NoError(t, err)
	w := newTestbed(t, red)
	w.set = set
	w.number.Set(phone.VerifiedName, "")
	c := w.change(phone.Presence, phone.Missing, phone.Appeared)
	c.AwaySince = w.now.Add(-130 * time.Minute)
	a := one(t, w.step(rules.Seen{Space: w.space, Changes: []phone.Change{c}}))
	require.Equal(t, "back after 2 h 10 min", a.Summary.Plain())
	require.Equal(t, "消失 2 小时 10 分钟后重新出现，队列 （无），名称", a.Texts(phone.Chinese).Summary.Plain())
}

// Where nobody speaks it, a language costs nothing, and its mistakes hold up nobody.
func TestTextsThatNobodyReads(t *testing.T) {
	for _, language := range []string{"", ", language: en"} {
		set, err := rulefile.Load("rules.yaml", []byte(strings.Replace(inChinese, ", language: zh", language, 1)+red), rulefile.Texts{File: "rules.zh.yaml", Data: []byte("nonsense")})
		require.NoError(t, err)
		w := newTestbed(t, red)
		w.set = set
		require.Empty(t, one(t, w.see(phone.QualityRating, "RED")).Translations)
	}
}

func TestMistakesInTexts(t *testing.T) {
	for texts, want := range map[string]string{
		`  red: {summary: "{Nwe}"}`:                      `rules.zh.yaml:4:20: rule "red": unknown name`,
		`  red: {summary: "{New"}`:                       `rules.zh.yaml:4:19: rule "red": { without }`,
		`  red: {sumary: "x"}`:                           `rules.zh.yaml:4:9: rule "red": unknown key "sumary"`,
		"  red: {title: a}\n  red: {title: b}":           `rules.zh.yaml:5:3: `,
		`  red: {summary: {RED: a, red: b, default: c}}`: `rules.zh.yaml:4:27: rule "red": summary has two texts for "RED"`,
	} {
		_, err := translated(t, red, texts)
		require.ErrorContains(t, err, want, texts)
	}
	_, err := rulefile.Load("rules.yaml", []byte(inChinese+red), rulefile.Texts{File: "rules.zh.yaml", Data: []byte("version: 1\nlanguage: en\nrules: {}")})
	require.ErrorContains(t, err, "rules.zh.yaml:2:11: a file of texts must be in a language other than English")
}

// shippedTexts are the shipped rules in Chinese, made for the shipped rules.
func shippedTexts(t testing.TB) rulefile.Texts {
	t.Helper()
	var texts rulefile.Texts
	var err error
	texts.File = "rules.zh.yaml"
	texts.Data, err = os.ReadFile("../rules.zh.yaml")
	require.NoError(t, err)
	texts.Rules, err = os.ReadFile("../rules.yaml")
	require.NoError(t, err)
	return texts
}

// speakingChinese are the shipped rules for channels that speak Chinese.
func speakingChinese(t testing.TB, texts rulefile.Texts) string {
	t.Helper()
	return strings.Replace(string(texts.Rules), "defaults:\n", "defaults:\n  language: zh\n", 1)
}

func TestShippedRulesInChinese(t *testing.T) {
	texts := shippedTexts(t)
	spec, problems := rulefile.Parse("rules.yaml", []byte(speakingChinese(t, texts)), texts)
	require.Empty(t, problems)
	for i := range spec.Rules {
		r := &spec.Rules[i]
		require.Empty(t, spec.Untranslated(phone.Chinese, r), r.Name.Value)
	}
	require.Len(t, spec.Translations[0].Rules, len(spec.Rules), "texts of no rule")
	set, more := rules.Compile(spec)
	require.Empty(t, more)
	for _, r := range set.Rules() {
		a, ok := set.Drill(r.Name, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}, Name: "Acme"}, start)
		require.True(t, ok)
		for i, text := range plain(a.Texts(phone.Chinese)) {
			english := plain(a.Texts(phone.English))[i]
			own := strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
			reason := english == "a drill: nothing has happened" || english == ""
			require.True(t, own || reason, "%s: %q is %q", r.Name, english, text)
			require.NotContains(t, text, "(error)")
			require.NotContains(t, text, " （", "%s: %q", r.Name, text)
		}
	}
}

// The shipped texts are of the shipped rules: where somebody says something else in
// English, they would say the old thing in Chinese.
func TestShippedTextsOfRulesThatWereChanged(t *testing.T) {
	texts := shippedTexts(t)
	changed := strings.Replace(speakingChinese(t, texts), "summary: \"Quality RED: ", "summary: \"Our own words: ", 1)
	spec, problems := rulefile.Parse("rules.yaml", []byte(changed), texts)
	require.Empty(t, problems)
	for i := range spec.Rules {
		keys := spec.Untranslated(phone.Chinese, &spec.Rules[i])
		if spec.Rules[i].Name.Value == "quality-red" {
			require.Equal(t, []string{"summary"}, keys)
			continue
		}
		require.Empty(t, keys)
	}
	own := rulefile.Texts{File: "mine.zh.yaml", Data: []byte("version: 1\nlanguage: zh\nrules:\n  quality-red: {summary: \"自己的说法 {PhoneNumber}\"}\n")}
	set, err := rulefile.Load("rules.yaml", []byte(changed), own, texts)
	require.NoError(t, err)
	a, _ := set.Drill("quality-red", phone.Space{}, start)
	require.Equal(t, "自己的说法 0000000000", a.Texts(phone.Chinese).Summary.Plain())
	require.Equal(t, "质量评级为低（RED）", a.Texts(phone.Chinese).Title.Plain(), "the shipped one")
}

func TestLanguageOfChannels(t *testing.T) {
	set, err := rulefile.Load("rules.yaml", []byte(`version: 1
defaults: {notify: [a, b, c], language: zh}
channels: {a: {slack: "#a"}, b: {slack: "#b", language: en}, c: {webhook: c}}
rules:`+red))
	require.NoError(t, err)
	spoken := map[string]phone.Language{}
	for _, c := range set.Channels() {
		spoken[c.Name] = c.Language
	}
	require.Equal(t, map[string]phone.Language{"a": phone.Chinese, "b": phone.English, "c": phone.English}, spoken)
}
