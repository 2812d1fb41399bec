package cams_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
)

const nothingHashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// client signs with the vendor's own library.
type client struct {
	t      *testing.T
	base   string
	key    camssim.Key
	action string
	nonce  atomic.Int64
	now    func() time.Time
	edit   func(h map[string]string) // before signing
	spoil  func(r *http.Request)     // after signing
}

type reply struct {
	status int
	header http.Header
	raw    []byte
	doc    map[string]any
}

func (r reply) code() any { return r.doc["Code"] }

func (r reply) numbers() []any {
	list, _ := r.doc["PhoneNumbers"].([]any)
	return list
}

func (c *client) request(params map[string]string) *http.Request {
	c.t.Helper()
	u, err := url.Parse(c.base)
	require.NoError(c.t, err)
	h := map[string]string{
		"host":                  u.Host,
		"accept":                "application/json",
		"x-acs-action":          c.action,
		"x-acs-version":         "2020-06-06",
		"x-acs-date":            c.now().UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": fmt.Sprintf("%s-%d", c.t.Name(), c.nonce.Add(1)),
		"x-acs-content-sha256":  nothingHashed,
	}
	if c.key.SecurityToken != "" {
		h["x-acs-accesskey-id"], h["x-acs-security-token"] = c.key.AccessKeyId, c.key.SecurityToken
	}
	if c.edit != nil {
		c.edit(h)
	}
	signed := &dara.Request{
		Method: dara.String("POST"), Pathname: dara.String("/"),
		Headers: map[string]*string{}, Query: map[string]*string{},
	}
	query := url.Values{}
	for k, v := range params {
		signed.Query[k] = &v
		query.Set(k, v)
	}
	for k, v := range h {
		signed.Headers[k] = &v
	}
	authorization := utils.GetAuthorization(signed, dara.String("ACS3-HMAC-SHA256"),
		dara.String(h["x-acs-content-sha256"]), &c.key.AccessKeyId, &c.key.AccessKeySecret)
	r, err := http.NewRequest(http.MethodPost, c.base+"/?"+query.Encode(), nil)
	require.NoError(c.t, err)
	for k, v := range h {
		if k != "host" {
			r.Header.Set(k, v)
		}
	}
	r.Header.Set("Authorization", *authorization)
	if c.spoil != nil {
		c.spoil(r)
	}
	return r
}

func (c *client) try(params map[string]string) (reply, error) {
	resp, err := http.DefaultClient.Do(c.request(params))
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	out := reply{status: resp.StatusCode, header: resp.Header, raw: raw}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		_ = json.Unmarshal(raw, &out.doc) // broken documents are part of the tests
	}
	return out, err
}

func (c *client) call(params map[string]string) reply {
	c.t.Helper()
	r, err := c.try(params)
	require.NoError(c.t, err)
	return r
}

func (c *client) sync(space string) reply {
	c.t.Helper()
	return c.call(map[string]string{"CustSpaceId": space})
}

// ticker is a clock that tests set.
type ticker struct{ at atomic.Int64 }

func newTicker() *ticker {
	k := &ticker{}
	k.at.Store(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).UnixNano())
	return k
}

func (k *ticker) now() time.Time          { return time.Unix(0, k.at.Load()) }
func (k *ticker) advance(d time.Duration) { k.at.Add(int64(d)) }

func config(k *ticker) camssim.Config {
	return camssim.Config{
		Clock: k.now,
		Seed:  1,
		Accounts: []camssim.Account{{
			Name: "main",
			Key:  camssim.Key{AccessKeyId: "SIMKEY", AccessKeySecret: "SIMSECRET"},
			Spaces: []camssim.Space{
				{Id: "c/1 ä+*~", Name: "Acme", Numbers: []camssim.Number{
					{"PhoneNumber": "12015550100", "Status": "CONNECTED", "QualityRating": "GREEN", "UpQueue": camssim.Null},
					{"PhoneNumber": "12015550101", "Status": "PENDING", "StatusQueue": ""},
				}},
				{Id: "2", Name: "Bolt", NoCustSpaceId: true},
			},
		}},
	}
}

const acme = "c/1 ä+*~"

// start runs a simulator and returns a client with its clock.
func start(t *testing.T, change func(*camssim.Config)) (*camssim.Server, *client, *ticker) {
	t.Helper()
	k := newTicker()
	c := config(k)
	if change != nil {
		change(&c)
	}
	sim := camssim.New(c)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return sim, &client{t: t, base: web.URL, key: c.Accounts[0].Key, action: camssim.SyncPhoneNumber, now: k.now}, k
}
