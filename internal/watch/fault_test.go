package watch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
	"numwatch/poller/health"
)

// effect is what a fault must come to.
type effect int

const (
	nothing    effect = iota // the answer is as good as any
	throttled                // all wait, then go on slower; nobody is told
	failing                  // the space is FAILING after three, and polled less often
	spaceOut                 // the space is DENIED at once, and left alone
	accountOut               // the account is DENIED at once, and nobody is polled
)

// faulty is a fault of space a, and what is said of it.
type faulty struct {
	camssim.Fault
	effect effect
	code   string   // the cloud's, as it is shown; "" where it gave none
	says   []string // in the reason that people read
}

func refused(code string, e effect, says ...string) faulty {
	return faulty{camssim.Fault{Kind: camssim.Refuse, Code: code}, e, code, append(says, code, "RequestId")}
}

const lost, odd, alone = "poll failed: ", "inconsistent answer: ", "only this space is throttled"

// documented are the errors of the cloud's pages.
func documented() []faulty {
	ram := "grant the RAM user or role the action cams:ChatappSyncPhoneNumber"
	return []faulty{
		refused("Throttling", failing, alone), refused("Throttling.User", failing, alone), refused("Throttling.Api", failing, alone),
		refused("System.LimitControl", failing, alone),
		{camssim.Fault{Kind: camssim.EmptyError, Status: 429}, failing, "", []string{alone, "HTTP 429"}},
		refused("Ram.PermissionDeny", accountOut, ram), refused("Forbidden.RAM", accountOut, ram), refused("NoPermission", accountOut, ram),
		refused("Product.Unsubscript", accountOut, "subscribe the account"),
		refused("InvalidAccessKeyId.NotFound", accountOut, "check the account's access key"),
		refused("InvalidAccessKeyId.Inactive", accountOut, "check the account's access key"),
		refused("InvalidSecurityToken.Expired", accountOut, "temporary credentials"),
		refused("SignatureDoesNotMatch", accountOut, "access key secret"),
		refused("Unknown.ResourceOwnerId", spaceOut, "check the space's CustSpaceId"),
		refused("InvalidParameter", spaceOut, "check the space's CustSpaceId"),
		refused("InvalidTimeStamp.Expired", failing, "set this machine's clock"),
		refused("SignatureNonceUsed", failing, "sends requests twice"),
		refused("ServiceUnavailable", failing, lost), refused("InternalError", failing, lost),
		{camssim.Fault{Kind: camssim.Refuse, Code: "Gone", Status: 502}, failing, "Gone", []string{lost, "HTTP 502"}},
		{camssim.Fault{Kind: camssim.CodeNotOK, Code: "Product.Unsubscript"}, accountOut, "Product.Unsubscript", []string{"HTTP 200"}},
	}
}

// injected has every kind of fault that the simulated cloud knows.
func injected() map[camssim.Kind]faulty {
	return map[camssim.Kind]faulty{
		"":                    {camssim.Fault{Latency: 600 * time.Millisecond}, failing, "", []string{lost, "no answer within 300ms"}},
		camssim.Refuse:        refused("Ram.PermissionDeny", accountOut, "ImplicitDeny"),
		camssim.Throttled:     {camssim.Fault{RetryAfter: 1500 * time.Millisecond}, throttled, "Throttling.User", nil},
		camssim.InternalError: {effect: failing, code: "InternalError", says: []string{lost, "HTTP 500", "RequestId"}},
		camssim.EmptyError:    {effect: failing, says: []string{lost, "HTTP 500"}},
		camssim.BadGateway:    {effect: failing, says: []string{lost, "HTTP 502", "text/html"}},
		camssim.DropBefore:    {effect: failing, says: []string{lost}},
		camssim.DropAfter:     {effect: failing, says: []string{lost}},
		camssim.Truncated:     {effect: failing, says: []string{lost, "unexpected EOF"}},
		camssim.CutJSON:       {effect: failing, says: []string{lost, "does not parse"}},
		camssim.EmptyAnswer:   {effect: failing, says: []string{lost, "the answer of 0 bytes", "does not parse"}},
		camssim.Oversize:      {camssim.Fault{Bytes: 17 << 20}, failing, "", []string{lost, "larger than 16 MiB"}},
		camssim.NotSuccess:    {effect: failing, says: []string{odd, "RequestId"}},
		camssim.CodeNotOK:     {camssim.Fault{Code: "Odd"}, failing, "", []string{odd, "Odd", "RequestId"}},
		camssim.NumericCode:   {effect: failing, says: []string{odd, "200", "RequestId"}},
		camssim.StringSuccess: {effect: nothing},
		camssim.DetailObject:  {effect: nothing},
		camssim.DetailString:  {effect: accountOut, code: "Ram.PermissionDeny", says: []string{"The caller lacks"}},
		camssim.EmptyList:     {effect: failing, code: health.ListInDoubt, says: []string{odd, "the list is empty", "compare with the cloud's console"}},
		camssim.NoList:        {effect: failing, says: []string{odd, "without the list PhoneNumbers"}},
		camssim.NullEntries:   {effect: nothing},
		camssim.RepeatAlike:   {effect: nothing},
		camssim.RepeatUnlike:  {effect: failing, says: []string{odd, "holds the number 8600 twice"}},
	}
}

// Every error that is documented and every fault that can be injected: what is
// polled next, what is said, that no change comes of it, and that it ends.
func TestFaults(t *testing.T) {
	kinds := injected()
	for _, kind := range append(camssim.Kinds(), "") {
		f, ok := kinds[kind]
		require.True(t, ok, "a fault of kind %s is not tested", kind)
		f.Kind = kind
		t.Run("kind="+string(kind), func(t *testing.T) { f.run(t) })
	}
	for _, f := range documented() {
		if testing.Short() && f.Kind == camssim.Refuse && f.Status == 0 {
			continue // the classes are covered by the kinds
		}
		t.Run(fmt.Sprintf("%s=%s,%d", f.Kind, f.Code, f.Status), func(t *testing.T) { f.run(t) })
	}
}

func (f *faulty) run(t *testing.T) {
	t.Parallel()
	timeout := rigTimeout
	if f.Latency > 0 {
		timeout = f.Latency / 2
	}
	r := newRig(t, rigInterval, timeout)
	before := r.changes()
	switch f.effect {
	case throttled:
		f.Count = 6 // of any space
	case accountOut: // of every space
	default:
		f.Space = "a"
	}
	r.cloud.Inject(f.Fault)
	switch f.effect {
	case nothing:
		f.passes(r)
	case throttled:
		f.slowsDown(r)
	case failing:
		f.fails(r)
	case spaceOut:
		f.isLeftAlone(r)
	case accountOut:
		f.stopsAll(r)
	}
	require.Equal(t, before, r.changes(), "a fault is no change")
	f.ends(r)
	require.Equal(t, before, r.changes(), "nor is its end")
}

var (
	spaceA  = phone.Subject{Account: "main", Space: "a"}
	account = phone.Subject{Account: "main"}
)

func (f *faulty) passes(r *rig) {
	r.further("a", 8)
	require.Empty(r.t, r.alerts())
	require.Empty(r.t, r.poller.Status().Failing)
}

func (f *faulty) slowsDown(r *rig) {
	r.eventually("the pace goes down", func() bool { return r.poller.Status().Pace < 0.97*rigRate })
	time.Sleep(5 * rigInterval) // what was sent before is answered
	all := r.cloud.Stats("main").Requests
	wait := max(f.RetryAfter, time.Second) - 10*rigInterval
	time.Sleep(wait)
	require.Equal(r.t, all, r.cloud.Stats("main").Requests, "the server's second passes, or what it asks for")
	r.further("a", 3)
	r.further("b", 3)
	require.Empty(r.t, r.alerts())
	require.Empty(r.t, r.poller.Status().Failing, "nobody is to blame")
}

func (f *faulty) fails(r *rig) {
	r.eventually("the space is FAILING", func() bool { return r.condition(spaceA).Value == phone.Failing })
	f.said(r, "space-blind", spaceA)
	require.Equal(r.t, phone.OK, r.condition(account).Value)
	from, b := r.failures(), r.asked("b")
	r.eventually("it is polled on", func() bool { return r.failures() >= from+3 })
	if f.code != health.ListInDoubt { // that is an answer
		require.Greater(r.t, r.asked("b")-b, 3, "less often than those that are well")
	}
	require.Greater(r.t, r.poller.Status().Pace, 0.97*rigRate, "the others keep their pace")
}

func (f *faulty) isLeftAlone(r *rig) {
	r.eventually("the space is DENIED", func() bool { return r.condition(spaceA).Value == phone.Denied })
	a := r.asked("a")
	f.said(r, "space-blind", spaceA)
	r.further("b", 10)
	require.Equal(r.t, a, r.asked("a"), "it is left alone for minutes")
}

func (f *faulty) stopsAll(r *rig) {
	r.eventually("the account is DENIED", func() bool { return r.condition(account).Value == phone.Denied })
	f.said(r, "account-blind", account)
	require.Equal(r.t, phone.OK, r.condition(spaceA).Value, "one alert says what many would")
	time.Sleep(10 * rigInterval) // what was sent before is answered
	st := r.poller.Status()
	if st.Denied { // else a poll of another space has been answered since
		require.Equal(r.t, f.code, st.Unwell.Err.Code)
		require.Greater(r.t, time.Until(st.DeniedUntil), 20*time.Second)
		all := r.cloud.Stats("main").Requests
		time.Sleep(10 * rigInterval)
		require.Equal(r.t, all, r.cloud.Stats("main").Requests, "nobody is polled")
	}
}

// said wants one alert, whose texts help.
func (f *faulty) said(r *rig, rule string, about phone.Subject) {
	open := r.alerts()
	require.Len(r.t, open, 1)
	a := &open[0]
	require.Equal(r.t, rule, a.Rule)
	require.Equal(r.t, about, a.Subject)
	require.Equal(r.t, f.code, a.Change.Code)
	reason := a.Change.Reason
	require.Contains(r.t, reason, about.String())
	for _, part := range f.says {
		require.Contains(r.t, reason, part)
	}
	require.Contains(r.t, a.Action.Plain(), reason)
	require.NotContains(r.t, reason, rigKey.AccessKeySecret)
}

// ends takes the fault away. What is left alone for long is tried at the next
// start, which is not waited for here but made.
func (f *faulty) ends(r *rig) {
	r.cloud.ClearFaults()
	if f.effect == spaceOut || f.effect == accountOut {
		r.halt()
		r.poll()
	}
	r.eventually("all is well", func() bool { return len(r.alerts()) == 0 })
	for _, s := range []phone.Subject{spaceA, account} {
		require.Equal(r.t, phone.OK, r.condition(s).Value)
	}
	said := r.said()
	switch f.effect {
	case nothing, throttled:
		require.Empty(r.t, said)
	case accountOut:
		require.Equal(r.t, []string{"account-blind main opened", "account-blind main resolved"}, said)
	default:
		require.Equal(r.t, []string{"space-blind main/a opened", "space-blind main/a resolved"}, said)
	}
	r.further("a", 3)
}
