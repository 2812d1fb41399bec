package diff_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/diff"
	"numwatch/phone"
)

var (
	space   = phone.SpaceKey{Account: "main", ID: "1001"}
	start   = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	options = diff.Options{MissingAfter: 3, MissingFor: 10 * time.Minute}
)

func number(phoneNumber string, fields ...string) phone.Number {
	n := phone.Number{PhoneNumber: phoneNumber}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		field, ok := phone.ParseField(name)
		if !ok {
			panic(f)
		}
		n.Set(field, value)
	}
	return n
}

func snapshot(after time.Duration, numbers ...phone.Number) *phone.Snapshot {
	return &phone.Snapshot{Space: space, Numbers: numbers, At: start.Add(after), RequestId: fmt.Sprintf("R%d", after/time.Second)}
}

func said(changes []phone.Change) []string {
	out := []string{}
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s %s %s→%s %s", c.Subject.PhoneNumber, c.Field, c.Old, c.New, c.Direction))
	}
	return out
}

func TestFirstSightIsTheBaseline(t *testing.T) {
	roster, changes := diff.Compare(nil, snapshot(0, number("1", "Status=BANNED"), number("2")), options)
	require.Equal(t, []string{"1 Number →APPEARED none", "2 Number →APPEARED none"}, said(changes))
	for _, c := range changes {
		require.True(t, c.Baseline)
		require.True(t, c.SeenAfter.IsZero())
	}
	require.Equal(t, "BANNED", changes[0].Number.Get(phone.Status))
	require.Len(t, roster.Numbers, 2)
}

func TestFieldsThatChange(t *testing.T) {
	for _, tc := range []struct {
		name     string
		was, is  phone.Number
		expected []string
	}{
		{"nothing", number("1", "Status=CONNECTED"), number("1", "Status=CONNECTED"), []string{}},
		{"case and space are no change", number("1", "NameStatus=Approval"), number("1", "NameStatus= APPROVAL\n"), []string{}},
		{"worse", number("1", "QualityRating=GREEN"), number("1", "QualityRating=RED"), []string{"1 QualityRating GREEN→RED worse"}},
		{"better", number("1", "Status=BANNED"), number("1", "Status=CONNECTED"), []string{"1 Status BANNED→CONNECTED better"}},
		{"sideways", number("1", "Status=RESTRICTED"), number("1", "Status=RATE_LIMITED"), []string{"1 Status RESTRICTED→RATE_LIMITED sideways"}},
		{"off the scale", number("1", "Status=CONNECTED"), number("1", "Status=UNKNOWN"), []string{"1 Status CONNECTED→UNKNOWN none"}},
		{"unlisted", number("1", "Status=CONNECTED"), number("1", "Status=Frozen"), []string{"1 Status CONNECTED→FROZEN none"}},
		{"text keeps its case", number("1", "VerifiedName=Acme"), number("1", "VerifiedName=ACME"), []string{"1 VerifiedName Acme→ACME none"}},
		{"emptied", number("1", "UpCallbackUrl=https://a/"), number("1", "UpCallbackUrl="), []string{"1 UpCallbackUrl https://a/→ none"}},
		{"an absent key is no change", number("1", "Status=CONNECTED"), number("1"), []string{}},
		{"a field not known before is no change", number("1"), number("1", "IsOfficial=N"), []string{}},
		{
			"call settings that an older numwatch did not know are no change",
			number("1", "IsOfficial=N"), number("1", "IsOfficial=N", "CallingCallbackUrl=https://a/", "CallingStatus=ENABLED", "MaxTalkTime=60", "CallHours="),
			[]string{},
		},
		{"case of call settings is no change", number("1", "CallingStatus=enabled"), number("1", "CallingStatus=ENABLED"), []string{}},
		{
			"several, in the fields' order",
			number("1", "Status=CONNECTED", "QualityRating=GREEN", "VerifiedName=a"),
			number("1", "Status=BANNED", "QualityRating=RED", "VerifiedName=b"),
			[]string{"1 VerifiedName a→b none", "1 Status CONNECTED→BANNED worse", "1 QualityRating GREEN→RED worse"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, _ := diff.Compare(nil, snapshot(0, tc.was), options)
			roster, changes := diff.Compare(&old, snapshot(time.Minute, tc.is), options)
			require.Equal(t, tc.expected, said(changes))
			for _, c := range changes {
				require.Equal(t, roster.Numbers[0].Number, *c.Number)
				require.Equal(t, start, c.SeenAfter)
				require.Equal(t, start.Add(time.Minute), c.SeenAt)
				require.Equal(t, "R60", c.RequestId)
				require.False(t, c.Baseline)
			}
		})
	}
}

func TestAbsentKeyKeepsTheOldValue(t *testing.T) {
	old, _ := diff.Compare(nil, snapshot(0, number("1", "Status=BANNED", "UpQueue=q")), options)
	mid, _ := diff.Compare(&old, snapshot(time.Minute, number("1", "UpQueue=q")), options)
	require.Equal(t, "BANNED", mid.Numbers[0].Get(phone.Status))
	_, changes := diff.Compare(&mid, snapshot(2*time.Minute, number("1", "Status=CONNECTED", "UpQueue=q")), options)
	require.Equal(t, []string{"1 Status BANNED→CONNECTED better"}, said(changes))
}

// What happened to a number that some lists did not hold happened after the last
// one that did.
func TestSeenAfterIsTheLastListThatHeldTheNumber(t *testing.T) {
	here, red := number("1", "QualityRating=GREEN"), number("1", "QualityRating=RED")
	other := number("2")
	roster, _ := diff.Compare(nil, snapshot(0, here, other), options)
	for _, at := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
		roster, _ = diff.Compare(&roster, snapshot(at, other), options)
	}
	_, missing := diff.Compare(&roster, snapshot(15*time.Minute, other), options)
	require.Equal(t, []string{"1 Number APPEARED→MISSING worse"}, said(missing))
	require.Equal(t, start, missing[0].SeenAfter)
	back, changes := diff.Compare(&roster, snapshot(11*time.Minute, red, other), options)
	require.Equal(t, []string{"1 QualityRating GREEN→RED worse"}, said(changes))
	require.Equal(t, start, changes[0].SeenAfter)
	_, changes = diff.Compare(&back, snapshot(12*time.Minute, here, other), options)
	require.Equal(t, start.Add(11*time.Minute), changes[0].SeenAfter)
}

// poll is one list of a series, and what it must say.
type poll struct {
	after   time.Duration
	present string // numbers, one letter each
	says    []string
}

func TestMissingNumbers(t *testing.T) {
	gone := func(n string) []string { return []string{n + " Number APPEARED→MISSING worse"} }
	for name, polls := range map[string][]poll{
		"after three lists and ten minutes": {
			{0, "abc", nil},
			{5 * time.Minute, "ab", nil},
			{10 * time.Minute, "ab", nil},
			{15 * time.Minute, "ab", gone("c")},
			{20 * time.Minute, "ab", nil},
		},
		"three lists are not enough in a short time": {
			{0, "abc", nil},
			{1 * time.Minute, "ab", nil},
			{2 * time.Minute, "ab", nil},
			{3 * time.Minute, "ab", nil},
			{11 * time.Minute, "ab", gone("c")},
		},
		"a long time is not enough with two lists": {
			{0, "abc", nil},
			{time.Hour, "ab", nil},
			{3 * time.Hour, "ab", nil},
			{3*time.Hour + time.Minute, "ab", gone("c")},
		},
		"back in between": {
			{0, "abc", nil},
			{5 * time.Minute, "ab", nil},
			{10 * time.Minute, "ab", nil},
			{11 * time.Minute, "abc", nil},
			{15 * time.Minute, "ab", nil},
			{20 * time.Minute, "ab", nil},
		},
		"an empty list needs twice as much": {
			{0, "a", nil},
			{5 * time.Minute, "", nil},
			{10 * time.Minute, "", nil},
			{15 * time.Minute, "", nil},
			{20 * time.Minute, "", nil},
			{24 * time.Minute, "", nil},
			{25 * time.Minute, "", gone("a")},
		},
		"so does a list that lost more than half": {
			{0, "abc", nil},
			{5 * time.Minute, "a", nil},
			{10 * time.Minute, "a", nil},
			{15 * time.Minute, "a", nil},
			{20 * time.Minute, "a", nil},
			{24 * time.Minute, "a", nil},
			{25 * time.Minute, "a", append(gone("b"), gone("c")...)},
		},
		"as many new ones wait for those that are gone": {
			{0, "abc", nil},
			{5 * time.Minute, "cxy", nil},
			{10 * time.Minute, "cxyz", nil},
			{20 * time.Minute, "cxy", nil},
			{25 * time.Minute, "cxy", nil},
			{26 * time.Minute, "cxy", nil},
			{27 * time.Minute, "cxy", append(append(gone("a"), gone("b")...), "x Number →APPEARED none", "y Number →APPEARED none")},
			{28 * time.Minute, "cxyz", []string{"z Number →APPEARED none"}},
		},
		"nothing is new when the old ones are back": {
			{0, "abc", nil},
			{5 * time.Minute, "xyz", nil},
			{10 * time.Minute, "xyz", nil},
			{15 * time.Minute, "abc", nil},
		},
		"fewer new ones than are gone appear at once": {
			{0, "abc", nil},
			{5 * time.Minute, "cx", []string{"x Number →APPEARED none"}},
		},
		"comes back": {
			{0, "abc", nil},
			{5 * time.Minute, "ab", nil},
			{10 * time.Minute, "ab", nil},
			{15 * time.Minute, "ab", gone("c")},
			{20 * time.Minute, "abc", []string{"c Number MISSING→APPEARED better"}},
		},
		"comes back while others are missing": {
			{0, "abcde", nil},
			{5 * time.Minute, "bcd", nil},
			{10 * time.Minute, "bcd", nil},
			{15 * time.Minute, "bcd", append(gone("a"), gone("e")...)},
			{20 * time.Minute, "bcde", []string{"e Number MISSING→APPEARED better"}},
			{25 * time.Minute, "abcdef", []string{"a Number MISSING→APPEARED better", "f Number →APPEARED none"}},
		},
		"comes back after so long that it is new": {
			{0, "abc", nil},
			{5 * time.Minute, "ab", nil},
			{10 * time.Minute, "ab", nil},
			{15 * time.Minute, "ab", gone("c")},
			{diff.RememberGone + time.Minute, "abc", []string{"c Number →APPEARED none"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var roster *phone.SpaceState
			for _, p := range polls {
				var numbers []phone.Number
				for _, n := range p.present {
					numbers = append(numbers, number(string(n)))
				}
				next, changes := diff.Compare(roster, snapshot(p.after, numbers...), options)
				if roster != nil {
					require.ElementsMatch(t, p.says, said(changes), "at %s", p.after)
				}
				roster = &next
			}
		})
	}
}

// TestProperties holds what is true of any two lists: comparing a list with
// itself says nothing, and what was known plus what is said is what is known.
func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Duration(0)
	var roster *phone.SpaceState
	for range 2000 {
		at += time.Duration(r.IntN(600)) * time.Second
		snap := snapshot(at, randomNumbers(r)...)
		next, changes := diff.Compare(roster, snap, options)
		again, same := diff.Compare(roster, snap, options)
		require.Equal(t, next, again)
		require.Equal(t, changes, same)
		if roster != nil {
			told := apply(known(roster), changes)
			require.Equal(t, learned(known(&next), told), told)
		}
		complete := *snap
		complete.Numbers = nil
		for _, e := range next.Numbers {
			if e.Missed == 0 {
				complete.Numbers = append(complete.Numbers, e.Number)
			}
		}
		present := next
		present.Numbers = slices.DeleteFunc(slices.Clone(next.Numbers), func(e phone.TrackedNumber) bool { return e.Missed > 0 })
		_, none := diff.Compare(&present, &complete, options)
		require.Empty(t, none)
		roster = &next
	}
}

func randomNumbers(r *rand.Rand) []phone.Number {
	var out []phone.Number
	for i := range 6 {
		if r.IntN(4) == 0 {
			continue
		}
		n := phone.Number{PhoneNumber: fmt.Sprint(i)}
		for f := range phone.FieldsOfNumber() {
			if r.IntN(5) > 0 {
				n.Set(f, []string{"A", "B", ""}[r.IntN(3)])
			}
		}
		out = append(out, n)
	}
	return out
}

type values map[string]map[phone.Field]string

func known(r *phone.SpaceState) values {
	v := values{}
	for _, e := range r.Numbers {
		v[e.PhoneNumber] = map[phone.Field]string{}
		for f, s := range e.All() {
			v[e.PhoneNumber][f] = s
		}
	}
	return v
}

// learned takes the fields out of v that nobody was told of: a field that
// becomes known is no change.
func learned(v, told values) values {
	for n, fields := range v {
		maps.DeleteFunc(fields, func(f phone.Field, _ string) bool {
			_, ok := told[n][f]
			return !ok
		})
	}
	return v
}

// apply changes what is known as a reader of the log would.
func apply(v values, changes []phone.Change) values {
	for _, c := range changes {
		n := c.Subject.PhoneNumber
		switch {
		case c.Field == phone.Presence && c.New == phone.Missing:
			delete(v, n)
		case c.Field == phone.Presence:
			v[n] = map[phone.Field]string{}
			for f, s := range c.Number.All() {
				v[n][f] = s
			}
		default:
			v[n][c.Field] = c.New
		}
	}
	return v
}

func TestDoubtSaysWhatIsWrongWithAList(t *testing.T) {
	list := func(names string) (numbers []phone.Number) {
		for _, n := range names {
			numbers = append(numbers, number(string(n)))
		}
		return numbers
	}
	for is, want := range map[string]string{
		"abcd": "", "abcdxyz": "", "ab": "", "abx": "",
		"":     "the list is empty; it lacks 4 known numbers",
		"a":    "the list lacks 3 of 4 known numbers",
		"axyz": "the list lacks 3 of 4 known numbers, and 3 others are new",
	} {
		old, _ := diff.Compare(nil, snapshot(0, list("abcd")...), options)
		snap := snapshot(time.Minute, list(is)...)
		known, _ := diff.Compare(&old, snap, options)
		require.Equal(t, want, diff.Doubt(&known, snap))
	}
}

// A number that is back says since when it was away, whether it was missing or had moved.
func TestANumberThatIsBackSaysSinceWhenItWasAway(t *testing.T) {
	a, b := number("a"), number("b")
	state, _ := diff.Compare(nil, snapshot(0, a, b), options)
	for _, after := range []time.Duration{time.Minute, 6 * time.Minute, 11 * time.Minute} {
		state, _ = diff.Compare(&state, snapshot(after, b), options)
	}
	require.Equal(t, []phone.GoneNumber{{PhoneNumber: "a", Listed: start}}, state.Gone)
	for moved, want := range map[bool]string{false: "a Number MISSING→APPEARED better", true: "a Number MOVED→APPEARED none"} {
		old := state
		old.Gone = []phone.GoneNumber{{PhoneNumber: "a", Listed: start, Moved: moved}}
		back, changes := diff.Compare(&old, snapshot(time.Hour, a, b), options)
		require.Equal(t, []string{want}, said(changes))
		require.Equal(t, start, changes[0].AwaySince)
		require.Empty(t, back.Gone)
		require.Len(t, old.Gone, 1, "what was known stays as it was")
	}
}
