package rules_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func TestTexts(t *testing.T) {
	secret := "https://u:p@a.example/cb?token=s3cret"
	for source, want := range map[string]alert.Text{
		`plain`:                                      {"plain"},
		`{New}`:                                      {"", "RED", ""},
		`{ New }{Old}`:                               {"", "RED", "", "GREEN", ""},
		`a {{b}} {New} }}`:                           {"a {b} ", "RED", " }"},
		`{VerifiedName}`:                             {"", "<!channel> {New}", ""},
		`{UpQueue} {Code}`:                           {"", "(none)", "", "", ""},
		`{New}, {Code}: {Reason} {New}`:              {"", "RED", "", "", "", "", " ", "RED", ""},
		`{Reason}. Look, {Code}.`:                    {"", "", "Look", "", "."},
		`{Labels.tier}/{Labels.none}`:                {"", "gold", "/", "(none)", ""},
		`{Old == "GREEN" ? "}" : 'x'}`:               {"", "}", ""},
		`{lower(New) + "!"}`:                         {"", "red!", ""},
		`{len(PhoneNumber)} {New == "RED"}`:          {"", "13", " ", "true", ""},
		`{StatusCallbackUrl}`:                        {"", phone.Redact(secret), ""},
		`{StatusCallbackUrl + "x"}`:                  {"", phone.Redact(secret) + "x", ""},
		`{Field} {Direction} {Severity} {Space}`:     {"", "QualityRating", " ", "worse", " ", "high", " ", "Acme", ""},
		`{SpaceId} {Account} {Since} {PhoneNumber}`:  {"", "293", " ", "main", " ", "2026-11-23 08:00 UTC", " ", "8613800001111", ""},
		`{ {"a": New}["a"] }`:                        {"", "RED", ""},
		`{int(VerifiedName)} {split(New, "")[9]}`:    {"", "(error)", " ", "(error)", ""},
		`{New}: it {Was}.`:                           {"", "RED", ": it ", "(was GREEN)", "."},
		`{New} from {MovedFrom}, {Away}.`:            {"", "RED", " from", "", "", "", "."},
		`{Returned} {NameApproved}`:                  {"", "false", " ", "false", ""},
		`{Baseline} {Part} {Reason}`:                 {"", "false", " ", "(none)", "", "", ""},
		`{any(["R"], {New startsWith #}) ? 1.5 : 2}`: {"", "1.5", ""},
	} {
		t.Run(source, func(t *testing.T) {
			w := newTestbed(t, "  - {name: a, on: QualityRating, to: [RED], severity: high, summary: '"+strings.ReplaceAll(source, "'", "''")+"'}")
			w.number.Set(phone.VerifiedName, "<!channel> {New}")
			w.number.Set(phone.StatusCallbackUrl, secret)
			require.Equal(t, want, one(t, w.see(phone.QualityRating, "RED")).Summary)
		})
	}
}

// What a value was before is left out where that says nothing.
func TestWas(t *testing.T) {
	for old, want := range map[string]string{"CONNECTED": "BANNED (was CONNECTED)", "": "BANNED", "UNKNOWN": "BANNED", "NA": "BANNED", "BANNED": "BANNED"} {
		w := newTestbed(t, "  - {name: a, on: Status, to: [BANNED], severity: high, summary: '{New} {Was}'}")
		w.number.Set(phone.Status, "BANNED")
		a := one(t, w.step(rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.Status, old, "BANNED")}}))
		require.Equal(t, want, a.Summary.Plain(), old)
	}
	w := newTestbed(t, "  - {name: a, on: StatusCallbackUrl, once: true, severity: high, summary: '{New} {Was}'}")
	require.NotContains(t, one(t, w.see(phone.StatusCallbackUrl, "https://b.example/")).Summary.Plain(), "s3cret")
}

// A number that appeared may have come from another space, or back.
func TestNumbersThatMovedOrAreBack(t *testing.T) {
	w := newTestbed(t, `
  - {name: all, on: Number, to: [APPEARED], once: true, severity: high, title: "{upper(MovedFrom)}", summary: "{MovedFrom}/{Returned}/{Away}", action: "{len(MovedFrom)}"}
  - {name: back, on: Number, to: [APPEARED], once: true, where: Returned and MovedFrom == "", severity: high, summary: x}
`)
	appeared := w.change(phone.Presence, "", phone.Appeared)
	see := func(c phone.Change) []alert.Alert {
		w.later(2 * time.Hour)
		return w.step(rules.NewSeen([]phone.Change{c}, func(k phone.SpaceKey) phone.Space {
			return phone.Space{SpaceKey: k, Name: map[string]string{"294": "Globex"}[k.ID]}
		}))
	}
	a := one(t, see(appeared))
	require.Equal(t, "/false/", a.Summary.Plain())
	require.Nil(t, a.Origin)
	moved := appeared
	moved.MovedFrom = "294"
	a = one(t, see(moved))
	require.Equal(t, "Globex/false/", a.Summary.Plain())
	require.Equal(t, "GLOBEX", a.Title.Plain())
	hidden := []string{a.Origin.Space, a.Origin.Title.Plain(), a.Origin.Summary.Plain(), a.Origin.Action.Plain()}
	require.Equal(t, []string{"294", "ANOTHER SPACE", "another space/false/", "13"}, hidden, "for those who may not see that space")
	moved.MovedFrom = "295"
	require.Equal(t, "295/false/", one(t, see(moved)).Summary.Plain(), "a space without a name")
	back := appeared
	back.Old, back.AwaySince = phone.Missing, back.SeenAt.Add(-12*time.Second)
	out := see(back)
	require.Equal(t, []string{"all opened", "back opened"}, transitions(out))
	require.Equal(t, "/true/12 s", out[0].Summary.Plain())
}

// A text may differ by the value that the alert is about, and changes with it.
func TestTextsByValue(t *testing.T) {
	w := newTestbed(t, `
  - name: a
    on: [Status, QualityRating]
    to: [banned, RESTRICTED, RED]
    severity: high
    title: {Restricted: restricted, default: "{lower(New)}"}
    summary: {BANNED: "B {Old}", default: "D {New}"}
    action: {BANNED: stop, RESTRICTED: wait, RED: pause}
`)
	texts := func(a alert.Alert) []string { return []string{a.Title.Plain(), a.Summary.Plain(), a.Action.Plain()} }
	require.Equal(t, []string{"restricted", "D RESTRICTED", "wait"}, texts(one(t, w.see(phone.Status, "RESTRICTED"))))
	require.Equal(t, []string{"banned", "B RESTRICTED", "stop"}, texts(one(t, w.see(phone.Status, "BANNED"))))
	require.Equal(t, []string{"red", "D RED", "pause"}, texts(one(t, w.see(phone.QualityRating, "RED"))))
	require.Equal(t, "BANNED: B {Old} · default: D {New}", w.set.Rules()[0].Summary)

	set := parse(t, "version: 1\nrules: [{name: a, on: Status, to: [BANNED], severity: high, summary: {BANED: x, default: y}}]")
	require.Len(t, set.Warnings(), 1)
	require.Equal(t, `did you mean "BANNED"?`, set.Warnings()[0].Hint)
}

func TestURLsInTextsAreRedacted(t *testing.T) {
	w := newTestbed(t, `
  - {name: a, on: StatusCallbackUrl, to: ["!"], severity: high, summary: "{Old} {New} {upper(New)}"}
`)
	require.Empty(t, w.see(phone.StatusCallbackUrl, ""))
	a := one(t, w.see(phone.StatusCallbackUrl, "https://b.example/x?token=t0ps3cret"))
	require.NotContains(t, a.Summary.Plain(), "t0ps3cret")
	require.NotContains(t, a.Summary.Plain(), "T0PS3CRET")
	a = one(t, w.see(phone.StatusCallbackUrl, ""))
	require.Equal(t, "now (empty)", a.Closing)
	a = one(t, w.see(phone.StatusCallbackUrl, "https://b.example/y?token=t0ps3cret"))
	require.Equal(t, alert.Reopened, a.Transition)
	require.NotContains(t, a.Summary.Plain(), "t0ps3cret")
}

func TestConstantsOfEnums(t *testing.T) {
	set := parse(t, `
version: 1
rules:
  - name: a
    on: QualityRating
    to: [red, " Purple "]
    where: 'Status in ["connected", "BANED"] && New != "yellow" && "paused" != Status'
    severity: high
    summary: x
  - name: b
    on: QualityRating
    to: [RED]
    where: 'Old == "GREEN"'
    severity: high
    summary: x
`)
	var texts []string
	for _, p := range set.Warnings() {
		texts = append(texts, p.Text+"; "+p.Hint)
	}
	require.Equal(t, []string{
		`" Purple " is not a documented value of QualityRating; one of GREEN, NA, NONE, RED, UNKNOWN, YELLOW`,
		`"BANED" is not a documented value of Status; did you mean "BANNED"?`,
	}, texts)
	require.Equal(t, 7, set.Warnings()[1].Line)
	require.Equal(t, 37, set.Warnings()[1].Column)

	w := newTestbed(t, red)
	w.set = set
	require.Equal(t, []string{"a opened", "b opened"}, transitions(w.see(phone.QualityRating, "RED")))
}

// The documentation names everything that expressions may use: what is beside it
// is refused.
func TestTheDocumentationListsNamesAndFunctions(t *testing.T) {
	data, err := os.ReadFile("../docs/rules.md")
	require.NoError(t, err)
	for _, name := range rules.ExpressionNames() {
		require.Contains(t, string(data), "`"+name+"`", name)
	}
}
