package cli_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"time"

	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
)

// The fleet under the storm. Its numbers begin in distress, so that every alert
// is there from the first sight on and moves from then: few messages, each edited
// and replied to all the time.
const (
	stormAccounts = 3
	stormSpaces   = 5 // of an account
	stormNumbers  = 3 // of a space
	stormEvery    = 5 * time.Millisecond
)

// stormFields are what the storm changes, and to what. No value is off its
// scale: whether a rule holds follows from the value alone.
var stormFields = []struct {
	name   string
	values []string
}{
	{"QualityRating", []string{"GREEN", "YELLOW", "RED"}},
	{"Status", []string{"CONNECTED", "FLAGGED", "RESTRICTED", "BANNED"}},
	{"NameStatus", []string{"APPROVED", "PENDING_REVIEW", "REJECTED", "DECLINED"}},
	{"MessagingLimitTier", []string{"TIER_1K", "TIER_10K", "TIER_100K"}},
}

// storm is a cloud whose numbers change all the time. Every change gives a
// number another VerifiedName, so that no two states of it read alike.
type storm struct {
	cloud    *camssim.Server
	server   *httptest.Server
	rand     *rand.Rand
	subjects []phone.Subject
	present  map[phone.Subject]bool
	version  int
	running  sync.WaitGroup
	cancel   context.CancelFunc
}

func stormKey(account string) camssim.Key {
	return camssim.Key{AccessKeyId: "LTAI-" + account, AccessKeySecret: "secret of " + account}
}

func stormAccount(i int) string { return fmt.Sprintf("acc%d", i) }

func stormSpace(account, i int) string { return fmt.Sprintf("%d0%d", account+1, i) }

func newStorm(seed uint64) *storm {
	s := &storm{rand: rand.New(rand.NewPCG(seed, 0x57)), present: map[phone.Subject]bool{}}
	c := camssim.Config{Limit: 1000, Seed: seed}
	for i := range stormAccounts {
		a := camssim.Account{Name: stormAccount(i), Key: stormKey(stormAccount(i))}
		for j := range stormSpaces {
			a.Spaces = append(a.Spaces, camssim.Space{Id: stormSpace(i, j)})
			for k := range stormNumbers {
				s.subjects = append(s.subjects, phone.Subject{
					Account: a.Name, Space: stormSpace(i, j), PhoneNumber: fmt.Sprintf("1415555%d%d%02d", i, j, k),
				})
			}
		}
		c.Accounts = append(c.Accounts, a)
	}
	s.cloud = camssim.New(c)
	s.server = httptest.NewServer(s.cloud)
	for _, h := range s.subjects {
		s.put(h, camssim.Number{
			"PhoneNumber": h.PhoneNumber, "Status": "BANNED", "QualityRating": "RED", "NameStatus": "REJECTED",
			"CodeVerificationStatus": "VERIFIED", "NewNameStatus": "NONE", "MessagingLimitTier": "TIER_10K",
			"StatusQueue": "queue", "UpQueue": "up", "UpCallbackUrl": "https://hooks.example/in\n",
			"StatusCallbackUrl": "https://hooks.example/status?token=t", "IsOfficial": "N",
		})
	}
	return s
}

func (s *storm) put(h phone.Subject, n camssim.Number) {
	s.version++
	n["VerifiedName"] = fmt.Sprintf("Shop v%d", s.version)
	must(s.cloud.SetNumber(h.Account, h.Space, n))
	s.present[h] = true
}

// must is for what the simulator refuses only if the test is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// start changes numbers until stop is called.
func (s *storm) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.running.Go(func() {
		tick := time.NewTicker(stormEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.changeOne()
			}
		}
	})
}

func (s *storm) stop() {
	s.cancel()
	s.running.Wait()
}

// changeOne changes one number: some of its fields, or whether it is there.
func (s *storm) changeOne() {
	h := s.subjects[s.rand.IntN(len(s.subjects))]
	if !s.present[h] {
		s.put(h, s.anyNumber(h))
		return
	}
	if s.rand.IntN(200) == 0 {
		must(s.cloud.RemoveNumber(h.Account, h.Space, h.PhoneNumber))
		s.present[h] = false
		return
	}
	n := s.numberAt(h)
	for _, f := range stormFields {
		if s.rand.IntN(3) == 0 {
			n[f.name] = f.values[s.rand.IntN(len(f.values))]
		}
	}
	if s.rand.IntN(100) == 0 {
		n["StatusQueue"] = fmt.Sprintf("queue-%d", s.version)
	}
	s.put(h, n)
}

func (s *storm) anyNumber(h phone.Subject) camssim.Number {
	n := camssim.Number{"PhoneNumber": h.PhoneNumber, "StatusQueue": "queue", "IsOfficial": "N"}
	for _, f := range stormFields {
		n[f.name] = f.values[s.rand.IntN(len(f.values))]
	}
	return n
}

func (s *storm) numberAt(h phone.Subject) camssim.Number {
	numbers, err := s.cloud.Numbers(h.Account, h.Space)
	must(err)
	for _, n := range numbers {
		if n["PhoneNumber"] == h.PhoneNumber {
			return n
		}
	}
	panic("no such number: " + h.String())
}

// now returns the numbers as they are, by field.
func (s *storm) now() map[phone.Subject]map[phone.Field]string {
	all := map[phone.Subject]map[phone.Field]string{}
	for _, h := range s.subjects {
		if !s.present[h] {
			continue
		}
		all[h] = map[phone.Field]string{}
		n := s.numberAt(h)
		for f := range phone.FieldsOfNumber() {
			if v, ok := n[f.String()]; ok {
				all[h][f] = f.Canonical(v)
			}
		}
	}
	return all
}

// disturb makes some polls fail, in every way in which they can.
func (s *storm) disturb() {
	for kind, p := range map[camssim.Kind]float64{
		camssim.DropBefore: 0.04, camssim.DropAfter: 0.04, camssim.InternalError: 0.04, camssim.BadGateway: 0.01,
		camssim.Truncated: 0.01, camssim.CutJSON: 0.01, camssim.EmptyList: 0.01, camssim.RepeatUnlike: 0.01,
		camssim.Throttled: 0.005,
	} {
		s.cloud.Inject(camssim.Fault{Kind: kind, Probability: p})
	}
	s.cloud.Inject(camssim.Fault{Latency: 40 * time.Millisecond, Probability: 0.3})
}
