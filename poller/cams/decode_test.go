package cams

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func decode(t *testing.T, body string) (*answer, []phone.Number, error) {
	t.Helper()
	a := new(answer)
	require.NoError(t, json.Unmarshal([]byte(body), a))
	numbers, err := a.numbers()
	return a, numbers, err
}

func TestDecodeIsLenientInTypes(t *testing.T) {
	a, numbers, err := decode(t, `{"Code":"OK","Success":"TRUE","AccessDeniedDetail":{"x":1},"Extra":{"a":[1]},"PhoneNumbers":[null,
		{"PhoneNumber":861380000,"VerifiedName":"Caf\u00e9 \ud83d\ude00","QualityRating":null,"IsOfficial":"y","CallingConfigure":{"on":true}}]}`)
	require.NoError(t, err)
	require.True(t, a.ok())
	require.Len(t, numbers, 1)
	require.Equal(t, "861380000", numbers[0].PhoneNumber)
	require.Equal(t, "Café 😀", numbers[0].Get(phone.VerifiedName))
	require.Equal(t, "Y", numbers[0].Get(phone.IsOfficial))
	require.False(t, numbers[0].Has(phone.QualityRating))

	a, _, _ = decode(t, `{"Code":200,"Success":true,"PhoneNumbers":[]}`)
	require.False(t, a.ok())
	require.True(t, a.contradicts())
	a, _, _ = decode(t, `{"Code":"OK","PhoneNumbers":[]}`)
	require.True(t, a.ok(), "an absent Success is not a failure")
	_, _, err = decode(t, `{"PhoneNumbers":[{"PhoneNumber":"1","Status":{}}]}`)
	require.ErrorContains(t, err, "the Status of a number is an object or a list")
}

func TestDecodeOfRepeatedNumbers(t *testing.T) {
	_, numbers, err := decode(t, `{"PhoneNumbers":[{"PhoneNumber":"2","Status":"CONNECTED"},{"PhoneNumber":"1"},
		{"PhoneNumber":"2","Status":"connected ","QualityRating":"RED"},{"PhoneNumber":"2"}]}`)
	require.NoError(t, err)
	require.Len(t, numbers, 2)
	require.Equal(t, "CONNECTED", numbers[1].Get(phone.Status))
	require.Equal(t, "RED", numbers[1].Get(phone.QualityRating))

	for _, body := range []string{
		`{"PhoneNumbers":[{"PhoneNumber":"2","Status":"CONNECTED"},{"PhoneNumber":"2","Status":"BANNED"}]}`,
		`{"PhoneNumbers":[{"PhoneNumber":"  "}]}`,
		`{"PhoneNumbers":[{}]}`,
		`{"PhoneNumbers":null}`,
		`{}`,
	} {
		_, _, err := decode(t, body)
		require.Error(t, err, body)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Code":"OK","Success":true,"PhoneNumbers":[{"PhoneNumber":"1","Status":"CONNECTED"},null,{"PhoneNumber":1}]}`))
	f.Add([]byte(`{"Code":1,"AccessDeniedDetail":{"AuthAction":"x"},"Message":"\ud800\u0000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := new(answer)
		if json.Unmarshal(body, a) != nil {
			return
		}
		a.detail()
		numbers, err := a.numbers()
		if err != nil {
			return
		}
		for i := range numbers {
			require.NotEmpty(t, numbers[i].PhoneNumber)
			if i > 0 {
				require.Less(t, numbers[i-1].PhoneNumber, numbers[i].PhoneNumber)
			}
		}
	})
}

// A text decodes as encoding/json would.
func FuzzText(f *testing.F) {
	for _, s := range []string{`"CONNECTED"`, `"a\u0041\n"`, `""`, "\"\xff\"", `"\ud83d\ude00"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, literal []byte) {
		var want string
		if len(literal) == 0 || literal[0] != '"' || json.Unmarshal(literal, &want) != nil {
			return
		}
		var got text
		require.NoError(t, json.Unmarshal(literal, &got))
		require.Equal(t, text{value: want, present: true}, got)
	})
}

func TestNumbersAreReadAlikeHoweverTheyAreWritten(t *testing.T) {
	read := func(list string) []phone.Number {
		var a answer
		require.NoError(t, json.Unmarshal([]byte(`{"Code":"OK","PhoneNumbers":`+list+`}`), &a))
		numbers, err := a.numbers()
		require.NoError(t, err)
		return numbers
	}
	plain := read(`[{"PhoneNumber":"12015550101","IsOfficial":"N"},{"PhoneNumber":"12015550102","IsOfficial":"Y"}]`)
	require.Equal(t, plain, read(`[{"PhoneNumber":"+12015550101","IsOfficial":false},{"PhoneNumber":12015550102,"IsOfficial":true}]`))
	require.Equal(t, plain, read(`[{"PhoneNumber":"1 201-555-0102","IsOfficial":"true"},{"PhoneNumber":"1 (201) 555-0101","IsOfficial":"n"}]`))
	require.Equal(t, plain[:1], read(`[{"PhoneNumber":"+12015550101","IsOfficial":false},{"PhoneNumber":"12015550101"}]`), "the same number twice")
}
