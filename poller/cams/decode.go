package cams

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"numwatch/phone"
)

// text is a JSON string, or a number or truth value in a string's place. A null
// or a key that is not there leaves it absent.
type text struct {
	value   string
	present bool
}

func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == 'n':
		return nil
	case c == '{' || c == '[':
		return errors.New("an object or list stands in the place of a text")
	case c != '"':
		t.value, t.present = string(b), true
		return nil
	}
	inner := b[1 : len(b)-1]
	if known, ok := interned[string(inner)]; ok {
		t.value, t.present = known, true
		return nil
	}
	t.present = true
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		t.value = string(inner)
		return nil
	}
	return json.Unmarshal(b, &t.value)
}

// interned holds the listed values of the enums, so that a poll which brings
// nothing new leaves no garbage of them.
var interned = func() map[string]string {
	m := map[string]string{"OK": "OK", "true": "true", "None": "None"}
	for f := range phone.FieldsOfNumber() {
		for _, v := range f.Values() {
			m[v] = v
		}
	}
	return m
}()

// envelope is what every answer may hold beside its data.
type envelope struct {
	Code               text
	Message            text
	RequestId          text
	Success            text
	AccessDeniedDetail json.RawMessage
}

func (e *envelope) head() *envelope { return e }

// ok reports whether the answer calls itself a success.
func (e *envelope) ok() bool {
	return e.Code.value == "OK" && !strings.EqualFold(e.Success.value, "false")
}

// contradicts reports whether Code and Success disagree.
func (e *envelope) contradicts() bool {
	if e.Code.value == "OK" {
		return strings.EqualFold(e.Success.value, "false")
	}
	return strings.EqualFold(e.Success.value, "true")
}

// detail renders AccessDeniedDetail, a text or an object of texts.
func (e *envelope) detail() string {
	var s string
	if json.Unmarshal(e.AccessDeniedDetail, &s) == nil {
		if s == "None" {
			return ""
		}
		return s
	}
	var object struct {
		AuthAction, AuthPrincipalDisplayName, NoPermissionType text
	}
	if json.Unmarshal(e.AccessDeniedDetail, &object) != nil {
		return ""
	}
	parts := []string{object.AuthAction.value, object.AuthPrincipalDisplayName.value, object.NoPermissionType.value}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// syncAnswer is an answer of ChatappSyncPhoneNumber. A nil list was absent.
type syncAnswer struct {
	envelope
	PhoneNumbers []*record
}

func (a *syncAnswer) reset() { *a = syncAnswer{} }

// record is a number as the API writes it.
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
}

// into fills n, whose fields are all absent.
func (r *record) into(n *phone.Number) {
	n.PhoneNumber = strings.TrimSpace(r.PhoneNumber.value)
	r.VerifiedName.into(n, phone.VerifiedName)
	r.Status.into(n, phone.Status)
	r.QualityRating.into(n, phone.QualityRating)
	r.CodeVerificationStatus.into(n, phone.CodeVerificationStatus)
	r.NewNameStatus.into(n, phone.NewNameStatus)
	r.NameStatus.into(n, phone.NameStatus)
	r.MessagingLimitTier.into(n, phone.MessagingLimitTier)
	r.StatusQueue.into(n, phone.StatusQueue)
	r.UpQueue.into(n, phone.UpQueue)
	r.StatusCallbackUrl.into(n, phone.StatusCallbackUrl)
	r.UpCallbackUrl.into(n, phone.UpCallbackUrl)
	r.IsOfficial.into(n, phone.IsOfficial)
}

func (t *text) into(n *phone.Number, f phone.Field) {
	if t.present {
		n.Set(f, t.value)
	}
}

// numbers turns the records into a snapshot's list. An error means that the
// answer contradicts itself.
func (a *syncAnswer) numbers() ([]phone.Number, error) {
	if a.PhoneNumbers == nil {
		return nil, errors.New("the answer is a success without the list PhoneNumbers")
	}
	list := make([]phone.Number, 0, len(a.PhoneNumbers))
	for _, r := range a.PhoneNumbers {
		if r == nil {
			continue
		}
		list = append(list, phone.Number{})
		n := &list[len(list)-1]
		if r.into(n); n.PhoneNumber == "" {
			return nil, errors.New("the answer holds a number without a PhoneNumber")
		}
	}
	byNumber := func(x, y phone.Number) int { return cmp.Compare(x.PhoneNumber, y.PhoneNumber) }
	if !slices.IsSortedFunc(list, byNumber) {
		slices.SortFunc(list, byNumber)
	}
	return merge(list)
}

// merge joins records in a row that repeat a PhoneNumber, if they agree on
// every field that both hold.
func merge(list []phone.Number) ([]phone.Number, error) {
	kept := list[:0]
	for i := range list {
		last := len(kept) - 1
		if last < 0 || kept[last].PhoneNumber != list[i].PhoneNumber {
			kept = append(kept, list[i])
			continue
		}
		joined := kept[last].Over(list[i])
		if joined != list[i].Over(kept[last]) {
			return nil, fmt.Errorf("the answer holds the number %s twice, with different values", clean(list[i].PhoneNumber, 40))
		}
		kept[last] = joined
	}
	return kept, nil
}

// instanceAnswer is one page of ListInstance.
type instanceAnswer struct {
	envelope
	TotalCount text
	Data       []*instance
}

func (a *instanceAnswer) reset() { *a = instanceAnswer{} }

type instance struct {
	InstanceId   text
	CustSpaceId  text
	InstanceName text
}

// space returns the instance as a space of the account; its id is empty if the
// instance has none.
func (i *instance) space(account string) phone.Space {
	id := cmp.Or(strings.TrimSpace(i.CustSpaceId.value), strings.TrimSpace(i.InstanceId.value))
	return phone.Space{
		SpaceKey: phone.SpaceKey{Account: account, ID: id},
		Name:     strings.TrimSpace(i.InstanceName.value),
	}
}
