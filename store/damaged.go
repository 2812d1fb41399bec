package store

import (
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store/internal/dbfile"
)

// DamagedError is a record that cannot be decoded. The rest of the store can
// be used.
type DamagedError struct {
	Bucket string
	Key    string
	Err    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("damaged record %q in bucket %q: %v", e.Key, e.Bucket, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

var errDamaged = errors.New("the value is damaged")

// SetAside moves alerts, messages, silences and conditions that cannot be
// decoded into the bucket "damaged", and returns them: one of them would
// otherwise stop every start. Call it before anything else reads the store. The
// states of spaces are too many for that: their readers handle a DamagedError,
// and the next Commit of the space sets the old value aside.
func (s *Store) SetAside() (found []*DamagedError, err error) {
	err = s.view("alerts and messages", func(tx *bolt.Tx) error {
		found = undecodable(tx)
		return nil
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = dbfile.Guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			for _, d := range found {
				from := tx.Bucket([]byte(d.Bucket))
				if err := setAside(tx, d.Bucket, []byte(d.Key), from.Get([]byte(d.Key))); err != nil {
					return err
				}
				if err := from.Delete([]byte(d.Key)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("setting damaged records of store %s aside: %w", s.path, dbfile.Explain(err))
	}
	return found, nil
}

func undecodable(tx *bolt.Tx) (found []*DamagedError) {
	for b, decode := range map[bucket]func([]byte) error{
		alerts:     decodes[alert.Alert],
		messages:   decodes[alert.Message],
		silences:   decodes[alert.Silence],
		conditions: decodes[phone.Condition],
	} {
		c := b.in(tx).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if err := decode(v); err != nil {
				found = append(found, &DamagedError{Bucket: b.String(), Key: string(k), Err: err})
			}
		}
	}
	return found
}

func decodes[T any](value []byte) error {
	var v T
	return json.Unmarshal(value, &v)
}

// setAside keeps the bytes of a damaged record.
func setAside(tx *bolt.Tx, from string, key, value []byte) error {
	return damaged.in(tx).Put(append([]byte(from+"\x00"), key...), value)
}
