package wording_test

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// phrases are all texts of a catalogue, by the names of their fields: of functions what
// these make of examples.
func phrases(c *wording.Catalogue) map[string]string {
	all := map[string]string{}
	var add func(name string, v reflect.Value)
	add = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				add(strings.TrimPrefix(name+"."+v.Type().Field(i).Name, "."), v.Field(i))
			}
		case reflect.Func:
			var text strings.Builder
			for _, example := range []int{0, 1} {
				if !v.IsNil() {
					text.WriteString(v.Call(examples(v.Type(), example))[0].String())
				}
			}
			all[name] = text.String()
		default:
			all[name] = v.String()
		}
	}
	add("", reflect.ValueOf(c).Elem())
	delete(all, "Language")
	delete(all, "Closing") // see TestClosingsInChinese
	delete(all, "Announcement")
	return all
}

// examples are arguments for a function: the second ones are about several.
func examples(f reflect.Type, example int) (args []reflect.Value) {
	for i := range f.NumIn() {
		var arg any
		switch reflect.Zero(f.In(i)).Interface().(type) {
		case string:
			arg = []string{"Critical", "critical"}[example]
		case int:
			arg = []int{1, 12345}[example]
		case bool:
			arg = example == 0
		case []string:
			arg = [][]string{{"Ada"}, {"Ada", "Bob", "Eve"}}[example]
		case phone.Field:
			arg = []phone.Field{phone.QualityRating, phone.UpQueue}[example]
		case time.Time:
			arg = time.Date(2026, 11, 28, 10, 5, 0, 0, time.UTC)
		case wording.Subject:
			arg = wording.Subject(example)
		case wording.Where:
			arg = wording.Where{Spaces: "Acme", FirstLook: example == 0}
		}
		args = append(args, reflect.ValueOf(arg))
	}
	return args
}

func TestNoPhraseIsMissing(t *testing.T) {
	english, chinese := phrases(wording.In(phone.English)), phrases(wording.In(phone.Chinese))
	require.Len(t, chinese, len(english))
	for name, text := range english {
		require.NotEmpty(t, text, name)
		require.NotEmpty(t, chinese[name], name)
		if name != "Value" { // values are said in words below
			require.NotEqual(t, text, chinese[name], name)
		}
	}
}

func TestChineseIsChinese(t *testing.T) {
	for name, text := range phrases(wording.In(phone.Chinese)) {
		sign := name == "Colon" || name == "Comma" || name == "Semicolon" || name == "Beside" || name == "List" || name == "Digest.Of" || name == "AdviceFor" || name == "Value"
		require.True(t, sign || strings.ContainsFunc(text, han), "%s: %s", name, text)
		require.NotRegexp(t, `[,;:!?()] |\p{Han}[,;!?()]`, text, "%s has signs of English text", name)
	}
}

func han(r rune) bool { return unicode.Is(unicode.Han, r) }

// Every field, and every value that is documented, has a word, and is shown beside it.
func TestFieldsAndValuesInChinese(t *testing.T) {
	say := wording.In(phone.Chinese)
	for f := range phone.Fields() {
		require.True(t, strings.ContainsFunc(say.Field(f), han), f)
		for _, v := range f.Values() {
			if v == "" {
				continue
			}
			text := say.Value(f, v)
			require.True(t, strings.ContainsFunc(text, han), "%s %s: %s", f, v, text)
			require.True(t, strings.HasSuffix(text, "（"+v+"）"), text)
		}
	}
	require.Equal(t, "2,000 人/天（TIER_2K）", say.Value(phone.MessagingLimitTier, "TIER_2K"))
	require.Equal(t, "40,000 人/天（TIER_40K）", say.Value(phone.MessagingLimitTier, "TIER_40K"))
	require.Equal(t, "TIER_NEW", say.Value(phone.MessagingLimitTier, "TIER_NEW"))
	require.Equal(t, "GREEN", say.Value(phone.VerifiedName, "GREEN"), "a customer's name is none of our words")
	require.Equal(t, "NONE", say.Value(phone.UpQueue, "NONE"))
}

func TestClosingsInChinese(t *testing.T) {
	say := wording.In(phone.Chinese)
	for _, text := range alert.Closings() {
		require.True(t, strings.ContainsFunc(say.Closing(text), han), text)
		require.True(t, strings.ContainsFunc(say.Closing(text+": more"), han), text)
	}
	require.Equal(t, "something else", say.Closing("something else"))
	for _, text := range alert.Announcements() {
		require.Regexp(t, `^numwatch \p{Han}.*：disk full: no space$`, say.Announcement(text+": disk full: no space"))
	}
	require.Equal(t, "something else", say.Announcement("something else"))
}

func TestTimeInChinese(t *testing.T) {
	at := time.Date(2026, 11, 28, 10, 5, 0, 0, time.UTC)
	require.Equal(t, "11月28日 10:05 UTC", wording.In(phone.Chinese).Time(at))
	require.Equal(t, "2026-11-28 10:05 UTC", wording.In(phone.English).Time(at))
}
