package store

import (
	"context"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Stats is how much a store holds.
type Stats struct {
	Epoch     string       `json:"epoch"`
	FileSize  int64        `json:"file_size"` // bytes
	PageSize  int          `json:"page_size"` // bytes
	FreePages int          `json:"free_pages"`
	Spaces    uint64       `json:"spaces"`
	Numbers   uint64       `json:"numbers"` // a number known in two spaces counts twice
	Events    uint64       `json:"events"`
	FirstSeq  uint64       `json:"first_seq"`
	LastSeq   uint64       `json:"last_seq"`
	Alerts    uint64       `json:"alerts"`
	Messages  uint64       `json:"messages"`
	Buckets   []BucketSize `json:"buckets"`
}

// BucketSize is what a bucket holds: the bytes are those of keys and values,
// without the pages around them.
type BucketSize struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`
	Bytes   uint64 `json:"bytes"`
}

// FileSize is the size of the file in bytes.
func (s *Store) FileSize() (int64, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0, fmt.Errorf("reading the size of store %s: %w", s.path, err)
	}
	return info.Size(), nil
}

// Stats reads the whole store and counts.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	if err := s.Warm(ctx); err != nil {
		return Stats{}, err
	}
	size, err := s.FileSize()
	if err != nil {
		return Stats{}, err
	}
	out := Stats{
		Epoch: s.epoch, FileSize: size, PageSize: s.db.Info().PageSize,
		FreePages: s.db.Stats().FreePageN + s.db.Stats().PendingPageN,
		FirstSeq:  s.FirstSeq(), LastSeq: s.LastSeq(),
	}
	err = s.view("how much it holds", func(tx *bolt.Tx) error {
		for b := range bucketCount {
			out.Buckets = append(out.Buckets, sizeOf(tx, b))
		}
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	out.Spaces, out.Numbers, out.Events = out.Buckets[spaces].Records, out.Buckets[numbers].Records, out.Buckets[eventLog].Records
	out.Alerts, out.Messages = out.Buckets[alerts].Records, out.Buckets[messages].Records
	return out, nil
}

func sizeOf(tx *bolt.Tx, b bucket) BucketSize {
	size := BucketSize{Name: b.String()}
	c := b.in(tx).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		size.Records++
		size.Bytes += uint64(len(k) + len(v))
	}
	return size
}
