package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"numwatch/web/api"

	bolt "go.etcd.io/bbolt"
)

// figures are what one measurement found.
type figures struct {
	plan    plan
	refused int // requests beyond a limit, in both lives

	first        span          // the first round, from nothing
	firstBuckets []bucket      // the store after it
	stop         time.Duration // of the first life
	toPoll       time.Duration // from the second launch to the first request
	toStarted    time.Duration // until the bot says that it has started
	toCounted    time.Duration // until the pages have counted the fleet
	calm, busy   span
	delays       []time.Duration // from answer to consumer, sorted
	buckets      []bucket        // the store at the end
	fileSize     int64
}

// span is what the bot did in a time.
type span struct {
	took   time.Duration
	cpu    time.Duration
	polls  int
	events uint64
	memory memory
}

func (s span) pollsPerSecond() float64 { return float64(s.polls) / s.took.Seconds() }
func (s span) cores() float64          { return s.cpu.Seconds() / s.took.Seconds() }

// bucket is what a bucket of the store takes in the file: whole pages.
type bucket struct {
	name    string
	records int
	bytes   int
}

// measure runs a bot twice.
func measure(ctx context.Context, p plan) (f figures, err error) {
	f.plan = p
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "numwatch-load-"); err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	}
	progress("making %s", p.shape)
	cloud, slack := newCloud(p.shape), newSlack()
	defer cloud.server.Close()
	defer slack.Close()
	natsURL := ""
	if p.outside {
		server, err := newNATS(p.dir)
		if err != nil {
			return f, err
		}
		defer server.WaitForShutdown()
		defer server.Shutdown()
		natsURL = server.ClientURL()
	}
	if err := configure(p, cloud.server.URL, slack.URL+"/api/", natsURL); err != nil {
		return f, err
	}
	if _, err := os.Stat(filepath.Join(p.dir, storeFile)); err != nil {
		if err := f.firstLife(ctx, p, cloud); err != nil {
			return f, fmt.Errorf("the first round: %w", err)
		}
		progress("a pause")
		if err := wait(ctx, p.pause); err != nil {
			return f, err
		}
	}
	if err := f.secondLife(ctx, p, cloud); err != nil {
		return f, err
	}
	f.refused = cloud.refused()
	return f, nil
}

// firstLife is a first round from nothing, until NATS has all of it.
func (f *figures) firstLife(ctx context.Context, p plan, cloud *cloud) error {
	progress("the first round")
	b, err := launch(ctx, p)
	if err != nil {
		return err
	}
	within := 10*time.Minute + 3*p.shape.round()
	f.first, err = b.during(ctx, cloud, func() error {
		return b.until(ctx, within, func(s api.Status) bool { return s.Fleet.Numbers == p.shape.total() && lag(s) == 0 })
	})
	begun := time.Now()
	err = errors.Join(err, b.stop())
	f.stop = time.Since(begun)
	if err != nil {
		return err
	}
	f.firstBuckets, err = buckets(filepath.Join(p.dir, storeFile))
	return err
}

// round is how long it takes to poll every space once.
func (s shape) round() time.Duration {
	return time.Duration(float64(s.spaces) / float64(s.accounts*s.perSecond) * float64(time.Second))
}

// secondLife starts with files that are not in the page cache, and measures a
// calm and a busy span.
func (f *figures) secondLife(ctx context.Context, p plan, cloud *cloud) error {
	if err := evict(p.dir); err != nil {
		return err
	}
	cloud.forget()
	b, err := launch(ctx, p)
	if err != nil {
		return err
	}
	f.toStarted = time.Since(b.launched)
	err = f.live(ctx, p, b, cloud)
	if err = errors.Join(err, b.stop()); err != nil {
		return err
	}
	file := filepath.Join(p.dir, storeFile)
	if f.buckets, err = buckets(file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f.fileSize = info.Size()
	return nil
}

func (f *figures) live(ctx context.Context, p plan, b *bot, cloud *cloud) (err error) {
	if err := b.until(ctx, 5*time.Minute, func(s api.Status) bool { return s.Fleet.Complete }); err != nil {
		return fmt.Errorf("counting the fleet: %w", err)
	}
	f.toCounted = time.Since(b.launched)
	polled := func(api.Status) bool { return !cloud.firstAsked().IsZero() }
	if err := b.until(ctx, startWithin, polled); err != nil {
		return fmt.Errorf("the first poll: %w", err)
	}
	f.toPoll = cloud.firstAsked().Sub(b.launched)
	progress("a span without changes")
	if f.calm, err = b.during(ctx, cloud, func() error { return wait(ctx, p.span) }); err != nil {
		return err
	}
	progress("a span with %d changes a second", p.changes)
	consumer, err := consume(b.nats)
	if err != nil {
		return err
	}
	defer consumer.conn.Close()
	if f.busy, err = b.during(ctx, cloud, func() error { return keepChanging(ctx, p, cloud) }); err != nil {
		return err
	}
	err = b.until(ctx, time.Minute, func(s api.Status) bool { return lag(s) == 0 })
	f.delays = consumer.delays(cloud)
	return err
}

// during measures the bot while something goes on.
func (b *bot) during(ctx context.Context, cloud *cloud, work func() error) (s span, err error) {
	before, err := b.reading(ctx, cloud)
	if err != nil {
		return s, err
	}
	if err := work(); err != nil {
		return s, err
	}
	after, err := b.reading(ctx, cloud)
	if err != nil {
		return s, err
	}
	return span{
		took: after.at.Sub(before.at), cpu: after.cpu - before.cpu, polls: after.polls - before.polls,
		events: after.events - before.events, memory: after.memory,
	}, nil
}

// reading is how things stand at a time.
type reading struct {
	at     time.Time
	cpu    time.Duration
	polls  int
	events uint64
	memory memory
}

func (b *bot) reading(ctx context.Context, cloud *cloud) (r reading, err error) {
	s, err := b.status(ctx)
	if err != nil {
		return r, err
	}
	r.events = s.Store.Seq
	if r.cpu, r.memory, err = usage(b.cmd.Process.Pid); err != nil {
		return r, err
	}
	r.polls = cloud.asked()
	r.at = time.Now()
	return r, nil
}

// keepChanging changes numbers at an even pace.
func keepChanging(ctx context.Context, p plan, cloud *cloud) error {
	chance := rand.New(rand.NewPCG(1, 2))
	ticker := time.NewTicker(time.Second / time.Duration(p.changes))
	defer ticker.Stop()
	for end := time.Now().Add(p.span); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := cloud.change(chance); err != nil {
				return err
			}
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// buckets reads what each bucket takes.
func buckets(path string) (all []bucket, err error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return all, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			s := b.Stats()
			all = append(all, bucket{string(name), s.KeyN, s.BranchAlloc + s.LeafAlloc})
			return nil
		})
	})
}

func progress(format string, v ...any) { fmt.Fprintf(os.Stderr, "load: "+format+"\n", v...) }
