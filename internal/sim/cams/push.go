package cams

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Push is how the cloud pushes ChatAppAudit receipts of what changes: late, twice or
// never, as the real one does. Only changes of quality, status and name are pushed.
type Push struct {
	URL        string        // where they are posted; "": nowhere
	Recall     float64       // the part of the changes that is pushed
	Delay      time.Duration // of each, at the mean: between half and one and a half of it
	Duplicates float64       // the part of the pushes that comes twice
	Strays     float64       // the part of the pushes that one about a number of nobody follows
}

const (
	pushTimeout     = 5 * time.Second
	pushConnections = 8
	maxPushes       = 10_000 // that wait, beyond which they get lost
)

// pusher turns changes into pushes.
type pusher struct {
	Push
	chance *rand.Rand // guarded by the server's lock, like the queue's end
	queue  chan pushed
}

// pushed is a receipt and when it is due.
type pushed struct {
	receipt map[string]string
	after   time.Duration
}

func newPusher(p Push, seed uint64) *pusher {
	return &pusher{Push: p, chance: rand.New(rand.NewPCG(seed, 0xa0d17)), queue: make(chan pushed, maxPushes)}
}

// changed pushes, with luck, what has changed between two states of a space.
func (p *pusher) changed(before, after []Number) {
	was := make(map[string]Number, len(before))
	for _, n := range before {
		was[n["PhoneNumber"]] = n
	}
	for _, n := range after {
		if old, ok := was[n["PhoneNumber"]]; ok {
			for _, receipt := range receiptsOf(old, n) {
				p.push(receipt)
			}
		}
	}
}

func (p *pusher) push(receipt map[string]string) {
	if p.chance.Float64() >= p.Recall {
		return
	}
	p.send(receipt)
	if p.chance.Float64() < p.Duplicates {
		p.send(receipt)
	}
	if p.chance.Float64() < p.Strays {
		p.send(map[string]string{"Type": "phoneQualityUpdate", "PhoneNumber": fmt.Sprintf("99900%07d", p.chance.IntN(1e7)), "Status": "RED"})
	}
}

func (p *pusher) send(receipt map[string]string) {
	select {
	case p.queue <- pushed{receipt, p.Delay/2 + time.Duration(p.chance.Int64N(int64(p.Delay)+1))}:
	default:
	}
}

// receiptsOf are the receipts of a number's change, with the fields that ChatAppAudit
// fills for their types.
func receiptsOf(old, n Number) (all []map[string]string) {
	about := func(kind, field, value string) {
		if old[field] != n[field] {
			all = append(all, map[string]string{"Type": kind, "PhoneNumber": n["PhoneNumber"], value: n[field]})
		}
	}
	about("phoneQualityUpdate", "QualityRating", "Status")
	about("wabaAccountUpdate", "Status", "Status")
	about("phoneNameUpdate", "NewNameStatus", "AuditStatus")
	return all
}

// DeliverPushes posts what is pushed until ctx ends. What a receiver refuses is lost, as
// with the real cloud.
func (s *Server) DeliverPushes(ctx context.Context) {
	if s.pusher == nil || s.pusher.URL == "" {
		return
	}
	client := &http.Client{Timeout: pushTimeout, Transport: &http.Transport{MaxConnsPerHost: pushConnections}}
	defer client.CloseIdleConnections()
	var posts sync.WaitGroup
	defer posts.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-s.pusher.queue:
			posts.Go(func() {
				if until(ctx, time.Now().Add(p.after)) != nil {
					return
				}
				if err := post(ctx, client, s.pusher.URL, p.receipt); err != nil && ctx.Err() == nil {
					s.log.Warn("push lost", "type", p.receipt["Type"], "err", err)
				}
			})
		}
	}
}

func post(ctx context.Context, client *http.Client, url string, receipt map[string]string) error {
	body, err := json.Marshal(receipt)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return err
}
