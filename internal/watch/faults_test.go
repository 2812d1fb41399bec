package watch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
)

const sickFor = 2 * time.Minute

// fault is a line of the matrix: what is wrong with the sick space, and whether
// people must hear of it.
type fault struct {
	name   string
	fault  *camssim.Fault
	list   listing
	denied bool     // the space is DENIED, and left alone; else it is FAILING
	size   int      // the sick space's numbers; 0: sickNumbers
	tell   []string // what people must read; nil: nothing, the answers are as good as any
}

func refusal(code string, tell ...string) fault {
	return fault{name: code, fault: &camssim.Fault{Kind: camssim.Refuse, Code: code}, tell: append(tell, code)}
}

func denial(code string, tell ...string) fault {
	f := refusal(code, tell...)
	f.denied = true
	return f
}

func broken(kind camssim.Kind, tell ...string) fault {
	return fault{name: string(kind), fault: &camssim.Fault{Kind: kind}, tell: tell}
}

func listed(name string, list listing, tell ...string) fault {
	return fault{name: name, list: list, tell: tell}
}

// each changes every number of a list.
func each(change func(n camssim.Number)) listing {
	return func(_ int, numbers []camssim.Number) []camssim.Number {
		for i := range numbers {
			n := camssim.Number{}
			for k, v := range numbers[i] {
				n[k] = v
			}
			change(n)
			numbers[i] = n
		}
		return numbers
	}
}

// repeated lists the first number once more.
func repeated(change func(n camssim.Number)) listing {
	return func(n int, numbers []camssim.Number) []camssim.Number {
		return append(numbers, each(change)(n, slices.Clone(numbers[:1]))...)
	}
}

const console = "compare with the cloud's console"

// matrix has a line for each fault of one space.
var matrix = []fault{
	refusal("System.LimitControl"), refusal("Throttling.User"), refusal("Throttling.Api"),
	refusal("InternalError"), refusal("ServiceUnavailable"),
	denial("Unknown.ResourceOwnerId", "check the space's CustSpaceId"), denial("InvalidParameter", "check the space's CustSpaceId"),
	refusal("InvalidTimeStamp.Expired", "set this machine's clock"), refusal("SignatureNonceUsed", "sends requests twice"),
	denial("NoPermission", "grant the RAM user"), denial("Product.Unsubscript", "subscribe"), denial("InvalidAccessKeyId.NotFound", "access key"),
	{name: "429", fault: &camssim.Fault{Kind: camssim.EmptyError, Status: 429}, tell: []string{"HTTP 429"}},
	{name: "429 with a wait", fault: &camssim.Fault{Kind: camssim.Throttled, RetryAfter: 7 * time.Second}, tell: []string{"Throttling.User"}},
	{name: "503", fault: &camssim.Fault{Kind: camssim.EmptyError, Status: 503}, tell: []string{"HTTP 503"}},
	{
		name:  "503 with a wait",
		fault: &camssim.Fault{Kind: camssim.Refuse, Code: "ServiceUnavailable", Status: 503, RetryAfter: 7 * time.Second},
		tell:  []string{"HTTP 503", "ServiceUnavailable"},
	},
	{name: "an answer after 9 s", fault: &camssim.Fault{Latency: 9 * time.Second}},
	{name: "no answer", fault: &camssim.Fault{Latency: time.Hour}, tell: []string{"no answer within 10s", "check the network"}},
	broken(camssim.EmptyError, "HTTP 500"), broken(camssim.BadGateway, "HTTP 502", "text/html"),
	{name: "HTML with 200", fault: &camssim.Fault{Kind: camssim.BadGateway, Status: 200}, tell: []string{"text/html", "does not parse"}},
	broken(camssim.DropBefore, "EOF"), broken(camssim.DropAfter, "EOF"),
	broken(camssim.Truncated, "unexpected EOF"), broken(camssim.CutJSON, "does not parse"), broken(camssim.EmptyAnswer, "0 bytes"),
	{name: "too large", fault: &camssim.Fault{Kind: camssim.Oversize, Bytes: 17 << 20}, tell: []string{"larger than 16 MiB"}},
	broken(camssim.InternalError, "HTTP 500", "InternalError"),
	{name: "an odd code", fault: &camssim.Fault{Kind: camssim.CodeNotOK, Code: "Odd"}, tell: []string{"inconsistent answer", "Odd"}},
	{name: string(camssim.DetailString), fault: &camssim.Fault{Kind: camssim.DetailString}, denied: true, tell: []string{"Ram.PermissionDeny", "The caller lacks"}},
	broken(camssim.NotSuccess, "Success is false"), broken(camssim.NumericCode, "200"), broken(camssim.NoList, "without the list"),
	broken(camssim.StringSuccess), broken(camssim.DetailObject), broken(camssim.NullEntries), broken(camssim.RepeatAlike),
	broken(camssim.RepeatUnlike, "twice, with different values"), broken(camssim.EmptyList, "the list is empty", console),

	listed("null members", each(func(n camssim.Number) { n["Status"], n["QualityRating"] = camssim.Null, camssim.Null })),
	listed("absent members", each(func(n camssim.Number) { delete(n, "Status"); delete(n, "UpQueue") })),
	listed("numeric members", each(func(n camssim.Number) { n["PhoneNumber"] = camssim.JSON(n["PhoneNumber"]) })),
	listed("truth values", each(func(n camssim.Number) { n["IsOfficial"] = camssim.JSON("false") })),
	listed("numbers with a plus", each(func(n camssim.Number) { n["PhoneNumber"] = "+" + n["PhoneNumber"] })),
	listed("numbers in groups", each(func(n camssim.Number) { n["PhoneNumber"] = n["PhoneNumber"][:1] + " 201-" + n["PhoneNumber"][4:] })),
	listed("numbers with a prefix", each(func(n camssim.Number) { n["PhoneNumber"] = "00" + n["PhoneNumber"] }), "30 others are new", console),
	listed("the same number twice", repeated(func(camssim.Number) {})),
	listed("the same number twice, unlike", repeated(func(n camssim.Number) { n["Status"] = "BANNED" }), "twice, with different values"),
	listed("another order each time", func(n int, numbers []camssim.Number) []camssim.Number {
		rand.New(rand.NewPCG(1, uint64(n))).Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		return numbers
	}),
	listed("more than half missing", func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:14] }, "lacks 16 of 30", console),
	listed("some missing", func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:20] }),
	{
		name: "cut to 100", size: 250, tell: []string{"lacks 150 of 250", console},
		list: func(_ int, numbers []camssim.Number) []camssim.Number { return numbers[:100] },
	},
	{name: "2,500 numbers", size: 2500, list: func(_ int, numbers []camssim.Number) []camssim.Number { return numbers }},
}

func TestEveryKindOfFaultIsInTheMatrix(t *testing.T) {
	for _, kind := range camssim.Kinds() {
		of := func(l fault) bool { return l.fault != nil && l.fault.Kind == kind }
		require.True(t, slices.ContainsFunc(matrix, of), "a fault of kind %s is not tested", kind)
	}
}

// Each fault of one space, beside twenty that are well: these keep their polls, no
// number changes, people hear of it within three polls, and within two of its end.
func TestAFaultOfOneSpace(t *testing.T) {
	for i, line := range matrix {
		if testing.Short() && i%6 != 0 {
			continue // the race detector sees the same code in each
		}
		t.Run(line.name, func(t *testing.T) {
			t.Parallel()
			size := line.size
			if size == 0 {
				size = sickNumbers
			}
			inRig(t, size, func(r *rig) { line.run(r) })
		})
	}
}

func (l *fault) run(r *rig) {
	time.Sleep(sickFor / 4)
	before, began := r.changes(), time.Now()
	usual := 4 * r.polledWell(began.Add(-sickFor/4), began)
	end := func() {}
	if l.fault != nil {
		wrong := *l.fault
		wrong.Space = sick.ID
		end = r.cloud.Inject(wrong)
	}
	if l.list != nil {
		r.lists(l.list)
	}
	time.Sleep(sickFor)
	require.GreaterOrEqual(r, float64(r.polledWell(began, time.Now())), 0.95*float64(usual), "those that are well are polled as ever")
	require.Equal(r, before, r.changes(), "a fault is no change")
	told := r.told(began)
	if l.tell == nil {
		require.Empty(r, told)
		require.Empty(r, r.poller.Status().Failing)
	} else {
		l.isTold(r, told, began)
	}

	end()
	if l.list != nil {
		r.lists(nil)
	}
	ended := time.Now()
	if l.tell != nil {
		again := r.untilTold(ended, 1, 2*time.Hour)
		require.Len(r, again, 1)
		require.Equal(r, alert.WasResolved, again[0].Alert.Transition)
		require.LessOrEqual(r, r.polled(sick.ID, ended, again[0].Time), 2, "it is told at once that all is well")
	}
	time.Sleep(time.Minute)
	require.Equal(r, before, r.changes(), "nor is its end")
	require.Empty(r, r.poller.Status().Failing)
}

// isTold wants one alert of the sick space, in time and with what to do.
func (l *fault) isTold(r *rig, told []alert.Event, began time.Time) {
	require.Len(r, told, 1)
	opened := told[0].Alert
	require.Equal(r, alert.Opened, opened.Transition)
	require.Equal(r, "space-blind", opened.Rule)
	require.Equal(r, phone.Subject{Account: "main", Space: sick.ID}, opened.Subject)
	require.LessOrEqual(r, r.polled(sick.ID, began, told[0].Time), 3, "three polls are enough")
	require.Contains(r, opened.Summary.Plain(), "Customer sick")
	for _, part := range l.tell {
		require.Contains(r, opened.Summary.Plain()+opened.Action.Plain(), part)
	}
	failing := r.poller.Status().Failing
	require.Len(r, failing, 1)
	require.Equal(r, sick, failing[0].Space)
	require.Contains(r, opened.Change.Reason, "main/sick")
	require.NotContains(r, opened.Change.Reason, rigKey.AccessKeySecret)
	require.False(r, strings.HasSuffix(opened.Action.Plain(), ": "))
	state := phone.Failing
	if l.denied {
		state = phone.Denied
		require.LessOrEqual(r, r.polled(sick.ID, told[0].Time, began.Add(sickFor)), 1, "it is left alone, once it is certain")
	} else if l.fault != nil && l.fault.Kind != camssim.EmptyList { // that is an answer
		require.Less(r, r.polled(sick.ID, began, began.Add(sickFor)), r.polledWell(began, began.Add(sickFor))/well, "less often than those that are well")
	}
	require.Equal(r, state, r.condition(opened.Subject).Value)
	require.Equal(r, phone.OK, r.condition(phone.Subject{Account: "main"}).Value)
}

// What is left alone for long is tried at once after a start.
func TestADeniedSpaceIsTriedAtTheNextStart(t *testing.T) {
	inRig(t, 3, func(r *rig) {
		end := r.cloud.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "Unknown.ResourceOwnerId", Space: sick.ID})
		time.Sleep(sickFor)
		subject := phone.Subject{Account: "main", Space: sick.ID}
		require.Equal(r, phone.Denied, r.condition(subject).Value)
		end()
		r.halt()
		r.poll()
		time.Sleep(30 * time.Second)
		require.Equal(r, phone.OK, r.condition(subject).Value)
	})
}

// What is wrong with every space is one alert, of the account. Its end is told with
// the first answer, and the pace comes back as docs/benchmarks.md says.
func TestAFaultOfTheWholeAccount(t *testing.T) {
	for _, line := range []struct {
		fault camssim.Fault
		lasts time.Duration
		tell  string // "": too short to be told
		known time.Duration
	}{
		{camssim.Fault{Kind: camssim.BadGateway}, 2 * time.Minute, "HTTP 502", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.DropBefore}, 2 * time.Minute, "EOF", 5 * time.Minute},
		{camssim.Fault{Latency: time.Hour}, 3 * time.Minute, "no answer within 10s", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "NoPermission"}, 20 * time.Minute, "grant the RAM user", 10 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "Ram.PermissionDeny"}, 2 * time.Minute, "grant the RAM user", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "Forbidden.RAM"}, 2 * time.Minute, "grant the RAM user", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "Product.Unsubscript"}, 2 * time.Minute, "subscribe the account", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.CodeNotOK, Code: "Product.Unsubscript"}, 2 * time.Minute, "HTTP 200", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "InvalidAccessKeyId.NotFound"}, 2 * time.Minute, "access key", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "InvalidAccessKeyId.Inactive"}, 2 * time.Minute, "access key", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "InvalidSecurityToken.Expired"}, 2 * time.Minute, "temporary credentials", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Refuse, Code: "SignatureDoesNotMatch"}, 2 * time.Minute, "access key secret", 5 * time.Minute},
		{camssim.Fault{Kind: camssim.Throttled, RetryAfter: 20 * time.Second}, time.Minute, "", 0},
	} {
		t.Run(string(line.fault.Kind)+line.fault.Code, func(t *testing.T) {
			t.Parallel()
			inRig(t, 3, func(r *rig) {
				before, began := r.changes(), time.Now()
				end := r.cloud.Inject(line.fault)
				time.Sleep(line.lasts)
				end()
				ended := time.Now()
				told := r.told(began)
				require.Equal(r, before, r.changes())
				require.Equal(r, phone.OK, r.condition(phone.Subject{Account: "main", Space: sick.ID}).Value, "one alert says what many would")
				if line.tell == "" {
					require.Empty(r, told)
				} else {
					require.Len(r, told, 1)
					require.Equal(r, "account-blind", told[0].Alert.Rule)
					require.NotContains(r, told[0].Alert.Change.Reason, rigKey.AccessKeySecret)
					if told[0].Alert.Change.New == phone.Denied {
						require.LessOrEqual(r, r.polledAll(told[0].Time, ended), 12, "only now and then one space is tried")
					}
					require.Equal(r, phone.Subject{Account: "main"}, told[0].Alert.Subject)
					require.Contains(r, told[0].Alert.Summary.Plain()+told[0].Alert.Action.Plain(), line.tell)
					again := r.untilTold(ended, 1, line.known)
					require.Len(r, again, 1)
					require.Equal(r, alert.WasResolved, again[0].Alert.Transition)
				}
				time.Sleep(time.Until(ended.Add(150 * time.Second)))
				if line.fault.Code != "NoPermission" { // which is tried every ten minutes
					require.GreaterOrEqual(r, r.poller.Status().Pace, pace/2)
				}
				time.Sleep(time.Until(ended.Add(10 * time.Minute)))
				require.GreaterOrEqual(r, r.poller.Status().Pace, 0.98*pace)
				require.Equal(r, before, r.changes())
				for i := range well {
					require.Positive(r, r.polled(fmt.Sprint("well-", i), time.Now().Add(-30*time.Second), time.Now()))
				}
			})
		})
	}
}
