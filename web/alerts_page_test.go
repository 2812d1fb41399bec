package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
)

// stormyBot is a bot with 45 lowered limits at one customer, 20 bans at another, and five
// other alerts.
func stormyBot() *bot {
	b := &bot{status: fullStatus(), ending: make(chan struct{}), rules: busyRules(), polled: map[phone.SpaceKey]time.Time{}}
	b.status.Accounts[0].Failing, b.rules.Refused = nil, nil
	for i, name := range []string{"Visayas Parcels", "Lion City Motors", "Kopi & Co"} {
		s := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprint(1001 + i)}, Name: name}
		b.spaces = append(b.spaces, s)
		b.polled[s.SpaceKey] = noon
		for j := range []int{45, 20, 5}[i] {
			b.numbers = append(b.numbers, view.Row{Space: s.SpaceKey, Number: plainNumber(fmt.Sprintf("6598%d%05d", i, j), name)})
		}
	}
	for i := range b.numbers {
		ago := time.Duration(i) * time.Minute
		switch {
		case i < 45:
			b.befall(i, "limit-lowered", alert.Warning, phone.MessagingLimitTier, "TIER_100K", "TIER_10K", ago)
		case i < 65:
			b.befall(i, "status-banned", alert.Critical, phone.Status, "CONNECTED", "BANNED", ago)
		default:
			b.befall(i, fmt.Sprintf("name-rejected-%d", i), alert.High, phone.NameStatus, "PENDING_REVIEW", "DECLINED", ago)
		}
	}
	return b
}

// What somebody has, or is silenced, is counted apart, in the headline, the title and the
// navigation, and can be listed alone.
func TestIncidentsAreCountedByWhoHasThem(t *testing.T) {
	b := stormyBot()
	for i := range 2 {
		b.alerts[i].Ack = &alert.Ack{By: "Ada", At: noon}
	}
	b.alerts[2].Ack = &alert.Ack{By: "Bob", At: noon}
	b.alerts[3].HeldBy = []string{alert.SilenceHold + "s-1"}
	h := New(b.options(t))
	get := func(path string) string {
		w := request{path: path, header: map[string]string{"Cookie": "numwatch-name=Ada"}}.to(h)
		require.Equal(t, 200, w.Code)
		return w.Body.String()
	}
	body := get("/")
	for _, want := range []string{"<title>66 need attention, 3 taken, 1 silenced – numwatch", "<h1>66 need attention, 3 taken, 1 silenced</h1>", `dire">66<span class="hide"> need attention`, `off">4<span class="hide"> taken or silenced`} {
		require.Contains(t, body, want)
	}
	require.Contains(t, body, `href="./alerts?who=nobody&amp;severity=warning"><span class="num">41</span>`)
	require.Contains(t, body, `icon.svg?count=66"`)
	require.Contains(t, get("/numbers"), "<title>(66) Numbers – numwatch")
	for query, n := range map[string]int{"": 70, "who=nobody": 66, "who=mine": 2, "who=taken": 3, "who=silenced": 1, "who=nobody&severity=warning": 41} {
		body := get("/alerts?group=none&" + query)
		require.Equal(t, n, strings.Count(body, `<li class="alert line`), query)
	}
	body = get("/alerts?group=none")
	require.Equal(t, 4, strings.Count(body, ` quiet" data-key`), "what is taken care of does not shout")
	require.Greater(t, strings.Index(body, ` quiet" data-key`), strings.LastIndex(body, `line dire" data-key`), "and comes last")
	require.NotContains(t, request{path: "/alerts"}.to(h).Body.String(), ">Mine", "nobody has said who they are")
	require.Contains(t, body, `alerts?state=all&amp;incident=`+b.alerts[0].Incident+`"`, "a permalink")
	require.Contains(t, body, "<code>"+b.alerts[0].Incident+"</code>")
	icon := request{path: "/assets/icon.svg?count=66"}.to(h).Body.String()
	require.Contains(t, icon, ">66</text>")

	for i := range b.alerts {
		b.alerts[i].Ack = &alert.Ack{By: "Ada", At: noon}
	}
	require.Contains(t, request{path: "/"}.to(New(b.options(t))).Body.String(), "<h1>Nothing needs attention: 69 taken, 1 silenced</h1>")
}

// Incidents that are alike are one heading with one button.
func TestIncidentsAreGrouped(t *testing.T) {
	b := stormyBot()
	h := New(b.options(t))
	get := func(path string) string { return request{path: path}.to(h).Body.String() }
	headings := func(body string) (all []string) {
		for _, m := range regexp.MustCompile(`<section class="group card \w+" aria-label="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			all = append(all, m[1])
		}
		return all
	}
	body := get("/alerts")
	require.Equal(t, []string{"Lion City Motors: 20 × status-banned", "Visayas Parcels: 45 × limit-lowered"}, headings(body))
	require.Equal(t, 70, strings.Count(body, `<li class="alert line`))
	require.Equal(t, []string{"Lion City Motors: 20 incidents", "Kopi &amp; Co: 5 incidents", "Visayas Parcels: 45 incidents"}, headings(get("/alerts?group=customer")))
	require.Equal(t, []string{"status-banned: 20 incidents", "limit-lowered: 45 incidents"}, headings(get("/alerts?group=rule")))
	require.Empty(t, headings(get("/alerts?group=none")))
	require.Empty(t, headings(get("/alerts?rule=name-rejected-66")), "few are not grouped")

	ids := regexp.MustCompile(`formaction="./alerts/ack" name="ids" value="([^"]*)"`).FindAllStringSubmatch(body, -1)
	require.Len(t, ids, 2)
	limits := ids[1][1]
	require.Equal(t, 44, strings.Count(limits, ","))
	w := request{path: "/alerts/ack"}.post("by=Ada&id=i-other&ids=" + url.QueryEscape(limits)).to(h)
	require.Equal(t, http.StatusSeeOther, w.Code)
	for _, a := range b.alerts {
		require.Equal(t, a.Rule == "limit-lowered", a.Ack != nil, a.Rule)
	}
	require.Contains(t, get("/alerts"), "45 taken or silenced")

	request{path: "/alerts/silence"}.post("by=Ada&during=4h&reason=moving&ids=" + url.QueryEscape(limits)).to(h)
	require.Len(t, b.silences, 1, "one press, one silence")
	one := b.silences[0]
	require.Equal(t, "limit-lowered", one.Match.Rule)
	require.Equal(t, 44, strings.Count(one.Match.PhoneNumber, ","))
	require.Equal(t, noon.Add(4*time.Hour), one.Until)
	require.Equal(t, "moving", one.Reason)
}

// What was done is said by name, with a way back.
func TestTheNoticeNamesWhatWasDone(t *testing.T) {
	b := stormyBot()
	h := New(b.options(t))
	first, banned := b.alerts[0], b.alerts[50]
	post := func(path, fields string, scripted bool) (notice, location string) {
		r := request{path: path}
		if scripted {
			r.header = map[string]string{inPlace: "1", "Referer": "http://127.0.0.1:8080/numbers/main/1001/1"}
		}
		w := r.post(fields).to(h)
		return w.Body.String(), w.Header().Get("Location")
	}
	said, _ := post("/alerts/"+first.Incident+"/ack", "by=Ada", true)
	require.Contains(t, said, first.Subject.PhoneNumber+" limit-lowered of Visayas Parcels. Acknowledged")
	require.Contains(t, said, `action="../../../alerts/unack"`)
	require.Contains(t, said, `name="ids" value="`+first.Incident+`"`)
	require.Contains(t, said, `name="by" value="Ada"`)
	require.NotContains(t, said, "<html", "the notice alone")
	said, _ = post("/alerts/unack", "by=Ada&ids="+first.Incident, true)
	require.Contains(t, said, "The acknowledgement is withdrawn")
	require.Nil(t, b.alerts[0].Ack)

	both := "by=Ada&id=" + first.Incident + "&id=" + banned.Incident + "&id=i-gone"
	said, _ = post("/alerts/ack", both, true)
	require.Contains(t, said, "2 incidents: 1 × limit-lowered, 1 × status-banned. Acknowledged")
	require.NotNil(t, b.alerts[50].Ack)
	_, location := post("/alerts/unack", both, false)
	require.Equal(t, "../alerts?about="+url.QueryEscape(first.Incident+","+banned.Incident)+"&done=unacked", location)
	body := request{path: strings.TrimPrefix(location, "..")}.to(h).Body.String()
	require.Contains(t, body, "2 incidents: 1 × limit-lowered, 1 × status-banned. The acknowledgement is withdrawn.")
	require.NotContains(t, body, "In the address", "the page knows these parameters")

	said, _ = post("/alerts/silence", both+"&for=1h", true)
	require.Contains(t, said, "2 silences. Silenced")
	require.Contains(t, said, `action="../../../silences/end"`)
	require.Len(t, b.silences, 2, "one for each rule")
	said, _ = post("/silences/end", "by=Ada&ids=s-1,s-2", true)
	require.Contains(t, said, "The silence has ended")
	require.Empty(t, b.silences)

	said, _ = post("/alerts/ack", "by=Ada", true)
	require.Contains(t, said, "Nothing was selected")
	said, _ = post("/alerts/ack", "by=&ids="+first.Incident, true)
	require.Contains(t, said, "enter your name")
	b.refuse = errDisk
	said, _ = post("/alerts/ack", "by=Ada&ids="+first.Incident, true)
	require.Contains(t, said, "toast dire")
	require.NotContains(t, said, "Undo")
}

// openStorm shows the storm of alerts.
func openStorm(t *testing.T, tab *tab, query string) *bot {
	b := stormyBot()
	tab.do(t, chromedp.Navigate(serveTown(t, b)+"/alerts"+query), chromedp.WaitReady("#list"))
	tab.eventually(t, `document.querySelector("#live .word").textContent === "live"`)
	return b
}

const (
	scrollTo21st = `document.querySelectorAll("#list > ul > li")[20].scrollIntoView({block: "center"})`
	// under is the row in the middle of the screen.
	under = `document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest("[data-key]").dataset.key`
)

// Acting keeps the place: nothing is loaded anew or scrolled, the name is asked for where
// the press was and once only, the notice names the alert and stays, and Undo undoes.
func TestActingInPlaceInABrowser(t *testing.T) {
	fromEverywhere(t, actInPlace)
}

func actInPlace(t *testing.T, tab *tab) {
	openStorm(t, tab, "?group=none")
	tab.do(t, chromedp.Evaluate[chromedp.Void](scrollTo21st))
	tab.hover(t)
	tab.do(t, chromedp.Evaluate[chromedp.Void](`window.untouched = true`))
	y := ask(t, tab, chromedp.Evaluate[float64](`scrollY`))
	require.Greater(t, y, 100.0)
	key := ask(t, tab, chromedp.Evaluate[string](`document.querySelectorAll("#list > ul > li")[20].dataset.key`))
	row := `document.querySelector("[data-key='` + key + `']")`
	inPlace := func() {
		t.Helper()
		require.True(t, ask(t, tab, chromedp.Evaluate[bool](`window.untouched === true`)), "the page was not loaded anew")
		require.InDelta(t, y, ask(t, tab, chromedp.Evaluate[float64](`scrollY`)), 30)
		require.Equal(t, key, ask(t, tab, chromedp.Evaluate[string](`document.querySelectorAll("#list > ul > li")[20].dataset.key`)), "the row is where it was")
	}
	tab.do(t, chromedp.Click(`[data-key="`+key+`"] .quick`), chromedp.WaitVisible("#ask-name input"))
	inPlace()
	tab.do(t, chromedp.SendKeys("#ask-name input", "Ada\r"), chromedp.WaitVisible("[data-done]"))
	tab.eventually(t, row+`.textContent.includes("taken by Ada")`)
	inPlace()
	takePicture(t, tab, "acted-in-place-"+tab.name)
	require.Contains(t, ask(t, tab, chromedp.Text("#said")), "name-rejected-65 of Kopi & Co. Acknowledged")
	require.Contains(t, ask(t, tab, chromedp.Title()), "(69)")

	tab.do(t, chromedp.Click("#said button"))
	tab.eventually(t, `!`+row+`.textContent.includes("taken by Ada")`)
	require.Contains(t, ask(t, tab, chromedp.Text("#said")), "withdrawn")
	inPlace()
	tab.do(t, chromedp.Click(`[data-key="`+key+`"] .quick`))
	tab.eventually(t, row+`.textContent.includes("taken by Ada")`) // the name is not asked for again
	inPlace()
	requireAccessible(t, tab)
	tab.requireCalm(t)
}

// New rows wait while somebody points at the list: what is under the pointer stays there.
func TestNewRowsWaitInABrowser(t *testing.T) {
	fromEverywhere(t, waitUnderThePointer)
}

func waitUnderThePointer(t *testing.T, tab *tab) {
	b := openStorm(t, tab, "?group=none")
	first := func() string {
		return ask(t, tab, chromedp.Evaluate[string](`document.querySelector("#list li .number").textContent`))
	}
	was := first()
	tab.do(t, chromedp.Evaluate[chromedp.Void](scrollTo21st))
	tab.hover(t)
	y, pointed := ask(t, tab, chromedp.Evaluate[float64](`scrollY`)), ask(t, tab, chromedp.Evaluate[string](under))
	b.happen("New Customer")
	tab.eventually(t, `document.querySelector(".fresh")?.textContent === "1 new"`)
	require.Equal(t, was, first())
	require.Equal(t, pointed, ask(t, tab, chromedp.Evaluate[string](under)), "nothing moved under the pointer")
	require.InDelta(t, y, ask(t, tab, chromedp.Evaluate[float64](`scrollY`)), 1)
	require.Contains(t, ask(t, tab, chromedp.Title()), "(71)", "but it is counted")
	takePicture(t, tab, "waiting-"+tab.name)
	tab.do(t, chromedp.Click(".fresh"))
	tab.eventually(t, `document.querySelector("#list li .number").textContent === "6590009999"`)
	require.False(t, ask(t, tab, chromedp.Evaluate[bool](`!!document.querySelector(".fresh")`)))
	tab.requireCalm(t)
}

// A press that is under way while the page is read again does what it is meant to.
func TestPressIsNotLostInABrowser(t *testing.T) {
	fromEverywhere(t, func(t *testing.T, tab *tab) {
		openStorm(t, tab, "?group=none")
		const middle = `(() => { const r = document.querySelector("#list .quick").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`
		const read = `performance.getEntriesByType("resource").filter((e) => e.name === location.href).length`
		tab.do(t, chromedp.Evaluate[chromedp.Void](`document.querySelector("#list .quick").scrollIntoView({block: "center"})`))
		at, before := ask(t, tab, chromedp.Evaluate[[]float64](middle)), ask(t, tab, chromedp.Evaluate[int](read))
		tab.do(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, at[0], at[1], chromedp.Button("left"), chromedp.ClickCount(1)),
			chromedp.Evaluate[chromedp.Void](`refresh(true); undefined`))
		tab.eventually(t, fmt.Sprintf(`%s > %d`, read, before))
		tab.do(t, chromedp.Evaluate[chromedp.Void](`new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))`, chromedp.EvalAwaitPromise),
			chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, at[0], at[1], chromedp.Button("left"), chromedp.ClickCount(1)))
		tab.eventually(t, `document.querySelector("#ask-name").open`)
		tab.requireCalm(t)
	})
}

// A box a row, a group and all; what is chosen is acknowledged and silenced together.
func TestManyAtOnceInABrowser(t *testing.T) {
	fromEverywhere(t, actOnMany)
}

func actOnMany(t *testing.T, tab *tab) {
	b := openStorm(t, tab, "")
	chosen := func() string { return ask(t, tab, chromedp.Text("#selected")) }
	tab.do(t, chromedp.SendKeys("#by", "Ada"), chromedp.Click("#all"))
	require.Equal(t, "70 selected", chosen())
	tab.do(t, chromedp.Click("#all"), chromedp.Click(`.group[aria-label^="Visayas"] .head .pick`))
	require.Equal(t, "45 selected", chosen())
	takePicture(t, tab, "selected-"+tab.name)
	tab.do(t, chromedp.Click(`.together button[formaction$="/ack"]`))
	tab.eventually(t, `document.querySelector("#said").textContent.includes("45 incidents: 45 × limit-lowered. Acknowledged")`)
	tab.eventually(t, `document.querySelector('.group[aria-label^="Visayas"]').textContent.includes("45 taken or silenced")`)
	require.Equal(t, "all", chosen())
	tab.do(t, chromedp.Click(`.group[aria-label^="Lion"] .head .pick`), chromedp.Click(`.together button[formaction$="/silence"]`))
	tab.eventually(t, `document.querySelector("#said").textContent.includes("Silenced")`)
	require.Len(t, b.inForce(), 1)
	if tab.look == wideLight {
		height := ask(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
		require.Less(t, height, int64(2500), "70 alerts are seen at a glance")
	}
	requireAccessible(t, tab)
	tab.requireCalm(t)
}
