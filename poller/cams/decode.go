package cams

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"numwatch/phone"
)

// text is a JSON string, or a number or truth value in a string's place. A null,
// an object and a list leave it absent.
type text struct {
	value   string
	present bool
	nested  bool // an object or list stood in its place
}

func (t *text) UnmarshalJSON(b []byte) error {
	*t = text{}
	switch b[0] {
	case 'n':
		return nil
	case '{', '[':
		t.nested = true
		return nil
	}
	t.present = true
	if b[0] != '"' {
		t.value = string(b)
		return nil
	}
	if plain := b[1 : len(b)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		t.value = string(plain)
		return nil
	}
	return json.Unmarshal(b, &t.value)
}

// answer is what any operation answers. A nil list was absent.
type answer struct {
	Code               text
	Message            text
	RequestId          text
	Success            text
	AccessDeniedDetail json.RawMessage
	PhoneNumbers       []*record       // of ChatappSyncPhoneNumber
	TotalCount         text            // of ListInstance, like Data
	Data               json.RawMessage // of GetWhatsappHealthStatus too
}

// ok reports whether the answer calls itself a success.
func (a *answer) ok() bool {
	return a.Code.value == "OK" && !strings.EqualFold(a.Success.value, "false")
}

// contradicts reports whether Code and Success disagree.
func (a *answer) contradicts() bool {
	return !a.ok() && (a.Code.value == "OK" || strings.EqualFold(a.Success.value, "true"))
}

// detail renders AccessDeniedDetail, a text or an object of texts.
func (a *answer) detail() string {
	var s string
	if json.Unmarshal(a.AccessDeniedDetail, &s) == nil {
		return unlessNone(s)
	}
	var object struct {
		AuthAction, AuthPrincipalDisplayName, NoPermissionType text
	}
	if json.Unmarshal(a.AccessDeniedDetail, &object) != nil {
		return ""
	}
	parts := []string{object.AuthAction.value, object.AuthPrincipalDisplayName.value, object.NoPermissionType.value}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// unlessNone is s, or nothing where the API writes None for that.
func unlessNone(s string) string {
	if s == "None" {
		return ""
	}
	return s
}

// record is a number as the API writes it: PhoneNumber, and the fields that
// phone names alike.
type record struct {
	PhoneNumber            text
	VerifiedName           text
	Status                 text
	QualityRating          text
	CodeVerificationStatus text
	NewNameStatus          text
	NameStatus             text
	MessagingLimitTier     text
	StatusQueue            text
	UpQueue                text
	StatusCallbackUrl      text
	UpCallbackUrl          text
	IsOfficial             text
	CallingConfigure       calling // holds the fields that are not here
}

// members says which member of a record holds which field; -1: none does.
var members = func() (index [phone.NumberFields]int) {
	for f := range phone.FieldsOfNumber() {
		index[f] = -1
		if member, ok := reflect.TypeFor[record]().FieldByName(f.String()); ok {
			index[f] = member.Index[0]
		}
	}
	return index
}()

// number returns the number of a record. A null is as good as absent.
func (r *record) number() (phone.Number, error) {
	n := phone.Number{PhoneNumber: phone.Digits(r.PhoneNumber.value)}
	if n.PhoneNumber == "" {
		return n, errors.New("the answer holds a number without a PhoneNumber")
	}
	values := reflect.ValueOf(r).Elem()
	for f := range phone.FieldsOfNumber() {
		if members[f] < 0 {
			continue
		}
		t, _ := values.Field(members[f]).Addr().Interface().(*text)
		if t.nested {
			return n, fmt.Errorf("the %s of a number is an object or a list", f)
		}
		if t.present {
			n.Set(f, t.value)
		}
	}
	r.CallingConfigure.set(&n)
	return n, nil
}

// numbers turns the records into a snapshot's list. An error means that the
// answer is inconsistent.
func (a *answer) numbers() ([]phone.Number, error) {
	if a.PhoneNumbers == nil {
		return nil, errors.New("the answer is a success without the list PhoneNumbers")
	}
	list := make([]phone.Number, 0, len(a.PhoneNumbers))
	for _, r := range a.PhoneNumbers {
		if r == nil { // a null in the list
			continue
		}
		n, err := r.number()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	slices.SortStableFunc(list, func(x, y phone.Number) int { return cmp.Compare(x.PhoneNumber, y.PhoneNumber) })
	return merge(list)
}

// merge joins records in a row that repeat a PhoneNumber, if they agree on
// every field that both hold.
func merge(list []phone.Number) ([]phone.Number, error) {
	merged := list[:0]
	for i := range list {
		last := len(merged) - 1
		if last < 0 || merged[last].PhoneNumber != list[i].PhoneNumber {
			merged = append(merged, list[i])
			continue
		}
		joined := merged[last].Over(list[i])
		if joined != list[i].Over(merged[last]) {
			return nil, fmt.Errorf("the answer holds the number %s twice, with different values", clean(list[i].PhoneNumber, 40))
		}
		merged[last] = joined
	}
	return merged, nil
}
