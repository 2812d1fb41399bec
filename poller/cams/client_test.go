package cams

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
	"numwatch/phone/phonetest"
	"numwatch/poller/ratelimit"
)

var testKey = camssim.Key{AccessKeyId: "LTAI-test-id", AccessKeySecret: "the-secret-of-the-key"}

func keyed(k camssim.Key) Credentials {
	if k.SecurityToken != "" {
		return Credentials{Type: "sts", AccessKeyId: k.AccessKeyId, AccessKeySecret: k.AccessKeySecret, SecurityToken: k.SecurityToken}
	}
	return Credentials{Type: "access_key", AccessKeyId: k.AccessKeyId, AccessKeySecret: k.AccessKeySecret}
}

// cloud is a simulated cloud with the account main on loopback.
type cloud struct {
	*camssim.Server
	url string
}

func newCloud(t testing.TB, limit int, spaces ...camssim.Space) *cloud {
	sim := camssim.New(camssim.Config{
		Limit: limit, RetryAfter: true,
		Accounts: []camssim.Account{{Name: "main", Key: testKey, Spaces: spaces}},
	})
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return &cloud{sim, web.URL}
}

func (c *cloud) client(t testing.TB, change ...func(*ClientOptions)) *Client {
	o := ClientOptions{Account: "main", Endpoint: c.url, Credentials: keyed(testKey), Timeout: 5 * time.Second}
	for _, f := range change {
		f(&o)
	}
	client, err := NewClient(o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func space(id string) phone.SpaceKey { return phone.SpaceKey{Account: "main", ID: id} }

func fetchError(t *testing.T, c *Client, id string) *Error {
	t.Helper()
	snapshot, err := c.Fetch(context.Background(), space(id), ratelimit.Turn{})
	require.Nil(t, snapshot)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "main", e.Account)
	require.Equal(t, id, e.Space)
	require.NotContains(t, e.Error(), testKey.AccessKeySecret)
	if e.Class != NoCredentials {
		require.Contains(t, e.Error(), "main/"+id)
	}
	return e
}

func number(phoneNumber string) camssim.Number {
	n := camssim.Number(phonetest.Record())
	n["PhoneNumber"] = phoneNumber
	return n
}

func TestFetch(t *testing.T) {
	second := number("8613800002222")
	second["QualityRating"] = camssim.Null
	second["NameStatus"] = ""
	delete(second, "IsOfficial")
	odd := number(" 8613800001111 ")
	odd["NameStatus"], odd["UpCallbackUrl"] = "Approval", "https://www.alibaba.com/inbound\n"
	sim := newCloud(t, 100, camssim.Space{Id: "1", Numbers: []camssim.Number{second, odd}}, camssim.Space{Id: "2"})
	client := sim.client(t)

	before := time.Now()
	snapshot, err := client.Fetch(t.Context(), space("1"), ratelimit.Turn{})
	require.NoError(t, err)
	require.Equal(t, space("1"), snapshot.Space)
	require.WithinRange(t, snapshot.At, before, time.Now())
	require.NotEmpty(t, snapshot.RequestId)
	require.Len(t, snapshot.Numbers, 2)

	first, other := &snapshot.Numbers[0], &snapshot.Numbers[1]
	require.Equal(t, "8613800001111", first.PhoneNumber)
	require.Equal(t, phone.NumberFields, first.Known().Len())
	require.Equal(t, "https://www.alibaba.com/inbound", first.Get(phone.UpCallbackUrl))
	require.Equal(t, "APPROVAL", first.Get(phone.NameStatus))
	require.Equal(t, "8613800002222", other.PhoneNumber)
	require.False(t, other.Has(phone.QualityRating), "null counts as absent")
	require.False(t, other.Has(phone.IsOfficial))
	require.True(t, other.Has(phone.NameStatus), "empty is not absent")
	require.Empty(t, other.Get(phone.NameStatus))

	snapshot, err = client.Fetch(t.Context(), space("2"), ratelimit.Turn{})
	require.NoError(t, err)
	require.Empty(t, snapshot.Numbers)
}

func TestFetchOfEveryDocumentedValue(t *testing.T) {
	sim := newCloud(t, 10_000, camssim.Space{Id: "1", Numbers: []camssim.Number{number("1")}})
	client := sim.client(t)
	for f := range phone.FieldsOfNumber() {
		for _, v := range append(f.Values(), "SOMETHING_NEW") {
			require.NoError(t, sim.Update("main", "1", "1", f.String(), " "+strings.ToLower(v)+"\n"))
			snapshot, err := client.Fetch(t.Context(), space("1"), ratelimit.Turn{})
			require.NoError(t, err)
			want := v
			if !f.IsEnum() && f != phone.CallingStatus && f != phone.CallHoursStatus {
				want = strings.ToLower(v)
			}
			require.Equal(t, want, snapshot.Numbers[0].Get(f), "%s", f)
		}
	}
}

func TestFetchOfOddIds(t *testing.T) {
	odd := []string{"cams-ab_1.2", "C 1", "a+b", "a*b~c", "ä/ö?&=#%", "293483938849493****"}
	var spaces []camssim.Space
	for _, id := range odd {
		spaces = append(spaces, camssim.Space{Id: id})
	}
	client := newCloud(t, 100, spaces...).client(t)
	for _, id := range odd {
		_, err := client.Fetch(t.Context(), space(id), ratelimit.Turn{})
		require.NoError(t, err)
	}
}

func TestEveryDocumentedError(t *testing.T) {
	for _, c := range []struct {
		code   string
		class  Class
		advice string
	}{
		{"Throttling", Throttled, "limit"},
		{"Throttling.User", Throttled, "limit"},
		{"Throttling.Api", Throttled, "limit"},
		{"System.LimitControl", Throttled, "limit"},
		{"Ram.PermissionDeny", DeniedAccount, "cams:ChatappSyncPhoneNumber on *: its access level is update"},
		{"Forbidden.RAM", DeniedAccount, "cams:ChatappSyncPhoneNumber"},
		{"NoPermission", DeniedAccount, "cams:ChatappSyncPhoneNumber"},
		{"Product.Unsubscript", DeniedAccount, "subscribe"},
		{"InvalidAccessKeyId.NotFound", DeniedAccount, "access key"},
		{"InvalidAccessKeyId.Inactive", DeniedAccount, "access key"},
		{"InvalidSecurityToken.Expired", DeniedAccount, "temporary credentials"},
		{"InvalidSecurityToken.Malformed", DeniedAccount, "temporary credentials"},
		{"InvalidSecurityToken.MismatchWithAccessKey", DeniedAccount, "temporary credentials"},
		{"SignatureDoesNotMatch", DeniedAccount, "secret"},
		{"Unknown.ResourceOwnerId", DeniedSpace, "CustSpaceId"},
		{"InvalidParameter.Something", DeniedSpace, "CustSpaceId"},
		{"InvalidTimeStamp.Expired", Clock, "clock"},
		{"SignatureNonceUsed", Clock, "twice"},
		{"ServiceUnavailable", Transient, ""},
		{"InternalError", Transient, ""},
	} {
		for _, status := range []int{0, http.StatusOK, http.StatusForbidden, http.StatusInternalServerError} {
			if c.code == "InvalidParameter.Something" && status != 0 {
				continue // an unknown code is judged by its status
			}
			t.Run(fmt.Sprint(c.code, status), func(t *testing.T) {
				sim := newCloud(t, 100, camssim.Space{Id: "7"})
				sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: c.code, Status: status})
				e := fetchError(t, sim.client(t), "7")
				require.Equal(t, c.class, e.Class)
				require.Equal(t, c.code, e.Code)
				require.NotEmpty(t, e.Message)
				require.NotEmpty(t, e.RequestId)
				require.NotZero(t, e.HTTPStatus)
				require.Contains(t, e.Advice, c.advice)
				for _, part := range []string{e.Code, strings.TrimSuffix(e.Message, "."), e.RequestId, e.Advice, fmt.Sprint(e.HTTPStatus)} {
					require.Contains(t, e.Error(), part)
				}
			})
		}
	}
}

func TestEveryFault(t *testing.T) {
	refused := map[camssim.Kind]Class{
		camssim.Refuse:        DeniedSpace,
		camssim.Throttled:     Throttled,
		camssim.InternalError: Transient,
		camssim.EmptyError:    Transient,
		camssim.BadGateway:    Transient,
		camssim.DropBefore:    Transient,
		camssim.DropAfter:     Transient,
		camssim.Truncated:     Transient,
		camssim.CutJSON:       Transient,
		camssim.EmptyAnswer:   Transient,
		camssim.Oversize:      Transient,
		camssim.NotSuccess:    Inconsistent,
		camssim.CodeNotOK:     DeniedSpace,
		camssim.NumericCode:   Inconsistent,
		camssim.DetailString:  DeniedAccount,
		camssim.NoList:        Inconsistent,
		camssim.RepeatUnlike:  Inconsistent,
	}
	taken := map[camssim.Kind]int{
		camssim.StringSuccess: 2, camssim.DetailObject: 2, camssim.EmptyList: 0,
		camssim.NullEntries: 2, camssim.RepeatAlike: 2,
	}
	sim := newCloud(t, 1000, camssim.Space{Id: "7", Numbers: []camssim.Number{number("1"), number("2")}})
	client := sim.client(t)
	for _, kind := range camssim.Kinds() {
		end := sim.Inject(camssim.Fault{Kind: kind, Code: "Unknown.ResourceOwnerId", Bytes: maxAnswer + 1})
		if class, ok := refused[kind]; ok {
			require.Equal(t, class, fetchError(t, client, "7").Class, "%s", kind)
		} else {
			numbers, ok := taken[kind]
			require.True(t, ok, "no expectation for %s", kind)
			snapshot, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
			require.NoError(t, err, "%s", kind)
			require.Len(t, snapshot.Numbers, numbers, "%s", kind)
		}
		end()
	}
}

func TestDenialSaysWhoLacksWhat(t *testing.T) {
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "NoPermission"})
	require.Contains(t, fetchError(t, sim.client(t), "7").Message, "cams:ChatappSyncPhoneNumber, 200000000000000001, ImplicitDeny")
}

func TestUsedNonceIsSignedAnewOnce(t *testing.T) {
	sim := newCloud(t, 100, camssim.Space{Id: "7", Numbers: []camssim.Number{number("1")}})
	sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "SignatureNonceUsed", Count: 1})
	pace := ratelimit.NewPace(10)
	client := sim.client(t, func(o *ClientOptions) { o.Pace = pace })
	start := time.Now()
	snapshot, err := client.Fetch(t.Context(), space("7"), ratelimit.Turn{})
	require.NoError(t, err)
	require.Len(t, snapshot.Numbers, 1)
	require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond, "the second attempt has its own turn")
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"x-acs-retry-after", "1500", 1500 * time.Millisecond},
		{"x-acs-retry-after", "99999999999999", maxRetryAfter},
		{"x-acs-retry-after", "soon", 0},
		{"x-acs-retry-after", "-5", 0},
		{"x-ratelimit-user-api", "Limit:10,Remain:0,TimeLeft:2000,Reset:1", 2 * time.Second},
		{"x-ratelimit-user", "TimeLeft:300", 300 * time.Millisecond},
		{"Retry-After", "3", 3 * time.Second},
		{"Retry-After", "99999999999", maxRetryAfter},
	} {
		h := http.Header{}
		h.Set(c.name, c.value)
		require.Equal(t, c.want, retryAfter(h), "%s: %s", c.name, c.value)
	}
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	sim.Inject(camssim.Fault{Kind: camssim.Throttled, RetryAfter: 1234 * time.Millisecond})
	require.Equal(t, 1234*time.Millisecond, fetchError(t, sim.client(t), "7").RetryAfter)
}

// The cloud repeats the canonical request, token included, when a signature is
// wrong; and what it says may try to steer a terminal.
func TestErrorsHoldNoSecretsAndNoControls(t *testing.T) {
	key := camssim.Key{AccessKeyId: "STS.id", AccessKeySecret: "s3cr3t-of-sts", SecurityToken: "CAIS-token-value"}
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"Code":"SignatureDoesNotMatch\u001b[2J","Message":"server CanonicalRequest is %s secret %s https://u:p@h/x?token=abc \u001b]0;x\u0007\u202e%s","RequestId":"R\n1"}`,
			r.Header.Get("x-acs-security-token"), key.AccessKeySecret, strings.Repeat("long ", 10_000))
	}))
	defer echo.Close()
	client, err := NewClient(ClientOptions{Account: "main", Endpoint: echo.URL, Credentials: keyed(key)})
	require.NoError(t, err)
	_, err = client.Fetch(t.Context(), space("1"), ratelimit.Turn{})
	for _, secret := range []string{key.AccessKeySecret, key.SecurityToken, "token=abc", "u:p", "\x1b", "\n", "\u202e", "\x07"} {
		require.NotContains(t, err.Error(), secret)
	}
	require.Less(t, len(err.Error()), 2000)

	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	client, err = NewClient(ClientOptions{Account: "main", Endpoint: gone.URL, Credentials: keyed(key)})
	require.NoError(t, err)
	_, err = client.Fetch(t.Context(), space("secret-space"), ratelimit.Turn{})
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "CustSpaceId=")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", keyed(key), keyed(key), keyed(key)), key.AccessKeySecret)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere int
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer target.Close()
	from := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer from.Close()
	client, err := NewClient(ClientOptions{Account: "main", Endpoint: from.URL, Credentials: keyed(testKey)})
	require.NoError(t, err)
	e := fetchError(t, client, "1")
	require.Equal(t, Transient, e.Class)
	require.Equal(t, http.StatusTemporaryRedirect, e.HTTPStatus)
	require.Zero(t, elsewhere)
	require.NotNil(t, client.transport.Proxy, "proxies of the environment are used")
}

func TestTimeoutIsNamed(t *testing.T) {
	sim := newCloud(t, 100, camssim.Space{Id: "7"})
	sim.Inject(camssim.Fault{Latency: time.Minute})
	e := fetchError(t, sim.client(t, func(o *ClientOptions) { o.Timeout = 50 * time.Millisecond }), "7")
	require.Equal(t, Transient, e.Class)
	require.Contains(t, e.Error(), "no answer within 50ms")
	require.ErrorIs(t, e, context.DeadlineExceeded)
}

func TestListInstance(t *testing.T) {
	var spaces []camssim.Space
	for i := range 2*pageSize + 30 {
		spaces = append(spaces, camssim.Space{Id: fmt.Sprint("s", i), Name: fmt.Sprint("Customer ", i), NoCustSpaceId: i%2 == 0})
	}
	sim := newCloud(t, 100, spaces...)
	got, err := sim.client(t).ListInstance(t.Context())
	require.NoError(t, err)
	require.Len(t, got, len(spaces))
	for i, s := range got {
		require.Equal(t, space(spaces[i].Id), s.SpaceKey)
		require.Equal(t, spaces[i].Name, s.Name)
	}
	sim.Inject(camssim.Fault{Kind: camssim.Refuse, Code: "NoPermission"})
	_, err = sim.client(t).ListInstance(t.Context())
	require.ErrorContains(t, err, "account main")
	require.ErrorContains(t, err, "action cams:ListInstance")
}

// A list that is shorter than the cloud says would end the watch of spaces that
// are there.
func TestListInstanceDoubtsWhatIsIncomplete(t *testing.T) {
	page := func(total string, ids ...string) string {
		var data []string
		for _, id := range ids {
			data = append(data, fmt.Sprintf(`{"CustSpaceId": %q}`, id))
		}
		return fmt.Sprintf(`{"Code": "OK", "TotalCount": %s, "Data": [%s]}`, total, strings.Join(data, ","))
	}
	for name, c := range map[string]struct {
		pages []string
		want  int
		err   string
	}{
		"pages smaller than asked for": {pages: []string{page("3", "a", "b"), page("3", "c")}, want: 3},
		"no total":                     {pages: []string{page("null", "a"), page("null", "b"), page("null")}, want: 2},
		"no instance at all":           {pages: []string{page("0")}},
		"the same page again":          {pages: []string{page("null", "a"), page("null", "a")}, want: 1},
		"repeated and without an id":   {pages: []string{page(`"3"`, "a", "a", "")}, want: 1},
		"ends early":                   {pages: []string{page("3", "a", "b"), page("3")}, err: "inconsistent answer: HTTP 200: the list ends after 2 of 3 instances"},
		"changes meanwhile":            {pages: []string{page("3", "a", "b"), page("2", "c")}, err: "inconsistent answer: HTTP 200: the list of instances changed while it was read"},
		"fails at the second page":     {pages: []string{page("3", "a", "b"), `{"Code": "InternalError"}`}, err: "poll failed: InternalError"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, fmt.Sprint(asked+1), r.URL.Query().Get("PageIndex"))
				fmt.Fprint(w, c.pages[asked])
				asked++
			}))
			t.Cleanup(web.Close)
			client, err := NewClient(ClientOptions{Account: "main", Endpoint: web.URL, Credentials: keyed(testKey)})
			require.NoError(t, err)
			t.Cleanup(client.Close)
			list, err := client.ListInstance(t.Context())
			if c.err == "" {
				require.NoError(t, err)
				require.Len(t, list, c.want)
				return
			}
			require.ErrorContains(t, err, c.err)
			require.Empty(t, list)
		})
	}
}

func TestConcurrentFetches(t *testing.T) {
	sim := newCloud(t, 1000, camssim.Space{Id: "7", Numbers: []camssim.Number{number("1"), number("2")}})
	client := sim.client(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 5 {
				snapshot, err := client.Fetch(context.Background(), space("7"), ratelimit.Turn{})
				if err != nil || len(snapshot.Numbers) != 2 {
					t.Errorf("got %v, %v", snapshot, err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, 80, sim.Stats("main").Served)
}

func TestClientOptionsAreChecked(t *testing.T) {
	for _, o := range []ClientOptions{
		{Endpoint: "cams.example.com"},
		{Endpoint: "ftp://cams.example.com"},
		{Credentials: Credentials{Type: "password"}},
		{Credentials: Credentials{Type: "access_key", AccessKeyId: "x"}},
	} {
		o.Account = "main"
		_, err := NewClient(o)
		require.ErrorContains(t, err, "account main")
	}
}
